"""Measure where the time goes, in the process where experiments run."""

from __future__ import annotations

import cProfile
import threading
import time
from enum import IntEnum
from typing import Any, NamedTuple

from research_experiment.protocols import Hook
from research_experiment.running import RunningExperiment
from research_runner.errors import OptionError

__all__ = ["MAX_FUNCTIONS", "FunctionTime", "ProfileHook", "ProfileLevel", "ProfileRow"]

MAX_FUNCTIONS = 100


class ProfileLevel(IntEnum):
    """How much is measured.

    Examples
    --------
    >>> ProfileLevel.parse('detailed')
    <ProfileLevel.DETAILED: 2>
    """

    OFF = 0
    TIMES = 1
    DETAILED = 2

    @classmethod
    def parse(cls, value: object) -> ProfileLevel:
        """Read the parameter `profile`.

        Parameters
        ----------
        value : bool, int or str
            0 or False: nothing. 1 or True: the time of each call of a unit. 2 or 'detailed': the functions
            below it as well.

        Returns
        -------
        ProfileLevel
            The level.

        Raises
        ------
        OptionError
            If it is anything else.
        """
        if value == "detailed":
            return cls.DETAILED
        if isinstance(value, int) and value in (0, 1, 2):
            return cls(value)
        raise OptionError("profile", f"must be 0, 1, 2, False, True or 'detailed', got {value!r}")


class FunctionTime(NamedTuple):
    """Time in one function below one call of a unit, as cProfile tells it: without and with what it calls."""

    function: str
    ncalls: int
    tottime: float
    cumtime: float


class ProfileRow(NamedTuple):
    """One call of a unit; `started` in Unix seconds, `elapsed_s` in seconds.

    Root units count for the first experiment of their task.
    """

    experiment_id: str
    iteration: int
    unit: str
    started: float
    elapsed_s: float
    functions: tuple[FunctionTime, ...] = ()


class ProfileHook(Hook):
    """Measure the units of the experiments in this process.

    Parameters
    ----------
    level : ProfileLevel
        `TIMES` or `DETAILED`.
    max_functions : int
        Of each call, only so many functions are kept: those with the most time of their own.

    Notes
    -----
    Since Python 3.12 only one thread can be watched by cProfile at a time: of branches that run in threads,
    calls that overlap with a watched one have times, but no functions.
    """

    def __init__(self, level: ProfileLevel = ProfileLevel.TIMES, max_functions: int = MAX_FUNCTIONS) -> None:
        self._detailed = level is ProfileLevel.DETAILED
        self._max_functions = max_functions
        self._epoch = time.time() - time.perf_counter()
        self._rows: list[ProfileRow] = []
        self._watching = threading.local()

    def calling(self, experiment: RunningExperiment, unit: str) -> None:
        """Begin to watch the functions of a call."""
        if not self._detailed:
            return
        profile = cProfile.Profile()
        try:
            profile.enable()
        except ValueError:  # another thread, or a profiler of the user, is watched
            return
        self._watching.profile = profile

    def called(self, experiment: RunningExperiment, unit: str, started_s: float, elapsed_s: float) -> None:
        """Keep the time of a call."""
        profile = self._watching.__dict__.pop("profile", None)
        functions = () if profile is None else _function_times(profile, self._max_functions)
        started = self._epoch + started_s
        self._rows.append(
            ProfileRow(experiment.id, experiment.iteration, unit, started, elapsed_s, functions)
        )

    def take(self) -> list[ProfileRow]:
        """Return the rows since the last time, and forget them."""
        rows, self._rows = self._rows, []
        return rows


def _function_times(profile: cProfile.Profile, limit: int) -> tuple[FunctionTime, ...]:
    profile.disable()
    entries = [entry for entry in profile.getstats() if "_lsprof.Profiler" not in str(entry.code)]
    entries.sort(key=lambda entry: entry.inlinetime, reverse=True)
    return tuple(
        FunctionTime(_function_name(entry.code), entry.callcount, entry.inlinetime, entry.totaltime)
        for entry in entries[:limit]
    )


def _function_name(code: Any) -> str:
    """Return ``file:line(name)``, or the name of a function that is not written in Python."""
    return code if isinstance(code, str) else f"{code.co_filename}:{code.co_firstlineno}({code.co_name})"
