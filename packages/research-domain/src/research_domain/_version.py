"""The version of this distribution; all five move in lock-step."""

__version__ = "0.1.0"
