"""research_experiment."""

from research_experiment._version import __version__

__all__ = ["__version__"]
