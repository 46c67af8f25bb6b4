"""What hooks and sinks are told while an experiment runs, and what they decide."""

from __future__ import annotations

import logging

import pytest
from plain_units import run_to_end

from research_experiment import (
    EC,
    E,
    Executor,
    Experiment,
    Hook,
    MemorySink,
    O,
)


def test_flush_every_puts_between_iterations():
    puts = []

    class Sink:
        def put(self, experiment_id, values):
            puts.append({name: dict(column) for name, column in values.items()})

    experiment = Experiment().add_generator("n", range, args=[3], save_to="n")
    running = run_to_end(experiment, sink=Sink(), flush_every_s=0)
    assert puts == [{"n": {0: 0}}, {"n": {1: 1}}, {"n": {2: 2}}]
    assert running.results == {"n": {0: 0, 1: 1, 2: 2}}


class PickySink(MemorySink):
    def put(self, experiment_id, values):
        for column in values.values():
            for value in column.values():
                if callable(value):
                    raise TypeError(f"cannot keep {value!r}")
        super().put(experiment_id, values)


@pytest.mark.parametrize("dump", [None, 1])
def test_value_that_cannot_be_put_fails_the_experiment_and_saves_the_rest(dump):
    sink = PickySink()
    experiment = (
        Experiment()
        .add_callable("good", lambda i: i, args=[E().iteration], save_to="good")
        .add_callable("bad", lambda i: len if i == 1 else i, args=[E().iteration], save_to="bad", dump=dump)
    )
    running = run_to_end(experiment, n_iters=3, sink=sink)
    assert running.failure.type == "TypeError"
    assert running.failure.unit == (None if dump is None else "dump bad")
    saved = sink.values[running.id]
    assert saved["bad"] == ({0: 0, 2: 2} if dump is None else {0: 0})
    assert saved["good"] == ({0: 0, 1: 1, 2: 2} if dump is None else {0: 0, 1: 1})


def test_value_that_cannot_be_put_between_iterations_ends_the_experiment_there():
    experiment = Experiment().add_callable("bad", lambda i: len if i == 1 else i, args=[E().iteration])
    experiment.save(O("bad"), "value")
    sink = PickySink()
    running = run_to_end(experiment, n_iters=5, sink=sink, flush_every_s=0)
    assert (running.failure.type, running.failure.iteration) == ("TypeError", 1)
    assert running.iteration == 1
    assert sink.values[running.id] == {"value": {0: 0}}


def test_hooks_are_told_in_order_and_may_fail(caplog):
    events = []

    class Listen(Hook):
        def started(self, experiment):
            events.append("started")

        def calling(self, experiment, unit):
            events.append(f"calling {unit}")

        def called(self, experiment, unit, started_s, elapsed_s):
            assert elapsed_s >= 0
            events.append(f"called {unit}")

        def iterated(self, experiment):
            events.append(f"iterated {experiment.iteration}")

        def failed(self, experiment, failure):
            events.append(f"failed {failure.unit}")

        def ended(self, experiment):
            events.append(f"ended {experiment.is_alive}")

    class Rude(Hook):
        def iterated(self, experiment):
            raise (RuntimeError, SystemExit)[experiment.iteration]("rude")

    def fail_later(i):
        if i:
            raise ValueError

    experiment = (
        Experiment().add_callable("a", fail_later, args=[E().iteration]).add_callable("b", lambda: None)
    )
    with caplog.at_level(logging.ERROR):
        run_to_end(experiment, n_iters=3, hooks=[Rude(), Listen()])
    assert events == [
        "started",
        "calling a",
        "called a",
        "calling b",
        "called b",
        "iterated 0",
        "calling a",
        "called a",
        "failed a",
        "calling b",
        "called b",
        "iterated 1",
        "ended False",
    ]
    assert sum("a hook failed and was ignored" in record.message for record in caplog.records) == 2


def test_hook_is_told_of_a_unit_whose_arguments_cannot_be_evaluated():
    called = []

    class Listen(Hook):
        def called(self, experiment, unit, started_s, elapsed_s):
            called.append(unit)

    run_to_end(Experiment().add_callable("a", lambda x: x, args=[E().nothing]), hooks=[Listen()])
    assert called == ["a"]


class EndAt(Hook):
    """Ends the experiment with a number after an iteration."""

    def __init__(self, iterations):
        self.iterations = iterations

    def ends(self, experiment):
        return experiment.iteration == self.iterations.get(experiment.config["x"])


@pytest.mark.parametrize("target", ["for", "threads"])
@pytest.mark.parametrize("root", [False, True])
def test_hook_ends_an_experiment_after_an_iteration_and_leaves_its_siblings_alone(target, root):
    sink, ended_roots = MemorySink(), []
    experiment = (
        Experiment()
        .add_callable("share", lambda: 1, root=root)
        .add_callable("x", lambda x: x, x=EC("x"), save_to="x")
        .add_callable("last", lambda: True, when="last", save_to="last")
        .dump("x", when=2)
        .add_callable("root_last", lambda: ended_roots.append(1), when="last", root=root)
    )
    configs = [{"x": x} for x in range(3)]
    hooks = [EndAt({0: 1, 2: 2})]
    executor = Executor(experiment, configs, target=target, n_iters=5, sink=sink, hooks=hooks).run()
    saved = [sink.values[each.id] for each in executor.experiments]
    assert [sorted(values["x"]) for values in saved] == [[0, 1], [0, 1, 2, 3, 4], [0, 1, 2]]
    assert ["last" in values for values in saved] == [False, True, False]
    assert not any(each.is_failed or each.is_alive for each in executor.experiments)
    assert len(ended_roots) == 1


def test_root_knows_its_last_iteration_when_other_branches_were_ended_before():
    roots = []
    experiment = (
        Experiment()
        .add_generator("n", lambda x: iter(range(x)), x=EC("x"), save_to="n")
        .add_callable("root", lambda: roots.append(1), when="last", root=True)
    )
    Executor(experiment, [{"x": 9}, {"x": 3}], target="for", hooks=[EndAt({9: 0})]).run()
    assert roots == [1]


def test_hook_is_not_asked_whether_the_last_iteration_is_the_last():
    asked = []

    class Ask(Hook):
        def ends(self, experiment):
            asked.append(experiment.iteration)
            return False

    run_to_end(Experiment().add_callable("a", lambda: 1), n_iters=3, hooks=[Ask()])
    assert asked == [0, 1]


def test_hook_that_cannot_decide_is_a_failure_of_the_experiment():
    class Fail(Hook):
        def ends(self, experiment):
            raise ValueError("no number")

    running = run_to_end(Experiment().add_callable("a", lambda: 1, save_to="a"), n_iters=3, hooks=[Fail()])
    assert (running.failure.message, running.failure.unit, running.iteration) == ("no number", None, 0)
    assert running.results == {"a": {0: 1}}
