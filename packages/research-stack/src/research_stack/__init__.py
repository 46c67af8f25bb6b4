"""research_stack."""

from research_stack._version import __version__

__all__ = ["__version__"]
