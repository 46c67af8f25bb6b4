"""When, iterations, stopping: one test per sentence that could be otherwise."""

from __future__ import annotations

import itertools
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


def test_storage_can_be_used_by_units():
    def note(storage):
        storage.update_variable("noted", storage.iteration * 10)

    running = run(Experiment().add_callable("note", note, args=[S()]), n_iters=2)
    assert running.results == {"noted": {0: 0, 1: 10}}


def test_storage_of_a_root_saves_for_all_branches():
    experiment = Experiment().add_callable("note", lambda s: s.update_variable("x", 1), args=[S()], root=True)
    executor = Executor(experiment, configs=[{}, {}]).run()
    assert [running.results for running in executor.experiments] == [{"x": {0: 1}}] * 2


def test_a_keyboard_interrupt_is_caught_only_if_it_is_named_itself():
    def interrupt():
        raise KeyboardInterrupt

    experiment = Experiment().add_callable("interrupt", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(experiment, catch=(BaseException,))
    assert run(experiment, catch=(BaseException, KeyboardInterrupt)).failure.type == "KeyboardInterrupt"
