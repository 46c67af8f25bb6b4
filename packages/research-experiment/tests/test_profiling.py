"""Where the time goes: rows per call, and per function inside."""

from __future__ import annotations

import cProfile
import sys

import pytest

from research_experiment import EC, E, Executor, Experiment
from research_experiment.profiling import Profile


def add_up(n):
    return sum(range(n))


def work(n):
    return add_up(n) + add_up(n)


def build():
    return (
        Experiment()
        .add_callable("load", lambda: 1, root=True)
        .add_callable("work", work, args=[EC("n")])
        .add_callable("rare", work, args=[1], when=2)
    )


def test_nothing_is_measured_by_default():
    (running,) = Executor(build(), configs=[{"n": 1}], n_iters=2).run().experiments
    assert running.profile_info == []
    assert running.profile_details == []
    assert running.show_profile_info() == {}


@pytest.mark.parametrize("level", [1, True])
def test_each_call_of_a_unit_is_a_row_and_the_root_is_in_the_first_branch(level):
    executor = Executor(build(), configs=[{"n": 1}, {"n": 2}], n_iters=2, target="for", profile=level).run()
    first, second = executor.experiments
    assert [(row.iteration, row.unit) for row in first.profile_info] == [
        (0, "load"),
        (0, "work"),
        (1, "load"),
        (1, "work"),
        (1, "rare"),
    ]
    assert [(row.iteration, row.unit) for row in second.profile_info] == [
        (0, "work"),
        (1, "work"),
        (1, "rare"),
    ]
    starts = [row.started_s for row in first.profile_info]
    assert starts == sorted(starts)
    assert all(row.elapsed_s >= 0 for row in first.profile_info)
    assert first.profile_details == []
    total = first.show_profile_info()
    assert set(total) == {"load", "work", "rare"}
    assert list(total.values()) == sorted(total.values(), reverse=True)
    assert set(first.show_profile_info(per_iter=True)) == {
        (0, "load"),
        (0, "work"),
        (1, "load"),
        (1, "work"),
        (1, "rare"),
    }


@pytest.mark.parametrize("level", [2, "detailed"])
@pytest.mark.parametrize("target", ["for", "threads"])
def test_functions_inside_of_units_are_rows_as_well(level, target):
    executor = Executor(
        build(), configs=[{"n": 10}, {"n": 20}], n_iters=1, target=target, profile=level
    ).run()
    for running in executor.experiments:
        calls = {
            row.function.rpartition("(")[2]: row.n_calls
            for row in running.profile_details
            if row.unit == "work"
        }
        assert calls["work)"] == 1
        assert calls["add_up)"] == 2
        row = next(row for row in running.profile_details if row.function.endswith("(add_up)"))
        assert __file__ in row.function
        assert row.cumulative_s >= row.own_s >= 0
        assert ("work", row.function) in running.show_profile_info(detailed=True)
        assert (0, "work", row.function) in running.show_profile_info(per_iter=True, detailed=True)


def test_functions_are_measured_one_unit_at_a_time():
    turns = []

    class Turn:
        def __enter__(self):
            turns.append("enter")

        def __exit__(self, *error):
            turns.append("leave")

    profile = Profile(2, Turn())
    profile.watch("unit", lambda: turns.append("work"), lambda: 0)()
    assert turns == ["enter", "work", "leave"]
    assert [row.unit for row in profile.units] == ["unit"]


def test_failing_units_are_measured_as_well():
    experiment = Experiment().add_callable("bad", lambda: 1 / 0)
    (running,) = Executor(experiment, profile=2).run().experiments
    assert [row.unit for row in running.profile_info] == ["bad"]
    assert {row.unit for row in running.profile_details} == {"bad"}


def test_another_profiler_goes_on_undisturbed():
    profiler = cProfile.Profile()
    profiler.enable()
    active = sys.getprofile()
    try:
        executor = Executor(build(), configs=[{"n": 1}], profile=2, target="for").run()
        assert sys.getprofile() is active
    finally:
        profiler.disable()
    assert executor.experiments[0].profile_details == []
    assert len(executor.experiments[0].profile_info) == 2
    assert any("add_up" in str(entry.code) for entry in profiler.getstats())


def test_nested_executors_do_not_wait_for_each_other():
    def nest():
        inner = Experiment().add_callable("inner", lambda: 1)
        Executor(inner, configs=[{}, {}], profile=2, target="threads").run()

    experiment = Experiment().add_callable("nest", nest)
    executor = Executor(experiment, configs=[{}, {}], profile=2, target="threads").run()
    assert not any(running.is_failed for running in executor.experiments)


def test_making_a_generator_is_part_of_its_first_call():
    made = []

    def numbers():
        made.append(1)
        return iter([1])

    experiment = Experiment().add_generator("n", numbers).add_callable("i", lambda i: i, args=[E().iteration])
    (running,) = Executor(experiment, profile=2).run().experiments
    functions = [row.function for row in running.profile_details if row.unit == "n" and row.iteration == 0]
    assert any("numbers" in function for function in functions)
