"""What was measured beside the experiments becomes rows."""

from __future__ import annotations

import pickle
import time

import pytest

from research_experiment import EC, Executor, Experiment
from research_experiment.profiling import FunctionTime as Measured
from research_experiment.profiling import UnitTime
from research_runner.errors import OptionError
from research_runner.profiling.measure import MAX_FUNCTIONS, FunctionProfile, ProfileRow, profile_rows
from research_runner.settings.arguments import parse_profile


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0, 0),
        (False, 0),
        (1, 1),
        (True, 1),
        (2, 2),
        ("detailed", 2),
    ],
)
def test_level_is_read(value, level):
    assert parse_profile("profile", value) is level


@pytest.mark.parametrize("value", [3, -1, "times", None, 1.0])
def test_other_levels_are_refused(value):
    with pytest.raises(OptionError, match="must be 0, 1, 2"):
        parse_profile("profile", value)


def busy(x):
    for number in range(1000):
        abs(number)
    return x


def measured(level, **kwargs):
    """Rows of a small executor, as a worker makes them."""
    experiment = Experiment().add_callable("busy", busy, x=EC("x")).add_callable("nothing", int)
    executor = Executor(experiment, configs=[{"x": 2}, {"x": 3}], n_iters=2, profile=level, **kwargs).run()
    epoch = time.time() - time.perf_counter()
    return [
        row
        for running in executor.experiments
        for row in profile_rows(running.id, running.profile_info, running.profile_details, epoch)
    ]


@pytest.mark.parametrize("target", ["for", "threads"])
def test_each_call_of_a_unit_is_a_row(target):
    before = time.time()
    rows = measured(1, target=target)
    ids = list(dict.fromkeys(row.experiment_id for row in rows))
    assert len(ids) == 2
    assert [(row.experiment_id, row.iteration, row.unit) for row in rows] == [
        (who, iteration, unit) for who in ids for iteration in (0, 1) for unit in ("busy", "nothing")
    ]
    assert all(before - 1 < row.started < time.time() + 1 and row.elapsed_s >= 0 for row in rows)
    assert not any(row.functions for row in rows)


@pytest.mark.parametrize("target", ["for", "threads"])
def test_functions_below_a_unit_are_told_at_the_second_level(target):
    for row in measured(2, target=target):
        functions = {each.function: each for each in row.functions}
        if row.unit == "busy":
            own = functions[f"{__file__}:{busy.__code__.co_firstlineno}(busy)"]
            assert own.ncalls == 1
            assert own.cumtime >= own.tottime >= 0
            assert functions["<built-in method builtins.abs>"].ncalls == 1000


def test_nothing_is_told_at_level_zero():
    assert measured(0) == []


def test_of_many_functions_those_with_the_most_time_are_kept():
    calls = [UnitTime(0, "load", 1.0, 2.0), UnitTime(1, "load", 4.0, 1.0)]
    functions = [
        Measured(0, "load", f"f{number}", 1, float(number), 0.0) for number in range(MAX_FUNCTIONS + 2)
    ]
    first, second = profile_rows("a1-0", calls, functions, epoch=10.0)
    assert first[:5] == ("a1-0", 0, "load", 11.0, 2.0)
    assert [each.tottime for each in first.functions] == list(range(MAX_FUNCTIONS + 1, 1, -1))
    assert second == ProfileRow("a1-0", 1, "load", 14.0, 1.0)


def test_row_survives_pickling():
    row = ProfileRow("a1-0", 0, "load", 1.0, 2.0, (FunctionProfile("f", 1, 0.1, 0.2),))
    assert pickle.loads(pickle.dumps(row)) == row
