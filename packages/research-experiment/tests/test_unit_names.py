"""How the functions of units are found by their names, and what may be called by its name."""

from __future__ import annotations

import builtins
import math
import types

import pytest
from plain_units import Counter, numbers, power, run

from research_experiment import (
    EC,
    Experiment,
    UnknownUnitError,
)


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
