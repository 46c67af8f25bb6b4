"""Roots: what runs once for all branches of a task, and what each branch draws and sees."""

from __future__ import annotations

import pytest
from plain_units import Counter, run

import research_experiment
from research_domain import AuxiliaryKey, ConfigAlias
from research_experiment import (
    EC,
    EP,
    E,
    Executor,
    Experiment,
    O,
    RootDependencyError,
)


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
