"""The order in which experiments are told to have ended."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from research_runner.searching.watching import Watch

__all__ = ["ArrivalOrder", "Order", "VirtualOrder"]


class Order(Protocol):
    """Decides how many experiments are under way, and in which order their ends are told."""

    @property
    def free(self) -> float:
        """How many more experiments may begin."""

    @property
    def ahead(self) -> float:
        """How many experiments may be decided on before the first of them has ended."""

    def begin(self, number: int) -> None:
        """Take note that an experiment was decided on."""

    def reach(self, number: int, step: int) -> None:
        """Take note that an experiment has done so many steps and goes on."""

    def end(self, number: int, steps: int) -> None:
        """Take note that an experiment has ended after so many steps."""

    def next_ended(self) -> int | None:
        """Return the next experiment to be told, once; None if that is none, or not known yet."""


class ArrivalOrder:
    """As they end; any number may be under way.

    Parameters
    ----------
    ahead : float
        How many may be decided on before the first of them has ended.

    Examples
    --------
    >>> order = ArrivalOrder()
    >>> for number in (0, 1):
    ...     order.begin(number)
    >>> order.end(1, steps=5)
    >>> order.next_ended(), order.next_ended()
    (1, None)
    """

    def __init__(self, ahead: float = math.inf) -> None:
        self.ahead = ahead
        self._ended: deque[int] = deque()

    @property
    def free(self) -> float:
        """Without a limit."""
        return math.inf

    def begin(self, number: int) -> None:
        """Do nothing."""

    def reach(self, number: int, step: int) -> None:
        """Do nothing."""

    def end(self, number: int, steps: int) -> None:
        """Take note of an end."""
        self._ended.append(number)

    def next_ended(self) -> int | None:
        """Return the experiment that ended first."""
        return self._ended.popleft() if self._ended else None


@dataclass(slots=True)
class _Running:
    """An experiment in virtual time."""

    begun: int
    steps: int = 0
    ended: bool = False


class VirtualOrder:
    """By virtual time: a fixed number of slots in which each experiment does one step per tick.

    An experiment begins at the tick at which a slot was free, and ends at the tick of the first step after
    its last one at which it would have reported: so reports tell how far it is at least, and all that is
    decided is a function of what experiments report and of how many steps they do.

    Parameters
    ----------
    slots : int
        The most experiments that are under way in virtual time.
    watch : Watch
        The steps at which experiments report.

    Examples
    --------
    >>> order = VirtualOrder(2, Watch((), None))
    >>> for number in (0, 1):
    ...     order.begin(number)
    >>> order.end(1, steps=5)
    >>> order.next_ended()  # 0 may have fewer
    >>> order.reach(0, 7)
    >>> order.next_ended(), order.free
    (1, 1)
    """

    def __init__(self, slots: int, watch: Watch) -> None:
        self.ahead: float = slots
        self._watch = watch
        self._now = 0
        self._running: dict[int, _Running] = {}

    @property
    def free(self) -> float:
        """Virtual slots in which nothing runs."""
        return self.ahead - len(self._running)

    def begin(self, number: int) -> None:
        """Put an experiment into a slot, now."""
        self._running[number] = _Running(self._now)

    def reach(self, number: int, step: int) -> None:
        """Take note that an experiment has done so many steps and goes on."""
        running = self._running[number]
        running.steps = max(running.steps, step)

    def end(self, number: int, steps: int) -> None:
        """Take note that an experiment has ended after so many steps."""
        running = self._running[number]
        running.steps, running.ended = max(steps, running.steps + 1), True

    def next_ended(self) -> int | None:
        """Return the experiment that ends first in virtual time, and go on to then; None if not known yet."""
        if not self._running:
            return None
        ends, number = min((self._end_of(running), number) for number, running in self._running.items())
        if not self._running[number].ended:
            return None
        self._now = ends
        del self._running[number]
        return number

    def _end_of(self, running: _Running) -> int:
        """Return the tick at which an experiment ends, or before which it does not."""
        done = max(running.steps - 1, 0) if running.ended else running.steps
        return running.begun + (self._watch.next_step(done) or done + 1)
