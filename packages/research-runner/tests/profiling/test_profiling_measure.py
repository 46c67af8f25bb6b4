"""Units are timed where they run, and functions below them on request."""

from __future__ import annotations

import cProfile
import pickle
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from research_experiment import EC, Executor, Experiment
from research_runner.errors import OptionError
from research_runner.profiling import FunctionTime, ProfileHook, ProfileLevel, ProfileRow

CALL = SimpleNamespace(id="a1-0", iteration=3)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0, ProfileLevel.OFF),
        (False, ProfileLevel.OFF),
        (1, ProfileLevel.TIMES),
        (True, ProfileLevel.TIMES),
        (2, ProfileLevel.DETAILED),
        ("detailed", ProfileLevel.DETAILED),
    ],
)
def test_level_is_read(value, level):
    assert ProfileLevel.parse(value) is level


@pytest.mark.parametrize("value", [3, -1, "times", None, 1.0])
def test_other_levels_are_refused(value):
    with pytest.raises(OptionError, match="must be 0, 1, 2"):
        ProfileLevel.parse(value)


def test_hook_of_an_executor_makes_a_row_for_each_call_of_a_unit():
    hook = ProfileHook()
    experiment = Experiment().add_callable("square", lambda x: x * x, x=EC("x")).add_callable("nothing", int)
    before = time.time()
    executor = Executor(experiment, configs=[{"x": 2}, {"x": 3}], target="for", n_iters=2, hooks=[hook]).run()
    rows = hook.take()
    ids = [running.id for running in executor.experiments]
    assert sorted((row.experiment_id, row.iteration, row.unit) for row in rows) == sorted(
        (identity, iteration, unit)
        for identity in ids
        for iteration in (0, 1)
        for unit in ("square", "nothing")
    )
    assert all(before - 1 < row.started < time.time() + 1 and row.elapsed_s >= 0 for row in rows)
    assert not any(row.functions for row in rows)


def test_rows_are_taken_once():
    hook = ProfileHook()
    hook.called(CALL, "load", 1.0, 2.0)
    assert len(hook.take()) == 1
    assert hook.take() == []


def busy():
    for number in range(1000):
        abs(number)


def watch(hook, function):
    hook.calling(CALL, "load")
    function()
    hook.called(CALL, "load", 0.0, 1.0)
    return hook.take()[0].functions


def test_functions_below_a_unit_are_told_at_the_second_level():
    functions = {f.function: f for f in watch(ProfileHook(ProfileLevel.DETAILED), busy)}
    line = busy.__code__.co_firstlineno
    own = functions[f"{__file__}:{line}(busy)"]
    assert own.ncalls == 1
    assert own.cumtime >= own.tottime >= 0
    assert functions["<built-in method builtins.abs>"].ncalls == 1000
    assert not any("Profiler" in name for name in functions)


def test_functions_are_not_told_at_the_first_level():
    assert watch(ProfileHook(ProfileLevel.TIMES), busy) == ()


def test_of_many_functions_those_with_the_most_time_are_kept():
    everything = watch(ProfileHook(ProfileLevel.DETAILED), busy)
    kept = watch(ProfileHook(ProfileLevel.DETAILED, max_functions=1), busy)
    assert len(kept) == 1 < len(everything)
    assert everything[0].tottime == max(f.tottime for f in everything)


def test_each_thread_is_watched_by_itself():
    hook = ProfileHook(ProfileLevel.DETAILED)
    hook.calling(CALL, "main")
    thread = threading.Thread(target=lambda: hook.called(CALL, "other", 0.0, 1.0))
    thread.start()
    thread.join()
    hook.called(CALL, "main", 0.0, 1.0)
    assert [(row.unit, bool(row.functions)) for row in hook.take()] == [("other", False), ("main", True)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before Python 3.12 profilers replace each other")
def test_another_profiler_is_left_alone():
    other = cProfile.Profile()
    other.enable()
    try:
        assert watch(ProfileHook(ProfileLevel.DETAILED), busy) == ()
    finally:
        other.disable()


def test_row_survives_pickling():
    row = ProfileRow("a1-0", 0, "load", 1.0, 2.0, (FunctionTime("f", 1, 0.1, 0.2),))
    assert pickle.loads(pickle.dumps(row)) == row
