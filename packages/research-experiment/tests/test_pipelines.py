"""Pipelines: any object with the small protocol, alone, with a root, as a whole, held by an instance."""

from __future__ import annotations

import pytest

from research_experiment import (
    EC,
    E,
    Executor,
    Experiment,
    O,
    Pipeline,
    PlanError,
    RootDependencyError,
    get_metrics,
)


class Batch(list):
    pass


class FakePipeline:
    """Multiplies the numbers of each batch by the config's `scale` and adds them up."""

    made = 0

    def __init__(self, batches=(), log=None):
        type(self).made += 1
        self.batches = [Batch(batch) for batch in batches]
        self.log = [] if log is None else log
        self.config = {}
        self.reset("iter", "vars")

    def __add__(self, other):
        self.log.append("copy")
        return FakePipeline([*self.batches, *other.batches], self.log)

    def set_config(self, config):
        assert type(config) is dict
        self.config.update(config)
        self.log.append(("config", dict(config)))

    def reset(self, *what):
        self.log.append(("reset", what))
        if "iter" in what:
            self.position = 0
        if "vars" in what:
            self.total = 0
            self.history = []

    def next_batch(self):
        if self.position == len(self.batches):
            raise StopIteration
        batch = Batch(self.batches[self.position])
        self.position += 1
        return self.execute_for(batch)

    def run(self):
        self.position = 0
        for batch in self.batches:
            self.execute_for(Batch(batch))
        return self

    def execute_for(self, batch):
        batch[:] = [item * self.config.get("scale", 1) for item in batch]
        self.total += sum(batch)
        self.history.append(sum(batch))
        return batch

    def v(self, name):
        return getattr(self, name)


class BatchflowLike(FakePipeline):
    """Has the attributes of a pipeline of batchflow that say how batches are made."""

    def __init__(self, lazy_run, dataset):
        super().__init__()
        self._lazy_run, self._actions, self.dataset = lazy_run, [], dataset


BATCHES = [[1, 2], [3]]


def run(experiment, configs=({"scale": 10},), **options):
    options.setdefault("target", "for")
    executor = Executor(experiment, configs=configs, **options).run()
    for running in executor.experiments:
        assert running.failure is None, running.failure.traceback
    return executor.experiments


def test_fake_follows_the_protocol():
    assert isinstance(FakePipeline(), Pipeline)


@pytest.mark.parametrize("target", ["for", "threads"])
def test_pipeline_gives_batches_to_the_end_on_a_copy_with_the_config(target):
    original = FakePipeline(BATCHES)
    original.next_batch()
    experiment = (
        Experiment()
        .add_pipeline("train", original, variables="total")
        .add_callable("size", len, args=[O("train")], save_to="size")
    )
    first, second = run(experiment, [{"scale": 10}, {"scale": 100}], target=target)
    assert first.results == {"total": {0: 30, 1: 60}, "size": {0: 2, 1: 1, 2: 1}}
    assert second.results["total"] == {0: 300, 1: 600}
    assert original.total == 3
    assert original.config == {}


def test_calls_come_in_the_documented_order():
    pipeline = FakePipeline(BATCHES)
    pipeline.log.clear()
    run(Experiment().add_pipeline("p", pipeline), [{"scale": 2, "repetition": 1}])
    reset = ("reset", ("iter", "vars"))
    made_by_the_fake, config = "copy", {"scale": 2, "repetition": 1}
    assert pipeline.log == [made_by_the_fake, reset, ("config", config), reset]


def test_variables_are_saved_as_they_are_in_each_iteration():
    experiment = Experiment().add_pipeline("p", FakePipeline(BATCHES), variables=["total", "history"])
    (running,) = run(experiment)
    assert running.results == {"total": {0: 30, 1: 60}, "history": {0: [30], 1: [30, 30]}}


@pytest.mark.parametrize("target", ["for", "threads"])
def test_root_runs_once_and_each_branch_executes_for_its_own_copy_of_the_batch(target):
    root, branch = FakePipeline(BATCHES), FakePipeline()
    experiment = Experiment().add_pipeline("train", root, branch, variables="total")
    experiment.save(O("train"), "batch").save(O("train_root"), "given")
    assert experiment.build().names[:2] == ("train_root", "train")
    first, second = run(experiment, [{"scale": 10}, {"scale": 100}], target=target)
    assert first.results["total"] == {0: 30, 1: 60}
    assert second.results["total"] == {0: 300, 1: 600}
    assert first.results["batch"] == {0: [10, 20], 1: [30], 2: [30]}
    assert second.results["batch"] == {0: [100, 200], 1: [300], 2: [300]}
    assert first.results["given"] == {0: [1, 2], 1: [3], 2: [3]}
    assert [call for call in root.log if call == "copy"] == ["copy"]
    assert [call for call in branch.log if call == "copy"] == ["copy", "copy"]


def test_root_of_one_branch_hands_over_the_batch_itself():
    experiment = Experiment().add_pipeline("p", FakePipeline(BATCHES), FakePipeline())
    experiment.save([O("p"), O("p_root")], "both", when="%0")
    (running,) = run(experiment, [{}])
    processed, given = running.results["both"][0]
    assert processed is given


def test_root_pipeline_sees_what_the_branches_agree_upon():
    root = FakePipeline(BATCHES)
    run(Experiment().add_pipeline("p", root, FakePipeline()), [{"x": 1, "scale": 3}, {"x": 2, "scale": 3}])
    assert [entry for entry in root.log if entry[0] == "config"] == [("config", {"scale": 3})]


def test_nested_config_is_a_nested_dict():
    pipeline = FakePipeline(BATCHES)
    run(Experiment().add_pipeline("p", pipeline), [{"model/layers": 3}])
    assert ("config", {"model": {"layers": 3}}) in pipeline.log


def test_run_processes_everything_in_one_iteration():
    experiment = Experiment().add_pipeline("test", FakePipeline(BATCHES), run=True, variables="total", when=2)
    (running,) = run(experiment, n_iters=4)
    assert running.results == {"total": {1: 60, 3: 120}}
    (running,) = run(Experiment().add_pipeline("test", FakePipeline(BATCHES), run=True, variables="total"))
    assert running.results == {"total": {0: 60}}


def test_mode_func_takes_one_batch_and_leaves_the_number_of_iterations_alone():
    experiment = Experiment().add_pipeline("p", FakePipeline(BATCHES), mode="func", variables="total")
    assert experiment.only_callables
    (running,) = run(experiment)
    assert running.results == {"total": {0: 30}}


def test_mode_execute_for_processes_the_batch_of_any_unit():
    experiment = (
        Experiment()
        .add_generator("load", lambda: iter([Batch([1]), Batch([2])]), root=True)
        .add_pipeline("p", FakePipeline(), batch=O("load"), variables="total")
        .add_pipeline(
            "q", branch=FakePipeline(), batch=[O("load")[0], 5], mode="execute_for", variables="history"
        )
    )
    first, second = run(experiment, [{"scale": 10}, {"scale": 100}], n_iters=2)
    assert first.results["total"] == {0: 10, 1: 30}
    assert second.results["total"] == {0: 100, 1: 300}
    assert second.results["history"] == {0: [600], 1: [600, 700]}


def test_keyword_arguments_become_config_and_follow_their_expressions():
    pipeline = FakePipeline(BATCHES * 2)
    experiment = (
        Experiment()
        .add_callable("factor", lambda i: i + 1, args=[E().iteration])
        .add_pipeline("p", pipeline, variables="history", scale=O("factor"), fixed=EC("x"), more=[EC("x")])
    )
    (running,) = run(experiment, [{"x": 7, "scale": "replaced"}], n_iters=3)
    assert running.results["history"][2] == [3, 6, 9]
    configs = [entry[1] for entry in pipeline.log if entry[0] == "config"]
    assert configs[0] == {"x": 7, "scale": 1, "fixed": 7, "more": [7]}
    assert configs[-1] == {"scale": 3, "more": [7]}


def test_pipeline_is_what_other_units_get_when_they_ask_for_the_unit():
    experiment = (
        Experiment()
        .add_pipeline("train", FakePipeline(BATCHES))
        .add_callable("look", lambda pipeline: pipeline.v("total"), args=[E("train")], save_to="seen")
        .add_pipeline("test", FakePipeline(BATCHES), run=True, when="last", source=E("train").config["scale"])
    )
    (running,) = run(experiment)
    assert running.results["seen"] == {0: 30, 1: 60, 2: 60}


def test_unit_of_a_pipeline_has_the_pipeline_its_output_and_its_iteration():
    experiment = (
        Experiment()
        .add_pipeline("train", FakePipeline(BATCHES))
        .save(E("train").pipeline.v("total"), "total")
        .save(E("train").output, "batch")
        .save(E("train").iteration, "iteration", when="last")
        .add_callable(
            "look", lambda e: (e["train"].v("total"), e["train"].pipeline), [E()], save_to=["seen", None]
        )
        .add_pipeline("test", FakePipeline(BATCHES), run=True, when="last", given=E("train").pipeline)
        .save(E("test").pipeline.config["given"].v("total"), "given", when="last")
    )
    (running,) = run(experiment)
    assert running.results == {
        "total": {0: 30, 1: 60, 2: 60},
        "batch": {0: [10, 20], 1: [30], 2: [30]},
        "iteration": {2: 2},
        "seen": {0: 30, 1: 60, 2: 60},
        "given": {2: 60},
    }


class Controller:
    on_class = FakePipeline(BATCHES)

    def __init__(self, batches=BATCHES):
        self.train = FakePipeline(batches)
        self.test = FakePipeline([[7]])

    def total(self):
        return self.train.v("total") + self.test.v("total")


def test_pipelines_held_by_a_controller_are_its_own():
    experiment = (
        Experiment()
        .add_instance("controller", Controller)
        .add_pipeline("controller.train", variables="total")
        .add_pipeline("controller.test", run=True, when="last")
        .add_callable("controller.total", save_to="sum")
    )
    first, second = run(experiment, [{"scale": 1}, {"scale": 10}])
    assert first.results == {"total": {0: 3, 1: 6}, "sum": {0: 3, 1: 6, 2: 13}}
    assert second.results == {"total": {0: 30, 1: 60}, "sum": {0: 30, 1: 60, 2: 130}}


def test_pipeline_held_by_the_class_is_copied_onto_the_instance():
    experiment = Experiment().add_instance("c", Controller).add_pipeline("c.on_class", variables="total")
    first, second = run(experiment, [{"scale": 1}, {"scale": 10}])
    assert first.results == {"total": {0: 3, 1: 6}}
    assert second.results == {"total": {0: 30, 1: 60}}
    assert Controller.on_class.total == 0
    assert first.instances["c"].on_class is not Controller.on_class


def test_pipeline_held_by_a_root_instance_runs_once_per_task():
    experiment = (
        Experiment()
        .add_instance("c", Controller, root=True)
        .add_pipeline("c.train", variables="total")
        .add_pipeline("own", branch=FakePipeline(), batch=O("c.train"), variables="history")
    )
    first, second = run(experiment, [{"scale": 10, "x": 1}, {"scale": 10, "x": 2}])
    assert first.results == second.results
    assert first.results == {
        "total": {0: 30, 1: 60},
        "history": {0: [300], 1: [300, 300]},
    }


def test_dump_and_when_of_a_pipeline():
    from research_experiment import MemorySink

    sink = MemorySink()
    experiment = Experiment().add_pipeline("p", FakePipeline([[1]] * 4), variables="total", dump=2, when=2)
    (running,) = run(experiment, [{}], n_iters=5, sink=sink)
    assert running.results == {}
    assert sink.values[running.id] == {"total": {1: 1, 3: 2}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "pipeline 'p' needs a pipeline, or the name of one that an instance holds"),
        ({"root": 5}, "pipeline 'p' cannot be used: int has no method set_config, reset, next_batch"),
        ({"root": 5, "run": True}, "set_config, reset, run"),
        ({"root": 5, "variables": "x", "batch": O("b")}, "set_config, reset, execute_for, v"),
        ({"root": FakePipeline(), "mode": "fnc"}, "mode of pipeline 'p' must be one of 'func', 'generator'"),
        ({"root": FakePipeline(), "mode": "execute_for"}, "mode='execute_for' and batch=... belong together"),
        ({"root": FakePipeline(), "mode": "func", "batch": O("b")}, "belong together"),
        ({"root": FakePipeline(), "run": True, "mode": "generator"}, "run=True goes with mode='func'"),
        ({"branch": FakePipeline()}, "a branch and no root that gives batches to it"),
        ({"branch": FakePipeline(), "run": True}, "a branch and no root"),
        ({"root": BatchflowLike(None, object())}, "end it with run_later(batch_size"),
        ({"root": BatchflowLike(None, object()), "run": True}, "end it with run_later(batch_size"),
        ({"root": BatchflowLike(None, object()), "branch": FakePipeline()}, "end it with run_later"),
        ({"root": BatchflowLike(((4,), {}), None)}, "no dataset to take batches from"),
        ({"root": FakePipeline(), "branch": FakePipeline(), "batch": O("x")}, "not for choosing"),
        ({"root": FakePipeline(), "branch": 5}, "int has no method set_config, reset, execute_for"),
        ({"root": FakePipeline(), "when": 0}, "when of unit 'p'"),
        ({"root": FakePipeline(), "dump": 0}, "dump of unit 'p'"),
    ],
)
def test_pipelines_that_make_no_sense_are_refused_when_they_are_written(options, message):
    experiment = Experiment()
    with pytest.raises(PlanError) as caught:
        experiment.add_pipeline("p", **options)
    assert message in str(caught.value)
    assert caught.value.unit == "p"
    assert experiment.build().names == ()


def test_run_makes_no_difference_where_a_root_gives_batches():
    experiment = Experiment().add_pipeline(
        "p", root=FakePipeline(BATCHES), branch=FakePipeline(), run=True, variables="total"
    )
    for running in run(experiment, [{"x": 1}, {"x": 2}]):
        assert running.results == {"total": {0: 3, 1: 6}}


def test_pipeline_that_a_controller_holds_must_be_ready_as_well():
    class Unready:
        def __init__(self):
            self.train = BatchflowLike(None, object())

    experiment = Experiment().add_instance("c", Unready).add_pipeline("c.train")
    (running,) = Executor(experiment).run().experiments
    assert (
        "pipeline 'c.train' cannot be used: nothing says how its batches are made" in running.failure.message
    )


class ReadingPipeline(FakePipeline):
    """Looks up a key in its config in each batch, as an expression of the pipeline would."""

    def __add__(self, other):
        return ReadingPipeline([*self.batches, *other.batches])

    def next_batch(self):
        try:
            self.config["lr"]
        except KeyError as error:
            raise RuntimeError(f"cannot evaluate C(lr): {error}") from error
        return super().next_batch()


@pytest.mark.parametrize("target", ["for", "threads"])
def test_root_that_misses_what_differs_between_branches_says_so(target):
    experiment = Experiment().add_pipeline("p", root=ReadingPipeline(BATCHES), branch=FakePipeline())
    executor = Executor(experiment, configs=[{"lr": 1, "l": 0}, {"lr": 2, "l": 1}], target=target).run()
    for running in executor.experiments:
        assert running.failure.type.endswith("RootDependencyError")
        assert "root pipeline 'p_root' asks its config for 'lr'" in running.failure.message
    for configs in ([{"lr": 1}], [{"lr": 1, "x": 1}, {"lr": 1, "x": 2}]):
        for running in Executor(experiment, configs=configs, target=target).run().experiments:
            assert running.failure is None
    for running in Executor(experiment, configs=[{"x": 1}, {"x": 2}], target=target).run().experiments:
        assert running.failure.type == "RuntimeError"


class Accuracy:
    def __init__(self, value):
        self.value = value

    def evaluate(self, name, *args, agg="mean", **kwargs):
        if name != "accuracy":
            raise AttributeError(name)
        return {"mean": self.value, "sum": 10 * self.value}[agg]


def test_metrics_of_a_pipeline_are_evaluated():
    class Measured(FakePipeline):
        def __add__(self, other):
            return Measured(self.batches)

        def v(self, name):
            return {"one": Accuracy(self.total), "parts": [Accuracy(1), Accuracy(2)], "none": 5, "empty": []}[
                name
            ]

    test = E("test").pipeline
    experiment = (
        Experiment()
        .add_pipeline("test", Measured(BATCHES), run=True)
        .add_callable(get_metrics, pipeline=test, metrics_var="one", metrics_name="accuracy", save_to="one")
        .add_callable("m", get_metrics, args=[E("test"), "parts", "accuracy"], save_to="parts")
        .add_callable("s", get_metrics, args=[test, "one", "accuracy"], agg="sum", save_to="sum")
        .add_callable("x", get_metrics, args=[test, "parts", "accuracy"], agg=max, save_to="max")
        .add_callable("d", get_metrics, args=[test, "one", ["accuracy"]], save_output_dict=True)
    )
    (running,) = run(experiment)
    results = {name: value[0] for name, value in running.results.items()}
    assert results == {"one": 60, "parts": 1.5, "sum": 600, "max": 2, "accuracy": 60}
    for variable in ("none", "empty"):
        with pytest.raises(TypeError, match=f"variable '{variable}' of the pipeline must hold metrics"):
            get_metrics(Measured(), variable, "accuracy")


def test_controller_that_does_not_exist_is_found_before_the_run():
    from research_experiment import UnknownUnitError

    with pytest.raises(
        UnknownUnitError, match=r"unit 'c\.train' refers to an instance 'c' that does not exist"
    ):
        Experiment().add_pipeline("c.train").build()


def test_root_that_takes_a_differing_key_as_its_config_is_an_error():
    experiment = Experiment().add_instance("c", Controller, root=True).add_pipeline("c.train", x=EC("x"))
    with pytest.raises(RootDependencyError, match=r"root unit 'c\.train' depends on the config key 'x'"):
        Executor(experiment, configs=[{"x": 1}, {"x": 2}])


def test_pipelines_behind_a_pipeline_without_a_new_batch_are_left_out_as_well():
    experiment = (
        Experiment()
        .add_pipeline("load", FakePipeline(BATCHES))
        .add_pipeline("first", branch=FakePipeline(), batch=O("load"), variables="total")
        .add_pipeline("second", branch=FakePipeline(), batch=O("first"), variables="history")
        .save(O("second"), "end", when="last")
    )
    (running,) = run(experiment, [{}])
    assert running.results == {"total": {0: 3, 1: 6}, "history": {0: [3], 1: [3, 3]}, "end": {2: [3]}}


def test_failing_pipeline_fails_the_experiment():
    class Bad(FakePipeline):
        def next_batch(self):
            raise RuntimeError("bad")

        def __add__(self, other):
            return Bad()

    (running,) = Executor(Experiment().add_pipeline("p", Bad())).run().experiments
    assert (running.failure.unit, running.failure.message) == ("p", "bad")
