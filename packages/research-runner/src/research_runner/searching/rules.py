"""Stopping rules that need no package: they end experiments early."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from research_domain import When
from research_runner.searching.protocol import Report, SearchContext, Told, Verdict

__all__ = ["MedianStop", "StopWhen"]


@dataclass(frozen=True)
class StopWhen:
    """Ends an experiment when a function of what it has reported says so.

    Parameters
    ----------
    variables : str or sequence of str
        Saved variables that are watched.
    function : callable
        Takes the reports of one experiment, a tuple of `Report` with `step` and `values`, the latest one
        last; returns whether it is to end.
    steps : int, str or list
        When experiments report, in the language of ``when``; by default in each iteration.

    Examples
    --------
    Loss that has not become less in the last three reports:

    >>> rule = StopWhen("loss", lambda reports: min(r.values for r in reports[-3:]) > min(reports).values)
    >>> diverges = StopWhen("loss", lambda reports: reports[-1].values[0] > 10, steps=5)
    """

    variables: str | Sequence[str]
    function: Callable[[tuple[Report, ...]], bool]
    steps: Any = 1

    def __post_init__(self) -> None:
        When.parse(self.steps)

    def make(self, context: SearchContext) -> _OwnReports:
        """Return a new rule."""
        names = (self.variables,) if isinstance(self.variables, str) else tuple(self.variables)
        return _OwnReports(names, self.steps, self.function)


class _OwnReports:
    """A rule that looks at one experiment at a time."""

    compares = False

    def __init__(
        self, variables: tuple[str, ...], steps: Any, function: Callable[[tuple[Report, ...]], bool]
    ) -> None:
        self.variables, self.steps = variables, steps
        self._function = function
        self._reports: dict[int, tuple[Report, ...]] = {}

    def report(self, number: int, step: int, values: tuple[float, ...], seen: int) -> Verdict:
        """Ask the function."""
        reports = (*self._reports.get(number, ()), Report(step, values))
        self._reports[number] = reports
        return Verdict.STOP if self._function(reports) else Verdict.CONTINUE

    def tell(self, told: Told) -> None:
        """Forget what it has reported."""
        if told.number is not None:
            self._reports.pop(told.number, None)


@dataclass(frozen=True)
class MedianStop:
    """Ends an experiment whose best value so far is worse than the median of others at the same step.

    Parameters
    ----------
    variable : str
        A saved variable that is watched. Less is better, or with a leading ``-`` more.
    steps : int, str or list
        When experiments report, in the language of ``when``.
    startup : int
        Experiments that need to have come to this step before any is ended there.

    Notes
    -----
    The median stopping rule of Golovin et al., Google Vizier, 2017, with the value of the others at that
    step in place of the mean of their values up to it.
    """

    variable: str
    steps: Any = 1
    startup: int = 5

    def __post_init__(self) -> None:
        When.parse(self.steps)

    def make(self, context: SearchContext) -> _Median:
        """Return a new rule."""
        return _Median(self.variable, self.steps, self.startup)


class _Median:
    compares = True

    def __init__(self, variable: str, steps: Any, startup: int) -> None:
        self.variables, self.steps = (variable.removeprefix("-"),), steps
        self._sign = -1.0 if variable.startswith("-") else 1.0
        self._startup = startup
        self._best: dict[int, float] = {}
        self._told: list[dict[int, float]] = []

    def report(self, number: int, step: int, values: tuple[float, ...], seen: int) -> Verdict:
        """Compare its best value with the median of those that were told before it began."""
        best = self._best[number] = min(self._best.get(number, math.inf), self._badness(values))
        others = [told[step] for told in self._told[:seen] if step in told]
        is_worse = len(others) >= self._startup and best > statistics.median(others)
        return Verdict.STOP if is_worse else Verdict.CONTINUE

    def tell(self, told: Told) -> None:
        """Keep its values; those of a failed one are ignored."""
        if told.number is not None:
            self._best.pop(told.number, None)
        reports = told.reports if told.status in ("done", "stopped") else ()
        self._told.append({report.step: self._badness(report.values) for report in reports})

    def _badness(self, values: tuple[float, ...]) -> float:
        """Return a number that is the less the better; NaN is as bad as can be."""
        return math.inf if math.isnan(values[0]) else self._sign * values[0]
