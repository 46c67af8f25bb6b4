"""Where the time of an experiment goes: rows per call of a unit, and per function inside it."""

from __future__ import annotations

import cProfile
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from threading import Lock
from types import CodeType
from typing import Any, Final, NamedTuple

from research_experiment.errors import ExecutorError

__all__ = ["FunctionTime", "Profile", "UnitTime", "parse_profile"]


class UnitTime(NamedTuple):
    """One call of a unit; times in seconds, the start on the clock of ``time.perf_counter``."""

    iteration: int
    unit: str
    started_s: float
    elapsed_s: float


class FunctionTime(NamedTuple):
    """All calls of one function within one call of a unit; times in seconds."""

    iteration: int
    unit: str
    function: str
    n_calls: int
    own_s: float
    cumulative_s: float


_LEVELS: Final[Mapping[int | str, int]] = {0: 0, 1: 1, 2: 2, "detailed": 2}


def parse_profile(profile: bool | int | str) -> int:
    """Read how much is measured: 0 nothing, 1 or True units, 2 or ``'detailed'`` functions as well."""
    level = _LEVELS.get(profile) if isinstance(profile, int | str) else None
    if level is None:
        raise ExecutorError(
            f"profile must be 0, 1 (times of units) or 2 ('detailed': of functions as well), got {profile!r}"
        )
    return level


class Profile:
    """The rows of one experiment, in the order in which the calls ended.

    The turn is held while functions are measured, as branches of a task share the profiler of the process.
    """

    __slots__ = ("_level", "_turn", "functions", "units")

    def __init__(self, level: int = 0, turn: AbstractContextManager[Any] | None = None) -> None:
        self.units: list[UnitTime] = []
        self.functions: list[FunctionTime] = []
        self._level = level
        self._turn = turn if turn is not None else Lock()

    def watch(
        self, unit: str, action: Callable[[], None], iteration: Callable[[], int]
    ) -> Callable[[], None]:
        """Return the action of a unit with its measurement."""
        if self._level == 0:
            return action
        inner = action if self._level == 1 else self._inspected(unit, action, iteration)
        clock, rows = time.perf_counter, self.units

        def timed() -> None:
            started_s = clock()
            try:
                inner()
            finally:
                rows.append(UnitTime(iteration(), unit, started_s, clock() - started_s))

        return timed

    def summary(self, per_iter: bool, detailed: bool) -> dict[Any, float]:
        """Return seconds per unit, iteration and function, the longest first."""
        total: dict[Any, float] = {}
        for key, seconds in self._parts(detailed):
            key = key if per_iter else key[1:]
            short = key[0] if len(key) == 1 else key
            total[short] = total.get(short, 0.0) + seconds
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def _parts(self, detailed: bool) -> Iterator[tuple[tuple[Any, ...], float]]:
        if detailed:
            return (((row.iteration, row.unit, row.function), row.own_s) for row in self.functions)
        return (((row.iteration, row.unit), row.elapsed_s) for row in self.units)

    def _inspected(
        self, unit: str, action: Callable[[], None], iteration: Callable[[], int]
    ) -> Callable[[], None]:
        def inspected() -> None:
            if sys.getprofile() is not None:  # another profiler is at work, perhaps of an outer experiment
                action()
                return
            with self._turn:
                profiler = cProfile.Profile()
                try:
                    _run_with(profiler, action)
                finally:
                    self.functions += _function_rows(profiler, unit, iteration())

        return inspected


def _run_with(profiler: cProfile.Profile, action: Callable[[], None]) -> None:
    try:
        profiler.enable()
    except ValueError:  # from Python 3.12 on: the interpreter's one profiler is taken
        action()
        return
    try:
        action()
    finally:
        profiler.disable()


def _function_rows(profiler: cProfile.Profile, unit: str, iteration: int) -> list[FunctionTime]:
    return [
        FunctionTime(
            iteration, unit, _function_name(entry.code), entry.callcount, entry.inlinetime, entry.totaltime
        )
        for entry in profiler.getstats()
        if not (isinstance(entry.code, CodeType) and entry.code.co_filename == __file__)
    ]


def _function_name(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code
    return f"{code.co_filename}:{code.co_firstlineno}({code.co_qualname})"
