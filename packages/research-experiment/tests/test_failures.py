"""Failures: of a root, of a plan without units, as text and in the log."""

from __future__ import annotations

import logging

from plain_units import run_to_end

from research_experiment import (
    EC,
    E,
    Executor,
    Experiment,
    ExperimentPlan,
    Failure,
    Hook,
)


def test_root_that_fails_is_a_failure_of_the_root_and_of_those_branches_that_still_run():
    roots = []

    def fail_later(root):
        roots.append(root)
        if root.iteration == 2:
            raise ValueError("root")

    experiment = (
        Experiment()
        .add_generator("steps", range, args=[EC("n")])
        .add_callable("fail", fail_later, args=[E()], root=True)
    )
    executor = Executor(experiment, configs=[{"n": 0}, {"n": 9}, {"n": 9}], target="for").run()
    assert [running.is_failed for running in executor.experiments] == [False, True, True]
    assert roots[0].is_failed
    assert roots[0].failure.unit == "fail"


def test_root_is_called_once_per_task_and_hooks_see_the_root():
    seen = []

    class Listen(Hook):
        def called(self, experiment, unit, started_s, elapsed_s):
            seen.append((unit, experiment.index))

    experiment = Experiment().add_callable("r", lambda: 1, root=True).add_callable("b", lambda: 1)
    Executor(experiment, configs=[{}, {}], target="for", hooks=[Listen()]).run()
    assert seen == [("r", None), ("b", 0), ("b", 1)]


def test_empty_plan_ends_after_one_iteration():
    assert run_to_end(ExperimentPlan()).results == {}


def test_failure_is_logged_with_the_id(caplog):
    with caplog.at_level(logging.ERROR, logger="research.experiment"):
        running = run_to_end(Experiment().add_callable("bad", lambda: 1 / 0))
    (record,) = caplog.records
    assert record.experiment_id == running.id
    assert "ZeroDivisionError" in record.getMessage()


def test_failure_keeps_everything_as_text():
    def inner():
        raise KeyError("deep")

    def outer():
        try:
            inner()
        except KeyError as error:
            raise Unpicklable("text", lambda: None) from error

    running = run_to_end(Experiment().add_callable("bad", outer), {"x": 1})
    failure = running.failure
    assert isinstance(failure, Failure)
    assert failure.type.endswith("Unpicklable")
    assert (failure.message, failure.unit, failure.iteration) == ("text", "bad", 0)
    assert (failure.experiment_id, failure.config, failure.cause) == (running.id, {"x": "1"}, "exception")
    for part in ("KeyError: 'deep'", "direct cause", "in inner", "in outer"):
        assert part in failure.traceback


class Unpicklable(Exception):
    def __init__(self, text, function):
        super().__init__(text)
        self.function = function

    def __reduce__(self):
        raise TypeError("no")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("even this")


def test_failure_of_an_exception_without_a_text_is_described():
    def fail():
        raise Mute

    failure = run_to_end(Experiment().add_callable("bad", fail)).failure
    assert "Mute" in failure.message
    assert "in fail" in failure.traceback
