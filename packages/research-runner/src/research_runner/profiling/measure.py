"""The rows of a profile, as a worker reports them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from research_experiment.profiling import FunctionTime as Measured
from research_experiment.profiling import UnitTime
from research_runner.errors import OptionError

__all__ = ["MAX_FUNCTIONS", "FunctionProfile", "ProfileLevel", "ProfileRow", "profile_rows"]

MAX_FUNCTIONS = 100
"""The most functions that are kept of each call: those with the most time of their own."""


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


class FunctionProfile(NamedTuple):
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
    functions: tuple[FunctionProfile, ...] = ()


def profile_rows(
    experiment_id: str, units: Sequence[UnitTime], functions: Sequence[Measured], epoch: float
) -> Iterator[ProfileRow]:
    """Yield the profile of an experiment: a row for each call of a unit.

    Parameters
    ----------
    experiment_id : str
        The experiment.
    units : sequence of UnitTime
        Calls of units, in the order in which they ended.
    functions : sequence of FunctionProfile
        Functions inside of these calls.
    epoch : float
        Unix time, in seconds, of zero on the clock of the rows.
    """
    inside: dict[tuple[int, str], list[Measured]] = {}
    for each in functions:
        inside.setdefault((each.iteration, each.unit), []).append(each)
    for call in units:
        below = inside.pop((call.iteration, call.unit), [])
        below.sort(key=lambda each: each.own_s, reverse=True)
        yield ProfileRow(
            experiment_id,
            call.iteration,
            call.unit,
            epoch + call.started_s,
            call.elapsed_s,
            tuple(
                FunctionProfile(each.function, each.n_calls, each.own_s, each.cumulative_s)
                for each in below[:MAX_FUNCTIONS]
            ),
        )
