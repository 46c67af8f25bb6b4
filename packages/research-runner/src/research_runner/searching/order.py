"""The order in which experiments are told to have ended."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from research_runner.searching.watching import Watch

__all__ = ["ArrivalOrder", "DecisionJournal", "Order", "VirtualOrder"]


class Order(Protocol):
    """Decides how many experiments are under way, and in which order their ends are told."""

    @property
    def free(self) -> float:
        """How many more experiments may begin."""

    @property
    def ahead(self) -> float:
        """How many experiments may be decided on before the first of them has ended."""

    @property
    def is_prompt(self) -> bool:
        """Whether verdicts see all that has ended, and not only what had when their experiment began."""

    def begin(self, number: int) -> None:
        """Record that an experiment was decided on."""

    def reach(self, number: int, step: int) -> None:
        """Record that an experiment has done so many steps and goes on."""

    def end(self, number: int, steps: int) -> None:
        """Record that an experiment has ended after so many steps."""

    def next_ended(self) -> int | None:
        """Return the next experiment to be told, once; None if there is none, or it is not known yet."""


class DecisionJournal:
    """The sequence in which experiments were begun and told, for a resumed run: here of none.

    What an earlier run did is `recorded`: ``'begun'`` or ``'told'``, and the number of the experiment.
    """

    def __init__(self, recorded: Sequence[tuple[str, int]] = ()) -> None:
        self.recorded = recorded

    def write(self, event: str, number: int) -> None:
        """Record what was done, before anything follows from it."""

    def cut(self, count: int) -> None:
        """Forget all but the first of what is recorded, as it is not repeated."""


class ArrivalOrder:
    """As they end; any number may be under way, but none begins before all that have ended were told.

    `ahead` is how many may be decided on before the first of them has ended. The journal has the sequence of
    an earlier run, which is repeated, and gets that of this one.

    Examples
    --------
    >>> order = ArrivalOrder()
    >>> for number in (0, 1):
    ...     order.begin(number)
    >>> order.end(1, steps=5)
    >>> order.free, order.next_ended(), order.next_ended(), order.free
    (0, 1, None, inf)
    """

    is_prompt = True

    def __init__(self, ahead: float = math.inf, journal: DecisionJournal | None = None) -> None:
        self.ahead = ahead
        self._journal = journal or DecisionJournal()
        self._recorded = deque(self._journal.recorded)
        self._ended: list[int] = []

    @property
    def free(self) -> float:
        """Without a limit, unless one that has ended comes first."""
        if self._recorded:
            return math.inf if self._recorded[0][0] == "begun" else 0
        return 0 if self._ended else math.inf

    def begin(self, number: int) -> None:
        """Record a begin."""
        self._note("begun", number)

    def reach(self, number: int, step: int) -> None:
        """Do nothing: only the end of an experiment matters here."""

    def end(self, number: int, steps: int) -> None:
        """Record an end."""
        self._ended.append(number)

    def next_ended(self) -> int | None:
        """Return the experiment that ended first, or that was told next in the earlier run."""
        event, number = (
            self._recorded[0] if self._recorded else ("told", self._ended[0] if self._ended else -1)
        )
        if event != "told" or number not in self._ended:
            return None
        self._ended.remove(number)
        self._note("told", number)
        return number

    def _note(self, event: str, number: int) -> None:
        if self._recorded and self._recorded[0] == (event, number):
            self._recorded.popleft()
            return
        if self._recorded:  # a search or a domain that has changed
            self._journal.cut(len(self._journal.recorded) - len(self._recorded))
            self._recorded.clear()
        self._journal.write(event, number)


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

    is_prompt = False

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
        """Record that an experiment has done so many steps and goes on."""
        running = self._running[number]
        running.steps = max(running.steps, step)

    def end(self, number: int, steps: int) -> None:
        """Record that an experiment has ended after so many steps."""
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
