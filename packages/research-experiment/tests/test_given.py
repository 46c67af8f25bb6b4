"""A value is what it was when it was given: to a unit, and by a unit."""

import collections
import copy
import functools
import gc
import multiprocessing
import threading
import weakref

import dill
import numpy as np
import pandas as pd
import pytest
from given_strategies import Model, spoil, values
from hypothesis import given
from hypothesis import strategies as st
from plain_units import Point, run_all

from research_domain import Alias, Config, ConfigAlias, digest
from research_experiment import EC, E, Executor, Experiment, MemorySink, O, RootDependencyError, S
from research_experiment.execution.copies import Copier, separate, snapshot

TARGETS = ["for", "threads"]


def marks(*values):
    return [digest(value).hex() for value in values]


def careless(change):
    """Return an experiment whose units say what they get and give, and then change all of it."""

    def see(constant, parameter, config, running):
        arrived = marks(constant, parameter, *config.to_dict().values(), *running.config.to_dict().values())
        change(constant), change(parameter), change(config["p"]), change(running.config["q"])
        change(running.config_alias.config()["p"])
        return arrived

    def steps(start):
        first = snapshot(start)
        for step in range(3):
            state = [snapshot(first), np.full(2, step), {step: [step]}]
            yield state
            change(state)

    def look(shared, n):
        arrived = marks(shared)
        change(shared)
        return [*arrived, n]

    def build(constant, shared):
        return (
            Experiment()
            .add_callable("load", copy.deepcopy, args=[shared], root=True)
            .add_generator("steps", steps, start=constant, save_to="given")
            .add_callable(
                see, args=[constant, EC("p")], config=EC(), running=E(), when="%0", save_to="arrived"
            )
            .add_callable("look", look, args=[O("load"), EC("n")], save_to="seen")
        )

    return build


@given(values, values, st.lists(values, min_size=2, max_size=2), values)
def test_units_that_change_everything_make_the_same_table(constant, shared, parameters, both):
    configs = [{"n": n, "p": value, "q": [value, both]} for n, value in enumerate(parameters)]
    before = marks(constant, shared, configs)
    expected = _saved(careless(lambda value: None)(constant, shared), configs, "for")
    plan = careless(spoil)(constant, shared).build()
    assert _saved(plan, configs, "for") == expected
    assert _saved(plan, configs, "threads") == expected
    assert [saved for config in configs for saved in _saved(plan, [config], "for")] == expected
    assert marks(constant, shared, configs) == before


def _saved(experiment, configs, target):
    sink = MemorySink()
    found = []
    for running in run_all(experiment, *configs, target=target, sink=sink, n_iters=3):
        columns = sink.values[running.id]
        assert marks(columns) == marks(running.results)
        found.append((marks(columns), marks(running.recorded_config.config().to_dict())))
    return found


@given(values)
def test_copies_are_equal_and_have_nothing_in_common(value):
    before = marks(value)
    for twin in (snapshot(value), separate(value), Copier(large_bytes=10**6).copy(value)):
        assert marks(twin) == before
        spoil(twin)
        assert marks(value) == before


def test_one_object_in_the_script_is_one_object_over_units_and_iterations():
    counts = []
    model = Model(counts)
    experiment = (
        Experiment()
        .add_callable("append", lambda items, i: items.append(i), args=[counts, E().iteration])
        .add_callable("inside", lambda o: len(o["items"]), o={"items": counts}, save_to="inside")
        .add_callable("held", lambda m: len(m.parts), m=model, save_to="held")
        .add_callable("parameter", len, args=[EC("p")], save_to="parameter")
    )
    for running in run_all(experiment, {"p": counts, "x": 1}, {"p": counts, "x": 2}, n_iters=3):
        assert running.results["inside"] == {0: 1, 1: 2, 2: 3}
        assert running.results["inside"] == running.results["held"] == running.results["parameter"]
    assert counts == []


@pytest.mark.parametrize(
    "function",
    [
        lambda model: model.fit,
        lambda model: functools.partial(Model.fit, model),
        lambda model: functools.partial(model.fit, [1]),
    ],
    ids=["bound method", "partial of an instance", "partial of a bound method"],
)
def test_the_instance_of_a_bound_method_is_a_constant(function):
    model = Model([1])
    experiment = Experiment().add_callable("fit", function(model), save_to="before")
    for running in run_all(experiment, {"x": 1}, {"x": 2}, n_iters=2):
        assert running.results["before"] == {0: ([1], [0, 0]), 1: ([1, "spoiled"], [1, 1])}
    assert model.parts == [1]


def test_estimators_are_copied_and_instances_are_made_of_copies():
    model, parts = Model([1]), []
    experiment = (
        Experiment()
        .add_callable("fit", lambda m: m.fit(), m=EC("model"), save_to="before")
        .add_instance("own", Model, parts=parts)
        .add_callable("own.fit", save_to="own")
    )
    for _ in range(2):
        (running,) = run_all(experiment, {"model": Alias(model, "first")}, n_iters=1)
        assert running.results["before"] == {0: ([1], [0, 0])}
        assert running.results["own"] == {0: ([], [0, 0])}
    assert (model.parts, parts) == ([1], [])


def test_what_cannot_be_copied_is_shared_and_what_is_beside_it_is_not():
    lock, beside, numbers = threading.Lock(), [], iter(number for number in range(9))

    def use(pair, numbers):
        pair["beside"].append(1)
        return pair["lock"] is lock, len(pair["beside"]), next(numbers)

    experiment = Experiment().add_callable(use, args=[{"lock": lock, "beside": beside}, numbers], save_to="x")
    first, second = run_all(experiment, {"x": 1}, {"x": 2})
    assert (first.results["x"][0], second.results["x"][0]) == ((True, 1, 0), (True, 1, 1))
    assert beside == []


def test_proxies_of_managers_stay_what_processes_share():
    class Tracker:
        def __init__(self, shared):
            self.inside, self.own = {"shared": shared}, []

        def note(self, x):
            self.own.append(x)
            self.inside["shared"].append((x, len(self.own)))

    with multiprocessing.Manager() as manager:
        names, pairs = manager.dict(), manager.list()
        tracker = Tracker(pairs)
        experiment = (
            Experiment()
            .add_callable(
                "name", lambda shared, x: shared["names"].update({x: 1}), [{"names": names}, EC("x")]
            )
            .add_callable("note", tracker.note, args=[EC("x")])
        )
        run_all(experiment, {"x": 1}, {"x": 2})
        assert (dict(names), list(pairs), tracker.own) == ({1: 1, 2: 1}, [(1, 1), (2, 1)], [])


class Stubborn:
    """Raises in the middle of being copied, when a part of it has been."""

    def __init__(self, part):
        self.part = part

    def __deepcopy__(self, memo):
        copy.deepcopy(self.part, memo).clear()
        raise RuntimeError("no copies")


def test_a_copy_that_fails_half_way_leaves_no_half_copies():
    part = [1, 2]
    experiment = Experiment().add_callable(
        "f", lambda a, b: (a.part, b), args=[Stubborn(part), part], save_to="f"
    )
    (running,) = run_all(experiment)
    assert running.results["f"][0] == ([1, 2], [1, 2])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("branches", [1, 3])
def test_outputs_of_a_root_reach_each_branch_unchanged_by_its_siblings(target, branches):
    class Loader:
        def __init__(self):
            self.batch = {"x": np.zeros(3), "list": [1], "model": self}

        def load(self):
            return self.batch

    def use(batch, loader):
        found = (batch["x"].tolist(), list(batch["list"]), batch["model"] is loader)
        batch["x"] += 1
        batch["list"].append(2)
        return found

    experiment = (
        Experiment()
        .add_instance("loader", Loader, root=True)
        .add_callable("loader.load", root=True)
        .add_callable("use", use, args=[O("loader.load"), E("loader")], save_to="found")
    )
    configs = [{"n": n} for n in range(branches)]
    for running in run_all(experiment, *configs, target=target, n_iters=2):
        assert running.results["found"] == {0: ([0, 0, 0], [1], True), 1: ([0, 0, 0], [1], True)}


def test_a_root_saves_for_each_branch_what_it_gave():
    def steps():
        state = []
        for step in range(3):
            state.append(step)
            yield state

    experiment = Experiment().add_generator("steps", steps, root=True, save_to="s")
    first, second = run_all(experiment, {"x": 1}, {"x": 2}, n_iters=3)
    assert first.results == second.results == {"s": {0: [0], 1: [0, 1], 2: [0, 1, 2]}}
    assert first.results["s"][0] is not second.results["s"][0]


@pytest.mark.parametrize(
    "value",
    [
        {"lr": 0.1},
        {"data/train.csv": 0.5},
        collections.OrderedDict(b=1, a=2),
        collections.Counter("aab"),
        collections.defaultdict(list, a=[1]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["options", "model/options"])
def test_a_dict_given_as_a_value_reaches_the_unit_as_that_dict(value, name):
    key = next(iter(value))

    def see(options, item, whole):
        return type(options) is type(value), list(options.items()), item, whole[name] is options

    experiment = Experiment().add_callable(
        see, args=[EC(name), EC(f"{name}/{key}")], whole=EC(), save_to="seen"
    )
    (running,) = run_all(experiment, {name: value})
    assert running.results["seen"][0] == (True, list(value.items()), value[key], True)


def test_what_parameter_paths_built_is_a_config():
    experiment = Experiment().add_callable("see", lambda m: (type(m), m["n"]), m=EC("m"), save_to="seen")
    (running,) = run_all(experiment, {"m/n": 1})
    assert running.results["seen"][0] == (Config, 1)


def test_names_of_values_stay_what_they_were_when_units_change_them():
    config = ConfigAlias({"p": [1], "q": Alias([2], "two")})

    def change(p, q):
        p.append(5), q.append(5)
        raise ValueError

    experiment = Experiment().add_callable(change, args=[EC("p"), EC("q")])
    (running,) = Executor(experiment, [config]).run().experiments
    names = {"p": "[1]", "q": "two"}
    assert running.failure.config == running.config_alias.alias() == config.alias() == names
    assert running.config_alias.config() == {"p": [1, 5], "q": [2, 5]}
    assert config.config() == {"p": [1], "q": [2]}


def test_what_is_saved_by_hand_and_read_back_is_as_it_was():
    def save(storage, i):
        state = storage.results["s"][0] if i else []
        state.append(i)
        storage.update_variable("s", state)
        state.append("later")

    sink = MemorySink()
    experiment = Experiment().add_callable(save, args=[S(), E().iteration])
    (running,) = run_all(experiment, n_iters=2, sink=sink)
    assert sink.values[running.id]["s"] == {0: [0], 1: [0, 1]}


class Keeping:
    """Writes down what it is asked to keep, and when."""

    def __init__(self):
        self.kept, self.put_values = [], []

    def keep(self, name, iteration, value):
        self.kept.append((name, iteration, repr(value)))
        return f"kept {value!r}"

    def put(self, experiment_id, values):
        self.put_values.append({name: dict(column) for name, column in values.items()})


@pytest.mark.parametrize("branches", [1, 2])
def test_a_keeping_sink_keeps_what_can_change_and_gets_the_rest_later(branches):
    state = []

    def step(i):
        state.append(i)
        return state, i / 2, (i, "text"), np.float32(i)

    sink = Keeping()
    names = ["list", "float", "tuple", "scalar"]
    experiment = Experiment().add_callable(step, args=[E().iteration], root=True, save_to=names)
    run_all(experiment, *[{"n": n} for n in range(branches)], n_iters=2, sink=sink)
    assert sink.kept == [("list", 0, "[0]")] * branches + [("list", 1, "[0, 1]")] * branches
    expected = {
        "list": {0: "kept [0]", 1: "kept [0, 1]"},
        "float": {0: 0.0, 1: 0.5},
        "tuple": {0: (0, "text"), 1: (1, "text")},
        "scalar": {0: np.float32(0), 1: np.float32(1)},
    }
    assert sink.put_values == [expected] * branches


def test_what_a_keeping_sink_cannot_keep_fails_the_unit_that_saved_it():
    class Refusing(Keeping):
        def keep(self, name, iteration, value):
            raise TypeError(f"{name} cannot be kept")

    experiment = Experiment().add_callable("f", list, save_to="x").add_callable("g", lambda: 1, save_to="y")
    sink = Refusing()
    (running,) = Executor(experiment, sink=sink).run().experiments
    assert (running.failure.unit, running.failure.message) == ("f", "x cannot be kept")
    assert sink.put_values == [{"y": {0: 1}}]


def test_copies_are_let_go_of_when_the_experiment_ends():
    model = Model([])
    made = []
    experiment = Experiment().add_callable("f", lambda m: made.append(weakref.ref(m)), m=model)
    executor = Executor(experiment).run()
    gc.collect()
    assert executor.experiments[0].progress.ended
    assert [one() for one in made] == [None]


def test_frames_are_copied_with_the_objects_in_their_cells():
    frame = pd.DataFrame({"x": [1, 2], "y": [[1], [2]], "z": ["a", "b"]})
    series = pd.Series([[1], {"a": 1}], index=["i", "j"], name="s")

    def change(frame, series):
        frame.loc[0, "x"] = 7
        frame.loc[0, "y"].append(7)
        frame["new"] = 1
        series["i"].append(7)
        series["j"]["b"] = 7
        return frame.copy(), series.dtype, series.name

    experiment = Experiment().add_callable(change, args=[frame, series], save_to="x")
    for running in run_all(experiment, {"x": 1}, {"x": 2}):
        changed, dtype, name = running.results["x"][0]
        assert changed["y"].tolist() == [[1, 7], [2]]
        assert (changed.loc[0, "x"], dtype, name) == (7, object, "s")
    assert frame.equals(pd.DataFrame({"x": [1, 2], "y": [[1], [2]], "z": ["a", "b"]}))
    assert series.tolist() == [[1], {"a": 1}]


def test_containers_of_derived_types_keep_their_type_and_their_objects():
    model = Model([])
    for value in (
        collections.OrderedDict(a=[1], m=model),
        collections.defaultdict(list, a=[1], m=model),
        collections.deque([[1], model], maxlen=5),
        Point([1], model),
        np.ma.masked_array([1, 2], [True, False]),
    ):
        twin = separate(value)
        assert type(twin) is type(value)
        assert twin is not value
        assert repr(twin) == repr(value)
        if not isinstance(value, np.ndarray):
            items, copies = (
                list(each.values()) if isinstance(each, dict) else list(each) for each in (value, twin)
            )
            assert items[0] is not copies[0]
            assert items[1] is copies[1] is model
    assert separate(model) is model


def test_a_plan_that_has_run_can_still_travel():
    experiment = Experiment().add_callable("f", Model([1]).fit, save_to="x").build()
    run_all(experiment)
    (running,) = run_all(dill.loads(dill.dumps(experiment)))
    assert running.results["x"] == {0: ([1], [0, 0])}


@pytest.mark.parametrize(
    ("key", "values", "allowed"),
    [
        ("o/lr", [{"lr": 1, "n": 1}, {"lr": 1, "n": 2}], True),
        ("o/n", [{"lr": 1, "n": 1}, {"lr": 1, "n": 2}], False),
        ("o", [{"lr": 1, "n": 1}, {"lr": 1, "n": 2}], False),
        ("o", [{"a": 1}, collections.Counter(a=1)], False),
        ("o/a/b", [{"a/b": 1}, {"a/b": 1, "c": 2}], True),
        ("o", [np.arange(2000), np.where(np.arange(2000) == 1000, 0, np.arange(2000))], False),
    ],
)
def test_a_root_may_use_what_all_branches_were_given(key, values, allowed):
    experiment = Experiment().add_callable("f", lambda x: x, x=EC(key), root=True, save_to="x")
    configs = [{"o": value, "n": n} for n, value in enumerate(values)]
    if allowed:
        assert [running.results["x"][0] for running in run_all(experiment, *configs)] == [1, 1]
    else:
        with pytest.raises(RootDependencyError, match=f"'{key.partition('/')[0]}"):
            run_all(experiment, *configs)
