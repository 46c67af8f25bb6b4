"""The Ray backend, at the path that users know."""

from research_runner.backends.cluster.ray.backend import RayBackend

__all__ = ["RayBackend"]
