"""Two ways to run the branches of a task: in turn, or each in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from research_experiment.execution._branch import Branch

__all__ = ["Threaded", "Sequential", "BranchRunner"]


class BranchRunner(Protocol):
    """A way to do something for several branches."""

    def each(self, action: Callable[[Branch], Any], branches: Sequence[Branch]) -> None:
        """Call the action with each branch; return when all are done."""

    def run(self, segment: int, branches: Sequence[Branch]) -> None:
        """Run one segment of each branch; return when all are done."""


class Sequential:
    """One after another, in the caller's thread."""

    def each(self, action: Callable[[Branch], Any], branches: Sequence[Branch]) -> None:
        """Call the action with each branch."""
        for branch in branches:
            action(branch)

    def run(self, segment: int, branches: Sequence[Branch]) -> None:
        """Run one segment of each branch."""
        for branch in branches:
            branch.run(segment)


class Threaded:
    """At the same time, in a pool with a thread for each branch; a single one runs in the caller's thread."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def each(self, action: Callable[[Branch], Any], branches: Sequence[Branch]) -> None:
        """Call the action with each branch; the first exception in their order is raised."""
        if len(branches) == 1:
            action(branches[0])
        else:
            list(self._pool.map(action, branches))

    def run(self, segment: int, branches: Sequence[Branch]) -> None:
        """Run one segment of each branch."""
        self.each(lambda branch: branch.run(segment), branches)
