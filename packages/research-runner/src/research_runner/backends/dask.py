"""The Dask backend, at the path that users know."""

from research_runner.backends.cluster.dask import DaskBackend

__all__ = ["DaskBackend"]
