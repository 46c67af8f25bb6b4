"""What expressions ask of all branches, of units, and of an experiment at hand."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from research_domain import Config, ConfigAlias
from research_experiment import (
    EC,
    EP,
    E,
    Executor,
    Experiment,
    Expression,
    ExpressionError,
    O,
    PlanError,
    R,
    RootDependencyError,
    RunningExperiment,
    S,
    Surroundings,
    UnitOutputError,
    UnknownUnitError,
    evaluate,
)
from research_experiment.expressions._known import EXPERIMENT

TARGETS = pytest.mark.parametrize("target", ["for", "threads"])


def run(experiment, configs, **options):
    executor = Executor(experiment, configs=configs, **options).run()
    return executor.experiments


@TARGETS
def test_values_of_all_branches_come_in_their_order(target, tmp_path):
    experiment = (
        Experiment()
        .add_callable("double", lambda x: 2 * x, x=EC("x"))
        .save(O("double", all=True), "doubled")
        .save(EC("x", all=True), "x")
        .save(EC(all=True), "configs")
        .save(EC(full=True, all=True), "full")
        .save(EP(all=True), "paths")
        .save(E(all=True)[0].config["x"], "first")
    )
    configs = [{"x": 1, "repetition": 0}, {"x": 2, "repetition": 0}, {"x": 3, "repetition": 0}]
    places = Surroundings(path_of=lambda name: tmp_path / name)
    running = run(experiment, configs, target=target, surroundings=places)
    for one in running:
        assert one.failure is None, one.failure.traceback
        assert {name: value[0] for name, value in one.results.items()} == {
            "doubled": [2, 4, 6],
            "x": [1, 2, 3],
            "configs": [Config({"x": 1}), Config({"x": 2}), Config({"x": 3})],
            "full": [Config(config) for config in configs],
            "paths": [tmp_path / other.id for other in running],
            "first": 1,
        }


@TARGETS
def test_branches_wait_for_each_other_where_one_asks_all(target):
    """The sum of this iteration's outputs, also in the first branch, which would be first to ask."""
    experiment = (
        Experiment()
        .add_generator("count", lambda x: iter(range(x, x + 3)), x=EC("x"))
        .add_callable("total", sum, args=[O("count", all=True)], save_to="total")
    )
    for one in run(experiment, [{"x": 0}, {"x": 10}], n_iters=3, target=target):
        assert one.results == {"total": {0: 10, 1: 12, 2: 14}}


def test_root_asks_what_the_branches_gave():
    experiment = (
        Experiment()
        .add_callable("score", lambda x: x * x, x=EC("x"))
        .add_callable("best", max, args=[O("score", all=True)], root=True, save_to="best")
        .add_callable("configs", list, args=[EC("x", all=True)], root=True, save_to="x")
    )
    assert [one.results for one in run(experiment, [{"x": 1}, {"x": 3}])] == [
        {"best": {0: 9}, "x": {0: [1, 3]}}
    ] * 2
    with pytest.raises(RootDependencyError, match="'x'"):
        run(Experiment().add_callable("f", abs, args=[EC("x")], root=True), [{"x": 1}, {"x": 3}])


def test_values_of_siblings_are_copies():
    experiment = (
        Experiment()
        .add_callable("spoil", spoil_others, lists=EC("x", all=True), own=E().index)
        .save(EC("x"), "x")
    )
    first, second = run(experiment, [{"x": [1]}, {"x": [2]}], target="for")
    assert (first.results["x"][0], second.results["x"][0]) == ([1], [2])


def spoil_others(lists, own):
    lists[1 - own].clear()


def test_branch_without_an_output_is_none_and_one_that_failed_keeps_its_last(caplog):
    caplog.set_level(logging.CRITICAL)

    def unstable(x, i):
        return x / (x - i)

    experiment = (
        Experiment()
        .add_callable("unstable", unstable, x=EC("x"), i=E().iteration)
        .save(O("unstable", all=True), "all")
    )
    (_, survivor) = run(experiment, [{"x": 1}, {"x": 4}], n_iters=2, target="for")
    assert survivor.results["all"][1][1] == 4 / 3
    assert survivor.results["all"][1][0] == 1.0
    (_, survivor) = run(experiment, [{"x": 0}, {"x": 4}], n_iters=1, target="for")
    assert survivor.results["all"][0] == [None, 1.0]


def test_unit_of_all_branches_must_exist_and_have_run():
    with pytest.raises(UnknownUnitError, match=r"refers to O\('laod', all=True\)"):
        Experiment().add_callable("load", list).save(O("laod", all=True), "x").build()
    with pytest.raises(PlanError, match="has not run by then"):
        Experiment().save(O("load", all=True), "x").add_callable("load", list).build()


def give(x):
    return 10 * x


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (E("give").output, [30, 30, 30]),
        (E()["give"].output, [30, 30, 30]),
        (E("give").output + 1, [31, 31, 31]),
        (E("give").iteration, [0, 1, 2]),
        (E()["rare"].iteration, [1]),
        (E("count").output, [5, 6, 7]),
        (E()["words"][0], ["a", "a", "a"]),
        (E("words")[0], ["a", "a", "a"]),
        (E("give")(1), [10, 10, 10]),
        (E()["give"](1), [10, 10, 10]),
        (E()["root"].output, ["r", "r", "r"]),
        (E("root").iteration, [0, 1, 2]),
    ],
    ids=repr,
)
def test_units_and_what_they_gave(expression, value):
    experiment = (
        Experiment()
        .add_instance("words", list, args=[["a"]])
        .add_callable("root", str, args=["r"], root=True)
        .add_callable("give", give, x=EC("x"))
        .add_generator("count", range, args=[5, 9])
        .add_callable("rare", give, x=1, when=2)
        .save(expression, "value", when=2 if "rare" in repr(expression) else 1)
    )
    (running,) = run(experiment, [{"x": 3}], n_iters=3)
    assert running.failure is None, running.failure.traceback
    assert list(running.results["value"].values()) == value


def test_units_are_reached_from_inside_functions_and_after_the_end():
    def look(running):
        return running["give"].output, running["give"].iteration, running["give"].name

    experiment = (
        Experiment()
        .add_callable("give", give, x=EC("x"))
        .add_callable("look", look, args=[E()], save_to="seen")
    )
    (running,) = run(experiment, [{"x": 3}])
    assert running.results == {"seen": {0: (30, 0, "give")}}
    assert running["give"].output == 30
    assert running["give"].iteration == 0
    assert "give" in repr(running["give"])
    with pytest.raises(PlanError, match="has no pipeline"):
        running["give"].pipeline
    with pytest.raises(UnknownUnitError, match="did you mean 'give'"):
        running["giv"]


def test_unit_that_has_not_run_has_no_output():
    experiment = Experiment().add_callable("rare", list, when=5).save(E()["rare"].output, "x", when="last")
    (running,) = run(experiment, [{}], n_iters=2)
    assert running.failure.type.endswith("UnitOutputError")
    with pytest.raises(UnitOutputError):
        running["rare"].output
    assert running["rare"].iteration is None


def test_units_of_items_are_checked_before_the_run():
    with pytest.raises(UnknownUnitError, match=r"refers to E\('laod'\)"):
        Experiment().add_callable("load", list).save(E()["laod"].output, "x").build()


@pytest.fixture
def running() -> RunningExperiment:
    experiment = Experiment().add_callable("give", lambda: {"lr": 0.5})
    (one,) = run(experiment, [{"x": 7, "o": {"lr": 1}, "repetition": 2}])
    return one


def test_get_evaluates_at_an_experiment(running):
    assert EC("x").get(experiment=running) == 7
    assert (EC("x") * 2 + 1).get(experiment=running) == 15
    assert E("give").output.get(experiment=running) == {"lr": 0.5}
    assert E().get(experiment=running) is running
    assert O("give").get(experiment=running) == {"lr": 0.5}
    assert S().get(experiment=running, research=None) is running.storage
    assert EC(full=True).get(experiment=running) == {"x": 7, "o": {"lr": 1}, "repetition": 2}
    with pytest.raises(ExpressionError, match="EC\\('y'\\)"):
        EC("y").get(experiment=running)


@pytest.mark.parametrize(
    "expression",
    [
        EC("o").get("lr", 1),
        EC("o").get(experiment=1),
        EC("o").get(key="lr", research=None),
        O("give").get("lr"),
        R().get(),
        R().get(research=object()),
    ],
    ids=repr,
)
def test_any_other_get_stays_an_expression(expression):
    assert isinstance(expression, Expression)


def test_get_of_a_value_is_called_when_the_experiment_runs(running):
    assert evaluate([EC("o").get("lr", 1), EC("o").get("rate", 5), O("give").get("lr")], running) == [
        1,
        5,
        0.5,
    ]


def test_remove_keys_returns_a_copy_without_the_auxiliary_ones(running):
    config = {"x": 7, "repetition": 2, "updates": 0, "device": "0"}
    for given in (config, Config(config), ConfigAlias(config)):
        kept = EC().remove_keys(given)
        assert type(kept) is type(given)
        assert list(kept.keys()) == ["x"]
        assert "repetition" in given
    assert evaluate(EC().remove_keys(EC(full=True)), running) == {"x": 7, "o": {"lr": 1}}
    with pytest.raises(TypeError, match="takes a config"):
        EC().remove_keys(5)


def test_completion_shows_what_a_running_experiment_has():
    public = [name for name in dir(RunningExperiment) if not name.startswith("_")]
    assert sorted(EXPERIMENT) == public
    assert dir(E()) == public
    assert dir(E("unit")) == ["iteration", "output", "pipeline"]
    assert {"flatten", "get", "items"} <= set(dir(EC()))
    assert "format" in dir(EC("x"))


@pytest.mark.parametrize(
    ("attribute", "instead"),
    [
        (lambda: E.random, r"write E\(\)\.random"),
        (lambda: E.model, r"write E\('model'\)"),
        (lambda: EC.x, r"write EC\('x'\)"),
        (lambda: EC.items, r"write EC\(\)\.items"),
        (lambda: O.load, r"write O\('load'\)"),
        (lambda: R.df, r"write R\(\)\.df"),
        (lambda: S.update_variable, r"write S\(\)\.update_variable"),
        (lambda: EC().lr, r"write EC\('lr'\)"),
        (lambda: EC(full=True).lr, r"write EC\('lr'\)"),
        (lambda: E().config.lr, r"write E\(\)\.config\['lr'\]"),
    ],
)
def test_attribute_that_cannot_be_meant_says_what_to_write(attribute, instead):
    with pytest.raises(AttributeError, match=instead):
        attribute()


def test_classes_of_expressions_are_classes_still():
    assert not hasattr(E, "_anything")
    assert not hasattr(Expression, "anything")
    assert not hasattr(EC, "random")


def test_unknown_attribute_of_an_experiment_says_what_there_is(running):
    for expression, words in [
        (E().lr, r"EC\('lr'\) is a value of its config"),
        (E().randon, "did you mean 'random'"),
        (E().research, r"R\(\) has the results"),
    ]:
        with pytest.raises(ExpressionError, match=words):
            evaluate(expression, running)


def test_function_that_takes_the_path_for_a_text_is_told_what_to_write(caplog):
    caplog.set_level(logging.CRITICAL)
    for join in (lambda path: path + "/x", lambda path: "x/" + path):
        (one,) = run(Experiment().add_callable("join", join, path=EP()), [{}])
        assert "write path / 'file', or give the unit EP().str()" in one.failure.traceback
    (one,) = run(Experiment().add_callable("join", lambda x: x + "1", x=1), [{}])
    assert "EP()" not in one.failure.traceback


def test_text_behind_a_path_makes_a_path(running):
    path = running.path
    assert evaluate(EP() + "/x", running) == path / "x"
    assert evaluate(EP() / "a" + EC("x").format("{}.txt"), running) == path / "a7.txt"
    assert isinstance(evaluate(EP() + "/x", running), Path)
    with pytest.raises(ExpressionError, match=r"EP\(\) \+ 5"):
        evaluate(EP() + 5, running)
