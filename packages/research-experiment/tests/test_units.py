"""Units: one test per sentence of how they are added, found, saved and shared."""

from __future__ import annotations

import builtins
import copy
import math
import pickle
import types
from functools import partial

import dill
import pytest

import research_experiment
from research_domain import AuxiliaryKey, ConfigAlias
from research_experiment import (
    EC,
    EP,
    E,
    Executor,
    Experiment,
    ExperimentError,
    O,
    PlanError,
    RootDependencyError,
    S,
    UnknownUnitError,
)


def power(a, b=2):
    return a**b


def numbers(n):
    yield from range(n)


class Counter:
    made = 0

    def __init__(self, start=0, **more):
        type(self).made += 1
        self.value = start
        self.more = more

    def add(self, by=1):
        self.value += by
        return self.value

    def upto(self, n):
        yield from range(self.value, n)

    def __call__(self, x):
        return x + self.value


def run(experiment, config=None, **options):
    (running,) = Executor(experiment, configs=[config or {}], target="for", **options).run().experiments
    assert running.failure is None, running.failure.traceback
    return running


def test_callable_takes_args_and_kwargs_with_expressions_inside_containers():
    seen = []

    def see(*args, **kwargs):
        seen.append((args, kwargs))

    nested = {"list": [EC("x"), 1], "tuple": (O("see"), {EC("x"): "key"}), "set": {EC("x")}, "plain": [1]}
    experiment = (
        Experiment().add_callable(see, args=[1, EC("x")], z=nested["plain"]).add_callable(see, **nested)
    )
    run(experiment, {"x": 5})
    assert seen == [
        ((1, 5), {"z": [1]}),
        ((), {"list": [5, 1], "tuple": (None, {5: "key"}), "set": {5}, "plain": [1]}),
    ]
    assert seen[0][1]["z"] is seen[1][1]["plain"] is not nested["plain"]


def test_function_alone_takes_its_own_name_and_taken_names_get_a_postfix():
    experiment = (
        Experiment().add_callable(power, a=2).add_callable(power, a=3).add_callable("power", power, a=4)
    )
    experiment.add_callable(partial(power, 5)).add_callable(Counter(1), args=[1])
    assert experiment.build().names == ("power", "power_1", "power_2", "partial", "Counter")


def test_postfix_keeps_away_from_instances():
    experiment = Experiment().add_instance("power", Counter).add_callable("power", power, a=1)
    assert experiment.build().names == ("power", "power_1")


def test_kwargs_and_args_are_unpacked_after_evaluation():
    experiment = (
        Experiment()
        .add_callable("all", lambda **config: config, kwargs=EC(), save_to="all")
        .add_callable("full", lambda **config: config, kwargs=EC(full=True), save_to="full")
        .add_callable("args", lambda *args: args, args=EC("list"), save_to="args")
        .add_callable(
            "mix", lambda *args, **kw: (args, kw), args=[1], kwargs={"b": EC("x")}, c=3, save_to="mix"
        )
        .add_callable("late", lambda **kw: kw, kwargs=O("full"), x=7, save_to="late")
    )
    items = {"x": 1, "list": [1, 2], "repetition": 0, AuxiliaryKey("device"): "0", "updates": 1}
    results = run(experiment, ConfigAlias(items)).results
    assert results["all"][0] == {"x": 1, "list": [1, 2]}
    assert results["full"][0] == {"x": 1, "list": [1, 2], "repetition": 0, "device": "0", "updates": 1}
    assert results["args"][0] == (1, 2)
    assert results["mix"][0] == ((1,), {"b": 1, "c": 3})
    assert results["late"][0]["x"] == 7


def test_keyword_arguments_win_over_the_unpacked_config():
    experiment = Experiment().add_callable("f", lambda **kw: kw, kwargs=EC(), x=9, save_to="f")
    assert run(experiment, {"x": 1, "y": 2}).results["f"][0] == {"x": 9, "y": 2}


def test_generator_is_made_once_with_arguments_of_that_moment():
    made = []

    def make(n):
        made.append(n)
        return iter([n, n + 1])

    running = run(Experiment().add_generator("g", make, args=[EC("x")], save_to="g"), {"x": 5})
    assert made == [5]
    assert running.results["g"] == {0: 5, 1: 6}


def test_generator_function_can_be_a_method_of_an_instance():
    experiment = (
        Experiment().add_instance("c", Counter, start=2).add_generator("c.upto", args=[4], save_to="n")
    )
    assert run(experiment).results["n"] == {0: 2, 1: 3}


def test_instance_is_made_once_per_experiment_and_its_methods_are_units():
    Counter.made = 0
    experiment = (
        Experiment().add_instance("c", Counter, start=EC("x")).add_callable("c.add", by=2, save_to="value")
    )
    executor = Executor(experiment, configs=[{"x": 10}, {"x": 20}], n_iters=3, target="for").run()
    assert [running.results["value"] for running in executor.experiments] == [
        {0: 12, 1: 14, 2: 16},
        {0: 22, 1: 24, 2: 26},
    ]
    assert Counter.made == 2


def test_root_instance_is_made_once_per_task_and_shared():
    Counter.made = 0
    experiment = (
        Experiment().add_instance("c", Counter, root=True).add_callable("c.add", by=EC("x"), save_to="value")
    )
    executor = Executor(experiment, configs=[{"x": 1}, {"x": 10}], n_iters=2, target="for").run()
    assert [running.results["value"] for running in executor.experiments] == [{0: 1, 1: 12}, {0: 11, 1: 22}]
    assert Counter.made == 1
    assert executor.experiments[0].instances["c"] is executor.experiments[1].instances["c"]


def test_instances_take_a_config_and_positional_arguments_and_see_earlier_instances():
    experiment = (
        Experiment()
        .add_instance("first", Counter, kwargs=EC(), extra=1)
        .add_instance("second", Counter, args=[E("first").value + 1])
    )
    instances = run(experiment, {"start": 5, "rate": 0.1}).instances
    assert instances["first"].value == 5
    assert instances["first"].more == {"rate": 0.1, "extra": 1}
    assert instances["second"].value == 6


def test_unit_can_be_named_by_a_path_of_attributes():
    experiment = (
        Experiment()
        .add_instance("box", lambda: types.SimpleNamespace(counter=Counter()))
        .add_callable("box.counter.add", save_to="value")
    )
    assert run(experiment).results["value"] == {0: 1}


def test_function_may_have_a_name_with_a_dot():
    assert run(Experiment().add_callable("a.b", lambda: 1, save_to="x")).results == {"x": {0: 1}}


def test_calling_a_name_equals_the_explicit_call():
    def make():
        return Experiment(namespaces=[{"power": power, "numbers": numbers}])

    pairs = [
        (make().power(a=EC("a"), save_to="p"), make().add_callable("power", power, a=EC("a"), save_to="p")),
        (
            make().power(2, EC("a"), when="last", root=True, dump=1),
            make().add_callable("power", power, args=[2, EC("a")], when="last", root=True, dump=1),
        ),
        (
            make().numbers(n=3, mode="generator", when=2),
            make().add_generator("numbers", numbers, n=3, when=2),
        ),
        (make().power(kwargs=EC()), make().add_callable("power", power, kwargs=EC())),
        (make().power(args=[1]), make().add_callable("power", power, args=[1])),
    ]
    for sugar, explicit in pairs:
        assert describe(sugar.build()) == describe(explicit.build())


def describe(plan):
    return [
        {
            name: repr(getattr(unit, name))
            for name in type(unit).__dataclass_fields__
            if name not in ("references", "needs")
        }
        for unit in plan.units
    ]


def test_names_are_found_in_main_and_added_namespaces_in_their_order(monkeypatch):
    import __main__

    monkeypatch.setattr(__main__, "triple", lambda x: 3 * x, raising=False)
    experiment = (
        Experiment()
        .add_namespace(math)
        .add_namespace("statistics")
        .add_namespace({"double": lambda x: 2 * x, "abs": lambda x: "mine"})
        .triple(EC("x"), save_to="triple")
        .sqrt(EC("x"), save_to="sqrt")
        .mean([1, 2, 6], save_to="mean")
        .double(EC("x"), save_to="double")
        .abs(EC("x"), save_to="abs")
        .add_namespace(builtins)
        .max(1, 2, save_to="max")
    )
    results = run(experiment, {"x": 9}).results
    assert {name: column[0] for name, column in results.items()} == {
        "triple": 27,
        "sqrt": 3.0,
        "mean": 3,
        "double": 18,
        "abs": "mine",
        "max": 2,
    }


@pytest.mark.parametrize("name", ["max", "filter", "help", "list", "print", "sorted", "exit"])
def test_builtins_are_found_only_when_they_were_added(name):
    experiment = Experiment()
    with pytest.raises(UnknownUnitError, match=r"it is a builtin: .*add_namespace\('builtins'\)"):
        getattr(experiment, name)
    with pytest.raises(UnknownUnitError, match="it is a builtin"):
        experiment.add_callable(name)
    assert not hasattr(experiment, name)
    assert experiment.actions == ()
    assert (
        experiment.add_namespace("builtins").add_callable("len", args=[[1]], save_to="n").actions[0].source
        is len
    )


def test_names_of_the_shell_are_not_functions_of_the_script(monkeypatch):
    import __main__

    def display(thing):
        return thing

    display.__module__ = "IPython.core.display_functions"
    monkeypatch.setattr(__main__, "display", display, raising=False)
    with pytest.raises(UnknownUnitError, match="named 'display'"):
        Experiment().display(1)


def test_what_was_written_down_is_readable_and_makes_the_same_experiment_again():
    experiment = Experiment().add_instance("words", list, args=[["a"]]).add_namespace(math)
    experiment = experiment.add_callable("words.count", args=["a"], save_to="n").dump()
    assert [instance.name for instance in experiment.instance_creators] == ["words"]
    assert [unit.name for unit in experiment.actions] == ["words.count", "dump"]
    assert experiment.namespaces[1:] == (math,)
    twin = Experiment(experiment.instance_creators, experiment.actions, experiment.namespaces)
    assert run(twin, {}).results == {"n": {0: 1}}
    assert twin.sqrt(4).actions[-1].name == "sqrt"
    assert len(experiment.actions) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("call", "experiment.init"),
        ("results", r"running\.results is what you want"),
        ("is_failed", "experiment.init"),
        ("create_stream", "redirect_stdout"),
        ("pop_index_keys", "nothing to remove"),
    ],
)
def test_names_of_running_experiments_say_where_they_are(name, words):
    with pytest.raises(UnknownUnitError, match=words):
        getattr(Experiment(), name)


def test_module_without_a_place_in_sys_modules_is_a_namespace():
    module = types.ModuleType("nowhere")
    module.five = lambda: 5
    assert run(Experiment().add_namespace(module).five(save_to="x")).results == {"x": {0: 5}}


def test_real_methods_win_over_functions_of_that_name():
    experiment = Experiment(namespaces=[{"save": power, "plan": power}])
    assert experiment.save(1, "x").build().names == ("save x",)


def test_private_names_are_never_answered():
    experiment = Experiment(namespaces=[{"_hidden": power}])
    with pytest.raises(AttributeError, match="has no attribute '_hidden'"):
        experiment._hidden
    assert not hasattr(experiment, "no_such_function")


def test_save_to_stores_the_output_its_parts_or_a_dict():
    experiment = (
        Experiment()
        .add_callable("one", lambda: (1, 2), save_to="one")
        .add_callable("parts", lambda: (1, 2, 3), save_to=["a", None, "b"])
        .add_callable("dict", lambda: {"c": 3, "d": 4}, save_output_dict=True)
        .save(O("parts")[1], "middle")
        .save(O("parts"), ["x", "y", None])
        .save(O("dict"), save_output_dict=True, when="%5")
    )
    assert {name: column[0] for name, column in run(experiment).results.items()} == {
        "one": (1, 2),
        "a": 1,
        "b": 3,
        "c": 3,
        "d": 4,
        "middle": 2,
        "x": 1,
        "y": 2,
    }


@pytest.mark.parametrize(
    ("options", "output", "message"),
    [
        ({"save_to": ["a", "b"]}, (1, 2, 3), "unit 'f': save_to=['a', 'b'] names 2 parts, the output has 3"),
        ({"save_to": ["a", "b"]}, 5, "unit 'f': save_to=['a', 'b'] needs a sequence, got int"),
        ({"save_to": ["a", "b"]}, {1, 2}, "unit 'f': save_to=['a', 'b'] needs a sequence, got set"),
        (
            {"save_to": ["a", "b"]},
            {"a": 1, "b": 2},
            "unit 'f': save_to=['a', 'b'] needs a sequence, got dict",
        ),
        ({"save_to": ["a", "b"]}, "xy", "unit 'f': save_to=['a', 'b'] needs a sequence, got str"),
        ({"save_output_dict": True}, 5, "unit 'f': save_output_dict=True needs a dict, got int"),
    ],
)
def test_output_that_does_not_fit_is_a_value_error_that_names_the_unit(options, output, message):
    experiment = Experiment().add_callable("f", lambda: output, **options)
    with pytest.raises(ValueError, match="unit 'f'") as caught:
        Executor(experiment, target="for", debug=True).run()
    assert str(caught.value) == message


@pytest.mark.parametrize("copy", [False, True])
def test_what_is_saved_is_as_it_is_now_whatever_copy_says(copy):
    experiment = (
        Experiment()
        .add_instance("items", list)
        .add_callable("items.append", args=[E().iteration])
        .save(E("items"), "items", copy=copy)
    )
    results = run(experiment, n_iters=2).results
    assert results["items"] == {0: [0], 1: [0, 1]}


def test_dump_hands_over_and_forgets_the_named_variables():
    sink = research_experiment.MemorySink()
    experiment = (
        Experiment()
        .add_callable("a", lambda: 1, save_to="a")
        .add_callable("b", lambda: 2, save_to="b", dump="%0")
        .dump("a", when=2)
    )
    running = run(experiment, n_iters=3, sink=sink)
    assert running.results == {"a": {2: 1}, "b": {1: 2, 2: 2}}
    assert sink.values[running.id] == {"a": {0: 1, 1: 1, 2: 1}, "b": {0: 2, 1: 2, 2: 2}}


def test_root_unit_runs_once_and_every_branch_sees_and_saves_its_output():
    calls = []

    def load(x):
        calls.append(x)
        return [x]

    experiment = (
        Experiment()
        .add_callable("load", load, args=[EC("same")], root=True, save_to="loaded")
        .add_callable("use", lambda data, x: data[0] * x, args=[O("load"), EC("x")], save_to="used")
    )
    configs = [{"same": 7, "x": x} for x in (1, 2, 3)]
    for target in ("for", "threads"):
        calls.clear()
        executor = Executor(experiment, configs=configs, n_iters=2, target=target).run()
        assert calls == [7, 7]
        assert [running.results["used"][1] for running in executor.experiments] == [7, 14, 21]
        assert [running.results["loaded"] for running in executor.experiments] == [{0: [7], 1: [7]}] * 3


@pytest.mark.parametrize(
    "argument",
    [
        EC("x"),
        EC("x") * 2,
        [1, {"deep": (EC("x"),)}],
        EC(),
        EC()["x"],
        EC().get("x"),
        E().config["x"],
        E().config.get("x", 3),
        E().config,
        O("other") + EC("x"),
    ],
    ids=repr,
)
def test_root_that_depends_on_a_differing_key_is_an_error_before_anything_runs(argument):
    ran = []
    experiment = (
        Experiment()
        .add_callable("other", lambda: ran.append(1), root=True)
        .add_callable("load", lambda value: ran.append(1), args=[argument], root=True)
    )
    with pytest.raises(RootDependencyError, match="root unit 'load' depends on the config key 'x'") as caught:
        Executor(experiment, configs=[{"x": 1, "y": 0}, {"x": 2, "y": 0}])
    assert caught.value.unit == "load"
    assert ran == []


@pytest.mark.parametrize(
    ("configs", "argument", "key"),
    [
        ([{"m/a": 1}, {"m/a": 2}], EC("m"), "m/a"),
        ([{"m/a": 1}, {"m/a": 2}], EC("m/a"), "m/a"),
        ([{"x": 1}, {"x": 1, "y": 1}], EC("y"), "y"),
        ([{"x": 1}, {"x": True}], EC("x"), "x"),
        ([{"x": 1, "repetition": 0}, {"x": 1, "repetition": 1}], EC("repetition"), "repetition"),
        ([{"x": 1, "repetition": 0}, {"x": 1, "repetition": 1}], EC(full=True), "repetition"),
    ],
)
def test_differing_keys_are_found_in_nested_missing_and_auxiliary_ones(configs, argument, key):
    experiment = Experiment().add_instance("root", Counter, root=True, start=argument)
    with pytest.raises(RootDependencyError, match=f"'root' depends on the config key '{key}'"):
        Executor(experiment, configs=configs)


def test_root_may_depend_on_what_is_the_same_in_all_branches():
    experiment = (
        Experiment()
        .add_callable("a", lambda x: x, args=[EC("x")], root=True)
        .add_callable("b", lambda **config: config, kwargs=EC(), root=True, save_to="b")
    )
    configs = [ConfigAlias({"x": [1], "repetition": i, AuxiliaryKey("device"): str(i)}) for i in (0, 1)]
    executor = Executor(experiment, configs=configs).run()
    assert executor.experiments[1].results["b"][0] == {"x": [1]}
    Executor(experiment, configs=[{"x": 5}]).run()


def test_root_that_needs_something_of_a_branch_is_an_error_of_the_plan():
    for experiment in (
        Experiment().add_callable("b", lambda: 1).add_callable("r", lambda x: x, args=[O("b")], root=True),
        Experiment().add_instance("b", Counter).add_callable("b.add", root=True),
        Experiment().add_instance("b", Counter).add_instance("r", Counter, start=E("b").value, root=True),
    ):
        with pytest.raises(RootDependencyError, match="depends on 'b', of which every branch has its own"):
            experiment.build()


def test_root_sees_a_config_with_what_all_branches_agree_upon():
    seen = []
    experiment = Experiment().add_callable("r", seen.append, args=[E()], root=True)
    executor = Executor(
        experiment, configs=[{"x": 1, "y": 0, "m": {"a": 1}}, {"x": 2, "y": 0, "m": {"a": 2}}]
    )
    executor.run()
    (root,) = seen
    assert dict(root.config) == {"y": 0}
    assert root.index is None
    assert root.branches == executor.experiments
    with pytest.raises(KeyError):
        root.config["x"]


def test_folder_of_a_shared_root_is_an_error_before_anything_runs(tmp_path):
    surroundings = research_experiment.Surroundings(path_of=lambda experiment_id: tmp_path / experiment_id)
    experiment = Experiment().add_callable("r", lambda p: p, args=[EP()], root=True, save_to="path")
    with pytest.raises(RootDependencyError, match="every branch of its task has a folder of its own"):
        Executor(experiment, configs=[{}, {}])
    running = run(experiment, surroundings=surroundings)
    assert running.results["path"][0] == running.path == tmp_path / running.id
    everywhere = Experiment().add_callable("r", lambda p: p, args=[EP(all=True)], root=True, save_to="paths")
    executor = Executor(everywhere, configs=[{}, {}], surroundings=surroundings).run()
    expected = [tmp_path / running.id for running in executor.experiments]
    assert [running.results["paths"][0] for running in executor.experiments] == [expected, expected]


def test_path_of_a_shared_root_is_refused_when_it_is_asked_for_at_run_time():
    experiment = Experiment().add_callable("r", lambda e: e.path, args=[E()], root=True)
    executor = Executor(experiment, configs=[{}, {}]).run()
    assert "no folder of its own" in executor.experiments[0].failure.message


def draw(experiment):
    return experiment.random.integers(0, 2**60)


def test_random_streams_depend_on_seed_and_identity_alone():
    experiment = (
        Experiment()
        .add_callable("root", draw, args=[E()], root=True, save_to="root")
        .add_callable("own", draw, args=[E()], save_to="own")
    )

    def values(configs, entropy=0, target="for"):
        surroundings = research_experiment.Surroundings(entropy=entropy)
        executor = Executor(experiment, configs=configs, surroundings=surroundings, target=target).run()
        return [(r.results["own"][0], r.results["root"][0]) for r in executor.experiments]

    both = values([{"x": 1}, {"x": 2}])
    assert both == values([{"x": 1}, {"x": 2}], target="threads")
    assert values([{"x": 1}]) == both[:1]
    assert values([{"x": 2}])[0][0] == both[1][0]
    assert len({own for own, _ in both} | {root for _, root in both}) == 3
    assert values([{"x": 1}], entropy=1) != both[:1]
    whose = Executor(experiment, configs=[{"x": 1}]).experiments[0].identity
    alone = research_experiment.Surroundings(entropy=0, root=whose)
    (again,) = Executor(experiment, configs=[{"x": 2}], surroundings=alone).run().experiments
    assert (again.results["own"][0], again.results["root"][0]) == both[1]
    assert values([{"x": 1}, {"x": 1}])[0][0] != values([{"x": 1}, {"x": 1}])[1][0]


def test_all_branches_can_be_asked_and_are_in_step():
    experiment = (
        Experiment()
        .add_generator("n", range, args=[EC("n")])
        .add_callable("all", list, args=[E(all=True)], save_to="all")
        .save(E("n", all=True), "iterators")
    )
    executor = Executor(experiment, configs=[{"n": 1}, {"n": 3}], target="threads").run()
    assert executor.experiments[1].results["all"][0] == list(executor.experiments)
    step = Experiment().save([E(all=True)[0].iteration], "other")
    executor = Executor(step, configs=[{}, {}], n_iters=3, target="for").run()
    assert executor.experiments[1].results["other"] == {0: [0], 1: [1], 2: [2]}


def test_running_experiment_shows_what_it_is(tmp_path):
    seen = []
    experiment = (
        Experiment()
        .add_instance("i", Counter)
        .add_generator("g", range, args=[9])
        .add_callable("f", seen.append, args=[E()])
    )
    options = {"surroundings": research_experiment.Surroundings(path_of=lambda id: tmp_path)}
    running = run(experiment, {"x": 1, "repetition": 0}, n_iters=1, **options)
    assert seen == [running]
    assert running.index == 0
    assert running.iteration == 0
    assert running.last
    assert not running.is_alive
    assert not running.is_failed
    assert running.outputs == {"g": 0, "f": None}
    assert running.config["x"] == 1
    assert running.config_alias.alias() == {"x": "1", "repetition": "0"}
    assert running.path == tmp_path
    assert running.results == {}
    assert running.storage.experiment_id == running.id
    assert running.logger.extra == {"experiment_id": running.id}
    assert running.profile_info == []
    assert running.show_profile_info() == {}
    assert repr(running) == f"<RunningExperiment {running.id} at iteration 0, ended>"


def test_units_and_instances_can_be_asked_for():
    got = {}
    experiment = (
        Experiment()
        .add_instance("i", Counter, start=3)
        .add_generator("g", numbers, n=3)
        .add_callable("f", power, a=2)
        .add_callable(
            "ask", lambda g, **kw: got.update(kw, rest=list(g)), i=E("i"), v=E("i").value, g=E("g"), f=E("f")
        )
    )
    run(experiment, n_iters=1)
    assert isinstance(got["i"], Counter)
    assert got["v"] == 3
    assert got["rest"] == [1, 2]
    assert got["f"] is power


def test_unknown_unit_at_run_time_names_close_matches():
    experiment = (
        Experiment().add_instance("model", Counter).add_callable("f", lambda e: e.lookup("modle"), args=[E()])
    )
    (running,) = Executor(experiment).run().experiments
    assert (
        "no instance or unit of that name has been made yet (did you mean 'model'?)"
        in running.failure.message
    )


def test_results_of_a_research_are_asked_for_where_there_are_none():
    experiment = Experiment().add_callable("f", lambda r: r, args=[research_experiment.R()])
    (running,) = Executor(experiment).run().experiments
    assert "R() has no results to give" in running.failure.message
    surroundings = research_experiment.Surroundings(results=lambda: "all of them")
    assert run(experiment, surroundings=surroundings).outputs["f"] == "all of them"


def test_temporary_folder_is_made_on_first_use_only():
    experiment = Experiment().add_callable("f", lambda p: p.is_dir(), args=[EP()], save_to="made")
    running = run(experiment)
    assert running.results["made"][0]
    running.path.rmdir()


def spoil_nested(model, **more):
    assert model == {"x": 2}
    model["x"] = "spoiled"


def test_configs_that_are_handed_out_are_copies():
    def spoil(config):
        config["x"] = "spoiled"

    experiment = (
        Experiment()
        .add_callable("a", spoil, args=[EC()])
        .add_callable("b", spoil, args=[EC("model")])
        .add_callable("c", spoil_nested, kwargs=EC(full=True))
        .save(EC("model"), "model")
        .save(EC("x"), "x")
    )
    running = run(experiment, {"x": 1, "model/x": 2}, n_iters=2)
    assert running.results == {"model": {0: {"x": 2}, 1: {"x": 2}}, "x": {0: 1, 1: 1}}
    assert running.config.to_dict() == {"x": 1, "model": {"x": 2}}


def test_plan_is_frozen_when_the_builder_goes_on():
    arguments = [EC("x")]
    experiment = Experiment().add_callable("f", lambda *args: args, args=arguments, save_to="f")
    plan = experiment.build()
    arguments.append(1)
    experiment.add_callable("g", lambda: 1)
    assert plan.names == ("f",)
    assert run(plan, {"x": 1}).results["f"][0] == (1,)


@pytest.mark.parametrize(
    "copied", [Experiment.copy, copy.copy, copy.deepcopy], ids=["method", "copy", "deepcopy"]
)
def test_copy_of_a_builder_is_independent(copied):
    first = Experiment(namespaces=[{"power": power}]).add_instance("i", Counter).power(a=1)
    second = copied(first)
    second.power(a=2).add_instance("j", Counter).add_namespace({"numbers": numbers})
    assert first.build().names == ("i", "power")
    assert second.build().names == ("i", "j", "power", "power_1")
    with pytest.raises(UnknownUnitError):
        first.get_method("numbers")


@pytest.mark.parametrize("module", [pickle, dill], ids=lambda module: module.__name__)
def test_builders_and_plans_survive_pickling(module):
    experiment = (
        Experiment()
        .add_instance("c", Counter, start=EC("x"))
        .add_callable("c.add", by=2, save_to="v")
        .add_callable("p", power, a=O("c.add"), b=EC("x") + 1, save_to="p", when=[2, "last"])
        .add_namespace(math)
    )
    for original in (experiment, experiment.build()):
        again = module.loads(module.dumps(original))
        assert run(again, {"x": 1}, n_iters=2).results == run(original, {"x": 1}, n_iters=2).results


def test_lambdas_in_plans_survive_dill():
    plan = Experiment().add_callable("f", lambda x: x * 2, args=[EC("x")], save_to="f").build()
    again = dill.loads(dill.dumps(plan, recurse=True))
    assert run(again, {"x": 4}).results == {"f": {0: 8}}


def test_unit_with_a_timeout_keeps_it_in_the_plan():
    plan = Experiment().add_callable("f", lambda: 1, timeout=3).build()
    assert plan.units[0].timeout_s == 3.0


def test_huge_constant_arguments_and_those_that_hold_themselves_are_copied_once():
    huge = list(range(200_000))
    cyclic: list = [1]
    cyclic.append(cyclic)

    def see(a, b):
        return a == huge, a is huge, b[1] is b, b is cyclic

    experiment = Experiment().add_callable(see, args=[huge, cyclic], save_to="f")
    assert run(experiment).results["f"][0] == (True, False, True, False)


def test_storage_expression_saves_under_the_current_iteration():
    experiment = Experiment().add_callable("f", lambda x: x, args=[S().update_variable("v", E().iteration)])
    assert run(experiment, n_iters=2).results == {"v": {0: 0, 1: 1}}


def test_only_callables_tells_whether_iterations_are_open():
    experiment = Experiment().add_callable("f", power, a=1)
    assert experiment.only_callables
    assert not experiment.add_generator("g", numbers, n=1).only_callables


def test_get_method_finds_what_a_call_would_find():
    experiment = Experiment(namespaces=[{"power": power}])
    assert experiment.get_method("power") is power
    with pytest.raises(UnknownUnitError):
        experiment.get_method("max")
    assert experiment.add_namespace("builtins").get_method("max") is max


def test_adding_is_all_or_nothing():
    experiment = Experiment()
    for options in ({"when": 0}, {"dump": "%x"}, {"save_to": 5}, {"args": 5}, {"kwargs": 5}, {"timeout": -1}):
        with pytest.raises(PlanError):
            experiment.add_callable("f", power, **options)
    assert experiment.build().names == ()


def test_base_error_catches_everything_on_purpose():
    with pytest.raises(ExperimentError):
        Experiment().add_callable("f", 5)


def test_an_argument_of_a_function_may_be_called_mode():
    experiment = Experiment().add_callable("f", lambda mode: mode, mode=EC("mode"), save_to="mode")
    (running,) = Executor(experiment, configs=[{"mode": "fast"}]).run().experiments
    assert running.results == {"mode": {0: "fast"}}
    experiment = Experiment().add_generator("g", lambda mode: iter([mode]), mode="slow", save_to="mode")
    (running,) = Executor(experiment).run().experiments
    assert running.results == {"mode": {0: "slow"}}


@pytest.mark.parametrize("option", ["when", "save_to", "dump", "root", "save_output_dict", "timeout"])
def test_an_option_of_a_unit_is_no_named_expression_and_kwargs_is_the_way_out(option):
    with pytest.raises(PlanError, match=rf"{option} of unit 'f' is an option .* kwargs=\{{'{option}': EC\("):
        Experiment().add_callable("f", len, **{option: EC(option)})
    experiment = Experiment().add_callable(
        "f", lambda **given: given, kwargs={option: EC(option)}, save_to="v"
    )
    (running,) = Executor(experiment, configs=[{option: 3}]).run().experiments
    assert running.results == {"v": {0: {option: 3}}}
