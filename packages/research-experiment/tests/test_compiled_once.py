"""A plan is compiled once; experiments that run by it share nothing that can change."""

import gc
import weakref

import pytest

from research_domain import ConfigAlias, Identifier
from research_experiment import EC, E, Executor, Experiment, MemorySink, O, Surroundings
from research_experiment.execution._program import compile_plan
from research_experiment.execution.settings import ExecutorSettings


def tasks(*configs):
    """Return the experiments of tasks of one branch each."""
    identifier = Identifier()
    aliases = [ConfigAlias(config) for config in configs]
    return [[(identifier.identify(alias), alias)] for alias in aliases]


def settings_of(experiment, **options):
    return ExecutorSettings.parse(experiment.build(), surroundings=Surroundings(), **options)


def run(settings, task, **options):
    return Executor.of(settings, task, **options).run().experiments[0]


def test_a_plan_is_compiled_once_and_its_program_goes_with_it():
    plan = Experiment().add_callable("one", lambda x: x, x=EC("x"), save_to="y").build()
    program = weakref.ref(compile_plan(plan).branch[0][0].bind)
    Executor(plan, configs=[{"x": 1}]).run()
    assert compile_plan(plan).branch[0][0].bind is program()
    del plan
    gc.collect()
    assert program() is None


def test_tasks_of_one_plan_do_not_see_each_other():
    class Model:
        def __init__(self, layers):
            layers.append(len(layers))
            self.layers = layers

    def count(model, extra, x):
        extra.append(x)
        for _ in range(2):
            yield len(model.layers) * 100 + len(extra) * 10 + x

    def pair(value, late):
        return value, late

    experiment = (
        Experiment()
        .add_instance("model", Model, layers=[])
        .add_generator("count", count, model=E("model"), extra=[], x=EC("x"), save_to="y")
        .add_callable("seen", pair, args=[O("count")], late=EC("late"), save_to="seen")
    )
    settings = settings_of(experiment)
    first, second = [run(settings, task) for task in tasks({"x": 1, "late": "a"}, {"x": 2, "late": "b"})]
    assert first.results == {"y": {0: 111, 1: 111}, "seen": {0: (111, "a"), 1: (111, "a"), 2: (111, "a")}}
    assert second.results == {"y": {0: 112, 1: 112}, "seen": {0: (112, "b"), 1: (112, "b"), 2: (112, "b")}}


def test_values_of_the_config_that_are_missing_or_nested_are_bound_anew():
    experiment = Experiment().add_callable("get", lambda part: part, part=EC("part"), save_to="y")
    settings = settings_of(experiment)
    known, nested, missing = tasks({"part": 1}, {"part/a": 2}, {"other": 3})
    assert run(settings, known).results["y"] == {0: 1}
    assert run(settings, nested).results["y"][0] == {"a": 2}
    assert "part" in str(run(settings, missing).failure)
    assert run(settings, known).results["y"] == {0: 1}


def test_known_keyword_arguments_come_in_their_order():
    experiment = Experiment().add_callable("first", lambda: 1)
    experiment.add_callable(
        "names", lambda **named: list(named), a=EC("a"), b=2, c=O("first"), d=[3], save_to="y"
    )
    (running,) = Executor(experiment, configs=[{"a": 1}]).run().experiments
    assert running.results["y"][0] == ["a", "b", "d", "c"]


@pytest.mark.parametrize("target", ["for", "threads"])
def test_a_class_of_executors_is_called_with_all_that_was_set(target):
    seen = {}

    class Noting(Executor):
        def __init__(self, *args, **options):
            seen.update(options)
            super().__init__(*args, **options)

    sink = MemorySink()
    experiment = Experiment().add_callable("one", lambda x: x, x=EC("x"), save_to="y")
    settings = settings_of(experiment, target=target, n_iters=2, sink=sink, finalize=False, profile=1)
    ((task,),) = [tasks({"x": 5})]
    (running,) = Noting.of(settings, task, root=task[0][0]).run().experiments
    assert sink.values == {running.id: {"y": {0: 5, 1: 5}}}
    assert len(running.profile_info) == 2
    assert (seen["target"], seen["n_iters"], seen["finalize"], seen["sink"]) == (target, 2, False, sink)
    assert seen["surroundings"].root == task[0][0]
