"""The rows of a profile, as a worker reports them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from research_experiment.profiling import FunctionTime as Measured
from research_experiment.profiling import UnitTime

MAX_FUNCTIONS = 100
"""The most functions that are kept of each call: those with the most time of their own."""


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
    """Yield the profile of an experiment: a row for each call of a unit, in the order in which they ended.

    `functions` are those inside of these calls; `epoch` is the Unix time, in seconds, of zero on the clock of
    the measurements.
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
