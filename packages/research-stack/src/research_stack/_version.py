"""The version of this distribution; all of them move in lock-step."""

__version__ = "0.1.0"
