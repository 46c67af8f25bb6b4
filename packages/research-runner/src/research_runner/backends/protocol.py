"""What an engine has to do; the extension point for other ways to run tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from research_runner.events import BackendEvent
from research_runner.tasks import Task

__all__ = ["Backend"]


class Backend(Protocol):
    """Runs tasks in numbered slots, one task at a time in each, and reports; it decides nothing.

    All methods are called by one thread, the coordinator's. A backend never tries anything again: what dies
    is reported by ``WorkerDied``, after everything that the worker had sent.
    """

    @property
    def slots(self) -> int:
        """How many workers there can be."""

    def start(self, slot: int) -> None:
        """Start a worker; ``WorkerReady`` or ``WorkerDied`` will follow."""

    def submit(self, slot: int, tasks: Sequence[Task]) -> None:
        """Give tasks to a worker, to be run in this order."""

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Wait for news for at most `timeout_s` seconds and return them in order."""

    def stop(self, slot: int) -> None:
        """Let a worker go when it is through with its tasks; ``WorkerDied`` will follow."""

    def kill(self, slot: int, cause: str) -> None:
        """Kill a worker and all its children; ``WorkerDied`` with this cause will follow."""

    def close(self, force: bool = False) -> None:
        """Let all workers go, or kill them; leave no process, thread or file behind."""
