"""Policies: how often an experiment is retried, and when a research gives up."""

from __future__ import annotations

from collections.abc import Hashable

from research_experiment import Failure


class Attempts:
    """The number of attempts at each experiment; only lost attempts take memory."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lost: dict[str, int] = {}

    def current(self, experiment_id: str) -> int:
        """Return the number of the attempt that runs or comes next, from 1."""
        return self._lost.get(experiment_id, 0) + 1

    def lose(self, experiment_id: str) -> bool:
        """Count a lost attempt; return whether there may be another one."""
        attempt = self.current(experiment_id)
        if attempt >= self._most:
            return False
        self._lost[experiment_id] = attempt
        return True


def _kind(failure: Failure) -> Hashable:
    """Return what makes failures the same; the memory that a dead worker used is no part of it."""
    message = failure.message if failure.cause == "exception" else failure.message.partition(";")[0]
    return failure.type, failure.unit, message, failure.cause


class Canary:
    """Detects that the first `count` experiments of a research all fail with the same error; 0 is never."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._kind: Hashable = None

    @property
    def watches(self) -> bool:
        """Whether it may still sing."""
        return self._left > 0

    def sings(self, failure: Failure | None) -> bool:
        """Record how an experiment ended; return whether the research has to be given up now."""
        if self._left <= 0:
            return False
        kind = None if failure is None else _kind(failure)
        if kind is None or self._kind not in (None, kind):
            self._left = 0
            return False
        self._kind = kind
        self._left -= 1
        return self._left == 0
