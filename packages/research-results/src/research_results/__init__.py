"""research_results."""

from research_results._version import __version__

__all__ = ["__version__"]
