"""research_domain."""

from research_domain._version import __version__

__all__ = ["__version__"]
