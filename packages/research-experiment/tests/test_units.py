"""Units: one test per sentence of how they are added, found, saved and shared."""

from __future__ import annotations

from functools import partial

import pytest
from plain_units import Counter, numbers, power, run

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
    S,
    UnknownUnitError,
)


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
