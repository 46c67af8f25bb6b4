"""The end of an experiment is the end of its objects: closed in time, and not kept by ours."""

from __future__ import annotations

import gc
import logging
import sqlite3
import weakref
from functools import partial
from types import SimpleNamespace

import pytest

from research_experiment import EC, E, Executor, Experiment, Hook, O, TextCapture


class Told(Hook):
    """Notes the ends of experiments among what happens otherwise."""

    def __init__(self, events):
        self.events = events

    def ended(self, experiment):
        self.events.append("ended")


class Resource:
    """Notes when it is closed."""

    def __init__(self, events, name="closed", error=None):
        self.events, self.name, self.error = events, name, error

    def use(self):
        return 1

    def close(self):
        self.events.append(self.name)
        print("closing", self.name)
        if self.error is not None:
            raise self.error


def stream(events, name="generator closed", error=None):
    try:
        yield from range(10)
    finally:
        events.append(name)
        if error is not None:
            raise error


def run(experiment, configs=({},), target="for", events=None, **options):
    hooks = [] if events is None else [Told(events)]
    return Executor(experiment, configs=list(configs), target=target, hooks=hooks, **options).run()


# -- closed -------------------------------------------------------------------------------------------


def test_instances_and_generators_are_closed_before_the_end_is_told_the_last_first():
    events = []
    experiment = (
        Experiment()
        .add_instance("first", lambda: Resource(events, "first"))
        .add_instance("second", lambda: Resource(events, "second"))
        .add_generator("g", lambda: stream(events))
    )
    run(experiment, events=events, n_iters=2)
    assert events == ["generator closed", "second", "first", "ended"]


def test_a_generator_that_has_a_reference_elsewhere_is_closed():
    kept, events = [], []
    experiment = (
        Experiment()
        .add_generator("g", lambda: stream(events))
        .add_callable("keep", lambda g: kept.append(g), args=[E("g")])
    )
    run(experiment, n_iters=2)
    assert events == ["generator closed"]


def test_objects_of_a_failed_experiment_are_closed():
    events = []

    def fail(_):
        raise ValueError("no")

    experiment = (
        Experiment()
        .add_instance("i", lambda: Resource(events))
        .add_generator("g", lambda: stream(events))
        .add_callable("fail", fail, args=[O("g")])
    )
    executor = run(experiment, events=events, n_iters=2)
    assert events == ["generator closed", "closed", "ended"]
    assert executor.experiments[0].failure.type == "ValueError"


@pytest.mark.parametrize("target", ["for", "threads"])
def test_objects_of_a_root_are_closed_once_after_the_last_branch(target):
    events = []
    experiment = (
        Experiment()
        .add_instance("shared", lambda: Resource(events, "root"), root=True)
        .add_generator("g", lambda: stream(events, "root generator"), root=True)
        .add_callable("shared.use", root=True)
        .add_instance("own", lambda: Resource(events, "branch"))
    )
    run(experiment, [{"x": 1}, {"x": 2}], target, events, n_iters=1)
    assert events == ["branch", "ended", "branch", "ended", "root generator", "root"]


def test_objects_of_an_interrupted_run_are_closed_and_its_error_is_raised(caplog):
    events = []

    def interrupt():
        raise KeyboardInterrupt

    experiment = (
        Experiment()
        .add_instance("good", lambda: Resource(events, "good"))
        .add_instance("bad", lambda: Resource(events, "bad", error=ValueError("stuck")))
        .add_callable("interrupt", interrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        run(experiment, events=events)
    assert events == ["bad", "good"]
    assert "'bad' could not be closed" in caplog.text


class NeedsArguments:
    def close(self, how):
        raise AssertionError


class Coroutine:
    async def close(self):
        raise AssertionError


class Data:
    close = 3.5


class Answers:
    def __getattr__(self, name):
        return lambda: 1 / 0


class Model:
    """A class that is given as an instance itself; it has nothing to close."""

    def close(self):
        raise AssertionError


@pytest.mark.parametrize(
    "make",
    [NeedsArguments, Coroutine, Data, Answers, lambda: Model, lambda: SimpleNamespace(close=lambda: 1 / 0)],
)
def test_only_a_method_close_without_arguments_is_called(make):
    executor = run(Experiment().add_instance("i", make).add_callable("f", lambda: 1))
    assert executor.experiments[0].failure is None


def test_an_object_of_c_is_closed():
    executor = run(
        Experiment().add_instance("db", sqlite3.connect, database=":memory:").add_callable("f", lambda: 1)
    )
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        executor.experiments[0].instances["db"].execute("select 1")


# -- what cannot be closed ----------------------------------------------------------------------------


def test_an_error_of_close_is_a_failure_that_names_the_instance_and_what_was_saved_stays():
    events, put = [], []

    class Keep:
        def put(self, experiment_id, values):
            put.append(values)

    experiment = (
        Experiment()
        .add_instance("good", lambda: Resource(events, "good"))
        .add_instance("bad", lambda: Resource(events, "bad", error=OSError("no space")))
        .add_callable("bad.use", save_to="y")
    )
    (running,) = run(experiment, events=events, sink=Keep()).experiments
    assert events == ["bad", "good", "ended"]
    assert str(running.failure) == f"OSError: no space (unit 'bad', iteration 0, experiment {running.id})"
    assert put == [{"y": {0: 1}}]


def test_an_error_at_the_end_of_a_generator_is_a_failure():
    (running,) = run(
        Experiment().add_generator("g", partial(stream, [], error=ValueError("left open"))), n_iters=2
    ).experiments
    assert (running.failure.type, running.failure.unit) == ("ValueError", "g")


def test_an_error_of_close_does_not_hide_the_first_failure():
    experiment = (
        Experiment()
        .add_instance("i", partial(Resource, [], error=OSError("later")))
        .add_callable("f", lambda: 1 / 0)
    )
    (running,) = run(experiment).experiments
    assert running.failure.type == "ZeroDivisionError"


def test_an_error_of_close_of_a_root_is_logged_and_fails_no_branch(caplog):
    experiment = (
        Experiment()
        .add_instance("shared", partial(Resource, [], "root", error=OSError("no space")), root=True)
        .add_callable("shared.use", root=True)
    )
    with caplog.at_level(logging.ERROR):
        executor = run(experiment, [{"x": 1}, {"x": 2}])
    assert [running.failure for running in executor.experiments] == [None, None]
    assert "'shared' could not be closed" in caplog.text
    assert "OSError: no space" in caplog.text


def test_an_error_of_close_is_raised_when_debugging():
    experiment = (
        Experiment().add_instance("i", partial(Resource, [], error=OSError("x"))).add_callable("f", lambda: 1)
    )
    with pytest.raises(OSError, match="x"):
        run(experiment, debug=True)


def test_what_close_prints_belongs_to_the_experiment_and_what_the_root_prints_to_all():
    capture = TextCapture()
    experiment = (
        Experiment()
        .add_instance("shared", partial(Resource, [], "root"), root=True)
        .add_callable("shared.use", root=True)
        .add_instance("own", partial(Resource, []), args=[EC("x")])
    )
    executor = run(experiment, [{"x": 1}, {"x": 2}], capture=capture)
    printed = [capture.stdout[running.id] for running in executor.experiments]
    assert printed == ["closing 1\nclosing root\n", "closing 2\nclosing root\n"]


# -- not kept -----------------------------------------------------------------------------------------


class Thing:
    """Can be seen to be gone."""

    def __init__(self, *_, **__):
        self.big = None

    def get(self):
        return self

    def items(self):
        yield self
        yield self


@pytest.fixture
def alive():
    """Weak references to things; Python's own collection of cycles is off."""
    gc.collect()
    gc.disable()
    yield []
    gc.enable()


def noting(alive, function):
    def noted(*args, **kwargs):
        made = function(*args, **kwargs)
        alive.append(weakref.ref(made))
        return made

    return noted


def failing(thing, *_):
    raise ValueError(thing)


SHAPES = {
    "an output": lambda make: Experiment().add_callable("f", make),
    "an instance": lambda make: Experiment().add_instance("i", make).add_callable("i.get"),
    "a generator": lambda make: Experiment().add_instance("i", make).add_generator("i.items"),
    "an argument E()": lambda make: Experiment().add_callable("f", make, args=[E()]).save(O("f"), "y"),
    "a failure": lambda make: Experiment().add_callable("f", make).add_callable("g", failing, args=[O("f")]),
    "an expression": lambda make: (
        Experiment().add_callable("f", make).add_callable("g", lambda x: x, args=[O("f").get()])
    ),
    "a root": lambda make: (
        Experiment()
        .add_callable("f", make, root=True)
        .add_instance("i", make, root=True)
        .add_callable("i.get", root=True)
        .add_callable("g", lambda x: x, args=[O("f")])
    ),
    "all branches": lambda make: (
        Experiment().add_callable("f", make).add_callable("g", len, args=[E(all=True)])
    ),
}


@pytest.mark.parametrize("options", [{}, {"target": "threads"}, {"profile": 2}, {"capture": TextCapture()}])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("branches", [1, 3])
def test_nothing_of_an_experiment_outlives_its_executor(shape, branches, options, alive):
    experiment = SHAPES[shape](noting(alive, Thing))
    run(experiment, [{"x": x} for x in range(branches)], events=[], n_iters=2, **options)
    assert alive
    assert not [thing for thing in alive if thing() is not None]


class Attached(Thing):
    """Refers to the experiment that refers to it."""

    def __init__(self, experiment):
        self.experiment = experiment


@pytest.mark.parametrize("root", [False, True])
def test_what_refers_to_its_experiment_goes_when_the_executor_forgets(root, alive):
    make = noting(alive, Attached)
    experiment = (
        Experiment()
        .add_instance("i", make, experiment=E(), root=root)
        .add_callable("f", make, args=[E()], root=root, save_to="y")
        .add_callable("i.get", root=root)
        .dump("y")
    )

    class Nowhere:
        def put(self, experiment_id, values):
            pass

    executor = run(experiment, [{"x": 1}, {"x": 2}], sink=Nowhere())
    running = executor.experiments[0]
    executor.forget()
    assert running.outputs == running.instances == {}
    del executor, running
    assert not [thing for thing in alive if thing() is not None]


def test_branches_are_known_as_long_as_their_executor_exists():
    executor = run(Experiment().add_callable("f", lambda: 1), [{"x": 1}, {"x": 2}])
    first, second = executor.experiments
    assert first.branches == second.branches == (first, second)
    del executor, second
    assert first.branches == (first,)
