"""Branches of a task in threads, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from research_experiment.execution._branch import Branch


class Threads:
    """A pool with a thread for each branch; a single one runs in the caller's thread."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def each(self, action: Callable[[Branch], Any], branches: Sequence[Branch]) -> None:
        """Call the action with each branch and wait for all; the first exception in their order is raised."""
        if len(branches) == 1:
            action(branches[0])
        else:
            list(self._pool.map(action, branches))
