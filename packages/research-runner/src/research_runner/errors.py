"""Errors of the runner; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

__all__ = ["RunnerError"]


class RunnerError(Exception):
    """Base class of everything that the runner raises on purpose."""
