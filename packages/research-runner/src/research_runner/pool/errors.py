"""Errors of the worker pool."""

from __future__ import annotations

from research_runner.errors import RunnerError

__all__ = ["PoolError", "StartMethodError", "TravelError", "WireError"]


class PoolError(RunnerError):
    """A pool was used in a way it cannot serve (a slot that is not started, a closed pool)."""


class StartMethodError(PoolError):
    """A start method is unknown, impossible on this system, or unsafe in the state of this process."""

    method: str
    """The start method that was asked for."""
    reason: str
    """Why it cannot be used and what to use instead."""

    def __str__(self) -> str:
        return f"start method {self.method!r} cannot be used: {self.reason}"


class WireError(PoolError):
    """A message cannot be sent between processes, or cannot be read on the other side."""

    path: str
    """The path of the culprit inside the message, such as ``payload[1].model._lock``."""
    reason: str
    """What is wrong with it."""

    def __str__(self) -> str:
        return f"{self.path} cannot cross between processes: {self.reason}"


class TravelError(PoolError):
    """A named part of the work cannot travel to a worker process."""

    part: str
    """The name of the part, such as ``"unit 'train'"``."""
    path: str
    """The path of the culprit inside the part; empty if the part as a whole is at fault."""
    reason: str
    """What is wrong with it and what to do about it."""

    def __str__(self) -> str:
        where = f"{self.part}: {self.path}" if self.path else self.part
        return f"{where} cannot travel to a worker: {self.reason}"
