"""research_runner."""

from research_runner._version import __version__

__all__ = ["__version__"]
