"""When, iterations, stopping: one test per sentence that could be otherwise."""

from __future__ import annotations

import itertools
import logging
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research_experiment import (
    EC,
    E,
    Executor,
    ExecutorError,
    Experiment,
    ExperimentPlan,
    Failure,
    Hook,
    MemorySink,
    O,
    S,
)

MEMBERS = st.one_of(
    st.integers(1, 7),
    st.integers(0, 12).map(lambda k: f"%{k}"),
    st.integers(0, 12).map(lambda k: f"#{k}"),
    st.just("last"),
)


def brute_force(when, iteration, last):
    members = when if isinstance(when, list) else [when]
    for member in members:
        if member == "last":
            due = last
        elif isinstance(member, str):
            due = iteration == int(member[1:])
        else:
            due = (iteration + 1) % member == 0
        if due:
            return True
    return False


def run(experiment, config=None, **options):
    options.setdefault("target", "for")
    (running,) = Executor(experiment, configs=[config or {}], **options).run().experiments
    return running


@given(when=st.one_of(MEMBERS, st.lists(MEMBERS, min_size=1, max_size=4)), n_iters=st.integers(1, 14))
@settings(deadline=None)
def test_units_saves_and_dumps_are_due_when_the_oracle_says(when, n_iters):
    class Recorder(MemorySink):
        def put(self, experiment_id, values):
            if values.get("tick"):
                dumped.append(max(values["tick"]))
            super().put(experiment_id, values)

    dumped: list[int] = []
    sink = Recorder()
    experiment = (
        Experiment()
        .add_callable("tick", lambda i: i, args=[E().iteration], save_to="tick")
        .add_callable("unit", lambda: None, when=when, save_to="unit")
        .save(O("tick"), "saved", when=when)
        .dump("tick", when=when)
    )
    running = run(experiment, n_iters=n_iters, sink=sink)
    expected = [i for i in range(n_iters) if brute_force(when, i, i == n_iters - 1)]
    values = sink.values[running.id]
    assert list(values.get("unit", {})) == expected
    assert list(values.get("saved", {})) == expected
    assert list(values["tick"]) == list(range(n_iters))
    assert dumped == [*expected, *([n_iters - 1] if n_iters - 1 not in expected else [])]


@given(when=st.lists(MEMBERS, min_size=1, max_size=3), ends_in=st.integers(0, 9), fails=st.booleans())
@settings(deadline=None)
def test_last_is_the_iteration_that_stops_or_fails(when, ends_in, fails):
    def step(iteration):
        if iteration == ends_in:
            raise (RuntimeError if fails else StopIteration)

    experiment = (
        Experiment()
        .add_callable("step", step, args=[E().iteration])
        .add_callable("later", lambda: None, when=when, save_to="later")
    )
    running = run(experiment, n_iters=20)
    expected = [i for i in range(ends_in + 1) if brute_force(when, i, i == ends_in)]
    assert list(running.results.get("later", {})) == expected


def test_without_n_iters_callables_run_once():
    assert run(Experiment().add_callable("one", lambda: 1, save_to="one")).results == {"one": {0: 1}}


def test_without_n_iters_a_generator_goes_on_to_its_end():
    experiment = Experiment().add_generator("n", range, args=[10], save_to="n").save(O("n"), "end", "last")
    running = run(experiment)
    assert list(running.results["n"].items()) == [(i, i) for i in range(10)]
    assert running.results["end"] == {10: 9}
    assert running.iteration == 10


def test_n_iters_ends_an_endless_generator_and_numpy_ints_are_ints():
    numpy = pytest.importorskip("numpy")
    running = run(Experiment().add_generator("n", itertools.count, save_to="n"), n_iters=numpy.int64(3))
    assert running.results == {"n": {0: 0, 1: 1, 2: 2}}


@pytest.mark.parametrize("n_iters", [0, -1, 1.5, "3", True])
def test_n_iters_that_make_no_sense_are_refused(n_iters):
    with pytest.raises(ExecutorError, match="n_iters must be a positive int"):
        Executor(Experiment(), n_iters=n_iters)


def test_stop_iteration_of_a_callable_ends_normally():
    def stop():
        raise StopIteration

    running = run(Experiment().add_callable("stop", stop), n_iters=5)
    assert not running.is_failed
    assert running.iteration == 0


@pytest.mark.parametrize("finalize", [True, False])
def test_dumps_run_whatever_has_happened(finalize):
    sink = MemorySink()
    experiment = (
        Experiment().add_callable("a", lambda: 1, save_to="a").add_callable("b", lambda: 1 / 0).dump("a")
    )
    running = run(experiment, sink=sink, finalize=finalize)
    assert running.results == {}
    assert sink.values[running.id] == {"a": {0: 1}}


def test_everything_is_put_at_the_end_without_any_dump():
    sink = MemorySink()
    running = run(Experiment().add_callable("a", lambda: 1, save_to="a"), sink=sink)
    assert sink.values[running.id] == {"a": {0: 1}}
    assert running.results == {"a": {0: 1}}


def test_unit_that_depends_on_a_failed_one_is_left_out_but_not_after_a_stop():
    def second_time(kind, iteration):
        if iteration == 1:
            raise kind("second")
        return iteration

    for kind, expected in ((ValueError, [0]), (StopIteration, [0, 1])):
        experiment = (
            Experiment()
            .add_callable("source", second_time, args=[kind, E().iteration])
            .add_callable("direct", lambda x: x, args=[O("source")], save_to="direct")
            .add_callable("indirect", lambda x: x, args=[O("direct")], save_to="indirect")
            .add_callable("free", lambda: 0, save_to="free")
            .save(O("source"), "saved")
        )
        results = run(experiment, n_iters=5).results
        assert [list(results[name]) for name in ("direct", "indirect", "saved")] == [expected] * 3
        assert list(results["free"]) == [0, 1]


def test_unit_that_needs_a_generator_without_any_item_is_left_out_and_nothing_fails():
    experiment = (
        Experiment()
        .add_generator("nothing", list)
        .add_callable("use", lambda x: x, args=[O("nothing")], save_to="use")
    )
    running = run(experiment)
    assert running.results == {}
    assert not running.is_failed


def test_branches_end_one_by_one_and_never_touch_each_other():
    experiment = (
        Experiment()
        .add_generator("n", range, args=[EC("n")], save_to="n")
        .add_callable("check", lambda n, bad: 1 // (n - bad), args=[O("n"), EC("bad")])
    )
    configs = [{"n": 2, "bad": -1}, {"n": 4, "bad": 1}, {"n": 5, "bad": -1}]
    for target in ("for", "threads"):
        executor = Executor(experiment, configs=configs, target=target).run()
        assert [len(running.results["n"]) for running in executor.experiments] == [2, 2, 5]
        assert [running.is_failed for running in executor.experiments] == [False, True, False]


def test_debug_raises_the_exception_itself_with_a_note_where():
    sink = MemorySink()
    experiment = Experiment().add_callable("a", lambda: 1, save_to="a").add_callable("bad", lambda: 1 / 0)
    executor = Executor(experiment, target="for", debug=True, sink=sink)
    (running,) = executor.experiments
    with pytest.raises(ZeroDivisionError) as caught:
        executor.run()
    assert caught.value.__notes__ == [f"in unit 'bad', iteration 0, experiment {running.id}"]
    assert sink.values[running.id] == {"a": {0: 1}}


@pytest.mark.parametrize(("error", "failed"), [(ValueError, True), (StopIteration, False)])
def test_instance_that_cannot_be_made_makes_the_first_iteration_the_last(error, failed):
    def make():
        raise error

    experiment = (
        Experiment()
        .add_instance("thing", make)
        .add_callable("thing.method", save_to="method")
        .add_callable("every", lambda: 1, save_to="every")
        .add_callable("end", lambda: 2, when="last", save_to="end")
    )
    running = run(experiment, n_iters=5)
    assert running.results == {"every": {0: 1}, "end": {0: 2}}
    assert running.is_failed is failed


def test_debug_needs_branches_in_turn():
    with pytest.raises(ExecutorError, match="needs target='for'"):
        Executor(Experiment(), target="threads", debug=True)


@pytest.mark.parametrize("target", ["process", None, 3])
def test_unknown_target_is_refused(target):
    with pytest.raises(ExecutorError, match="target must be"):
        Executor(Experiment(), target=target)


def test_executor_runs_once():
    executor = Executor(Experiment().add_callable("a", lambda: 1)).run()
    with pytest.raises(ExecutorError, match="has run already"):
        executor.run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"configs": []}, "at least one config"),
        ({"configs": {"x": 1}}, "one config per branch"),
        ({"configs": [{}], "branches_configs": [{}, {}]}, "1 configs but 2 branches_configs"),
        ({"configs": [{}], "identities": []}, "1 configs but 0 identities"),
        ({"profile": 3}, "profile must be"),
    ],
)
def test_contradicting_parameters_are_refused(options, message):
    with pytest.raises(ExecutorError, match=message):
        Executor(Experiment(), **options)


def test_configs_of_branches_and_executor_are_appended():
    experiment = Experiment().add_callable("all", lambda **all: all, kwargs=EC(), save_to="all")
    executor = Executor(
        experiment,
        configs=[{"a": 1}, {"a": 1}],
        branches_configs=[{"b": 2}, {"b": 3}],
        executor_config={"c": 4},
    ).run()
    assert [dict(running.results["all"][0]) for running in executor.experiments] == [
        {"a": 1, "b": 2, "c": 4},
        {"a": 1, "b": 3, "c": 4},
    ]
    alone = Executor(experiment, configs=[{"a": 1}]).experiments[0]
    assert [running.id for running in executor.experiments] == [alone.id, f"{alone.id}-1"]


@pytest.mark.parametrize("target", ["for", "threads"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_what_is_not_caught_ends_all_branches_and_puts_what_was_saved(target, error):
    other_runs = threading.Event()

    def interrupt(branch):
        if branch == 0:
            other_runs.set()
        elif target == "for" or other_runs.wait(timeout=30):
            raise error

    sink = MemorySink()
    experiment = (
        Experiment()
        .add_generator("n", itertools.count, save_to="n")
        .add_callable("interrupt", interrupt, args=[EC("branch")])
    )
    configs = [{"branch": i} for i in (1, 0)]
    executor = Executor(experiment, configs=configs, target=target, sink=sink)
    with pytest.raises(error):
        executor.run()
    assert not any(running.is_alive for running in executor.experiments)
    assert sink.values[executor.experiments[0].id] == {"n": {0: 0}}
    if target == "threads":
        assert sink.values[executor.experiments[1].id]["n"][0] == 0


def test_system_exit_of_a_unit_is_a_failure_unless_the_caller_says_otherwise():
    experiment = Experiment().add_callable("leave", lambda: exit_with(3))
    assert run(experiment).failure.type == "SystemExit"
    with pytest.raises(SystemExit):
        run(experiment, catch=(Exception,))


def exit_with(code):
    raise SystemExit(code)


def test_generators_are_let_go_at_the_end():
    closed = []

    def numbers():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    for root in (False, True):
        executor = Executor(Experiment().add_generator("n", numbers, root=root), n_iters=2).run()
        assert closed.pop()
        assert executor.experiments[0].outputs == {"n": 1}


def test_flush_every_puts_between_iterations():
    puts = []

    class Sink:
        def put(self, experiment_id, values):
            puts.append({name: dict(column) for name, column in values.items()})

    experiment = Experiment().add_generator("n", range, args=[3], save_to="n")
    running = run(experiment, sink=Sink(), flush_every_s=0)
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
    running = run(experiment, n_iters=3, sink=sink)
    assert running.failure.type == "TypeError"
    assert running.failure.unit == (None if dump is None else "dump bad")
    saved = sink.values[running.id]
    assert saved["bad"] == ({0: 0, 2: 2} if dump is None else {0: 0})
    assert saved["good"] == ({0: 0, 1: 1, 2: 2} if dump is None else {0: 0, 1: 1})


def test_value_that_cannot_be_put_between_iterations_ends_the_experiment_there():
    experiment = Experiment().add_callable("bad", lambda i: len if i == 1 else i, args=[E().iteration])
    experiment.save(O("bad"), "value")
    sink = PickySink()
    running = run(experiment, n_iters=5, sink=sink, flush_every_s=0)
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
            raise RuntimeError("rude")

    def fail_later(i):
        if i:
            raise ValueError

    experiment = (
        Experiment().add_callable("a", fail_later, args=[E().iteration]).add_callable("b", lambda: None)
    )
    with caplog.at_level(logging.ERROR):
        run(experiment, n_iters=3, hooks=[Rude(), Listen()])
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

    run(Experiment().add_callable("a", lambda x: x, args=[E().nothing]), hooks=[Listen()])
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

    run(Experiment().add_callable("a", lambda: 1), n_iters=3, hooks=[Ask()])
    assert asked == [0, 1]


def test_hook_that_cannot_decide_is_a_failure_of_the_experiment():
    class Fail(Hook):
        def ends(self, experiment):
            raise ValueError("no number")

    running = run(Experiment().add_callable("a", lambda: 1, save_to="a"), n_iters=3, hooks=[Fail()])
    assert (running.failure.message, running.failure.unit, running.iteration) == ("no number", None, 0)
    assert running.results == {"a": {0: 1}}


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
    assert run(ExperimentPlan()).results == {}


def test_failure_is_logged_with_the_id(caplog):
    with caplog.at_level(logging.ERROR, logger="research.experiment"):
        running = run(Experiment().add_callable("bad", lambda: 1 / 0))
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

    running = run(Experiment().add_callable("bad", outer), {"x": 1})
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

    failure = run(Experiment().add_callable("bad", fail)).failure
    assert "Mute" in failure.message
    assert "in fail" in failure.traceback


def test_storage_can_be_used_by_units():
    def note(storage):
        storage.update_variable("noted", storage.iteration * 10)

    running = run(Experiment().add_callable("note", note, args=[S()]), n_iters=2)
    assert running.results == {"noted": {0: 0, 1: 10}}


def test_storage_of_a_root_saves_for_all_branches():
    experiment = Experiment().add_callable("note", lambda s: s.update_variable("x", 1), args=[S()], root=True)
    executor = Executor(experiment, configs=[{}, {}]).run()
    assert [running.results for running in executor.experiments] == [{"x": {0: 1}}] * 2
