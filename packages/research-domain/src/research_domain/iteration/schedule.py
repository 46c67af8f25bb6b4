"""Iteration: how many configs are produced, and in which order they are repeated."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from research_domain._counting import check_count, check_digits, take
from research_domain.alias import Pairs, check_key

_BUFFER = 4096
_ENDLESS_BLOCK = 100


class Unchanged(Enum):
    """Placeholder for an iteration parameter that is not changed."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return self.value


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class IterParams:
    """How a domain is iterated; see :meth:`research_domain.Domain.set_iter_params`.

    Raises
    ------
    ParameterError
        If a number is not what it should be.
    """

    n_items: int | None = None
    n_reps: int = 1
    repeat_each: int | None = None
    produced: int = 0
    additional: bool = True
    create_id_prefix: bool | int = False
    seed: Any = None

    def __post_init__(self) -> None:
        for name in ("n_items", "n_reps", "repeat_each", "produced"):
            value = getattr(self, name)
            if hasattr(value, "__index__") and not isinstance(value, bool):
                object.__setattr__(self, name, value.__index__())  # numpy's ints are not plain data
        check_count("n_items", self.n_items, 0, optional=True)
        check_count("n_reps", self.n_reps, 1)
        check_count("repeat_each", self.repeat_each, 1, optional=True)
        check_count("produced", self.produced, 0)
        check_digits(self.create_id_prefix)


class Schedule:
    """Positions of an iteration: which config, which repetition.

    So many `items`, None if endless, are repeated `reps` times, so many of them together as `each` says.
    """

    __slots__ = ("each", "items", "reps")

    def __init__(self, items: int | None, each: int, reps: int) -> None:
        self.items = items
        self.each = each
        self.reps = reps

    @classmethod
    def of(cls, params: IterParams, length: int | None) -> Schedule:
        """Make the schedule of a domain of some length, which `n_items` overrules unless it is 0."""
        items = length if params.n_items is None or length == 0 else params.n_items
        each = params.repeat_each or (_ENDLESS_BLOCK if items is None else max(items, 1))
        return cls(items, int(each), int(params.n_reps))

    @classmethod
    def of_unknown(cls, params: IterParams) -> Schedule | None:
        """Make the schedule of a domain of unknown length, or return None if the length is needed."""
        if params.n_items is None and params.n_reps > 1 and (params.repeat_each or _BUFFER + 1) > _BUFFER:
            return None
        each = params.repeat_each or params.n_items or 1
        return cls(params.n_items, int(each), int(params.n_reps))

    @property
    def size(self) -> int | None:
        """Number of configs with repetitions, None if endless."""
        return None if self.items is None else self.items * self.reps

    def locate(self, position: int) -> tuple[int, int]:
        """Return the index of the config and the repetition at a position."""
        block, rest = divmod(position, self.each * self.reps)
        start = block * self.each
        repetition, step = divmod(rest, self._width(start))
        return start + step, repetition

    def walk(
        self, stream: Callable[[int], Iterator[Pairs]], position: int = 0
    ) -> Iterator[tuple[int, Iterator[Pairs]]]:
        """Yield repetitions with the points that have it, from a position on.

        `stream` returns the iterator of points from an index on; where it ends, this one ends.
        """
        if self.reps == 1:
            points = stream(position)
            yield 0, points if self.items is None else take(points, self.items - position)
            return
        if self.size is not None and position >= self.size:
            return
        index, first = self.locate(position)
        step = index % self.each
        live = stream(index - step) if self.each <= _BUFFER else iter(())
        for start in itertools.count(index - step, self.each):
            width = self._width(start)
            if width <= 0:
                return
            block = list(take(live, width))
            if self.each <= _BUFFER and not block:
                return
            for repetition in range(first, self.reps):
                points = iter(block[step:]) if block else take(stream(start + step), width - step)
                yield repetition, points
                step = 0
            first = 0

    def _width(self, start: int) -> int:
        return self.each if self.items is None else min(self.each, self.items - start)


def auxiliary(repetition: int, updates: int) -> Pairs:
    """Return the pairs that tell how a config is run."""
    return ((_REPETITION, repetition), (_UPDATES, updates))


_REPETITION = check_key("repetition")
_UPDATES = check_key("updates")
