"""Watched variables: their latest values, and when they are reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from research_domain import When
from research_runner.errors import WatchedValueError
from research_runner.searching.protocol import Report
from research_runner.system.texts import short_text

__all__ = ["Latest", "Watch", "as_number", "reports_of"]


@dataclass(frozen=True, slots=True)
class Watch:
    """Which variables are watched, and at which iterations an experiment reports and waits for a verdict."""

    variables: tuple[str, ...]  # names of variables
    steps: When | None  # the iterations; None for none

    def due(self, iteration: int) -> bool:
        """Tell whether an experiment reports after an iteration, zero-based."""
        return self.steps is not None and self.steps.due(iteration)

    def next_step(self, after: int) -> int | None:
        """Return the first step of a report after a step; None if there is none.

        Examples
        --------
        >>> watch = Watch(("loss",), When.parse([4, "%0"]))
        >>> [watch.next_step(step) for step in (0, 1, 4)]
        [1, 4, 8]
        """
        if self.steps is None:
            return None
        periodic = [(after // period + 1) * period for period in self.steps.periods]
        exact = [iteration + 1 for iteration in self.steps.exact if iteration >= after]
        return min((*periodic, *exact), default=None)


class Latest:
    """The latest values of the watched variables of one experiment.

    Examples
    --------
    >>> latest = Latest(("loss",))
    >>> latest.put("loss", 0.5)
    >>> latest.take(), latest.take(), latest.values
    ((0.5,), None, (0.5,))
    """

    __slots__ = ("_known", "_new", "_variables")

    def __init__(self, variables: tuple[str, ...]) -> None:
        self._variables = variables
        self._known: dict[str, float] = {}
        self._new = False

    def put(self, name: str, value: float) -> None:
        """Keep a value."""
        self._known[name] = value
        self._new = True

    @property
    def values(self) -> tuple[float, ...] | None:
        """The values in the order of the variables; None as long as one has none."""
        if len(self._known) < len(self._variables):
            return None
        return tuple(self._known[name] for name in self._variables)

    def take(self) -> tuple[float, ...] | None:
        """Return the values if there is a new one among them; None otherwise."""
        values = self.values if self._new else None
        if values is not None:
            self._new = False
        return values


def as_number(name: str, value: Any) -> float:
    """Return the value of a watched variable as a number; `WatchedValueError` if it is none.

    Examples
    --------
    >>> as_number("loss", True)
    1.0
    >>> as_number("loss", [0.5])
    Traceback (most recent call last):
    ...
    research_runner.errors.WatchedValueError: variable 'loss' is watched and has to be a number, got [0.5]...
    """
    try:
        if not isinstance(value, str | bytes) and not getattr(value, "ndim", 0):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise WatchedValueError(name, short_text(value))


def reports_of(
    watch: Watch, saved: Mapping[str, Mapping[int, Any]], steps: int, stopped: int | None
) -> tuple[tuple[Report, ...], tuple[float, ...] | None]:
    """Return what an experiment has reported in so many steps, and its last values, from what it saved.

    `stopped` is the step at which a verdict has ended it, if one has.

    Examples
    --------
    >>> watch = Watch(("loss",), When.parse(2))
    >>> reports_of(watch, {"loss": {0: 8, 1: 4, 2: 2, 3: 1}}, steps=4, stopped=None)
    ((Report(step=2, values=(4.0,)),), (1.0,))
    """
    latest, reports = Latest(watch.variables), []
    for iteration in range(steps):
        for name in watch.variables:
            value = saved.get(name, {}).get(iteration)
            if value is not None:
                latest.put(name, as_number(name, value))
        is_asked = iteration + 1 < steps or stopped == steps
        if is_asked and watch.due(iteration) and (values := latest.take()) is not None:
            reports.append(Report(iteration + 1, values))
    return tuple(reports), latest.values
