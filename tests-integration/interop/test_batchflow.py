"""Real pipelines of the published ``batchflow`` distribution, through `add_pipeline`."""

from __future__ import annotations

import re
from pathlib import Path

import dill
import numpy as np
import pandas as pd
import pytest
from batchflow import B, Batch, C, Dataset, Pipeline, V, action

from research_domain import Domain
from research_experiment import EC, E, Executor, Experiment, MemorySink, O, TextCapture
from research_experiment import Pipeline as PipelineProtocol


class Numbers(Batch):
    """A batch whose component `x` holds its indices."""

    components = ("x",)

    @action
    def load_numbers(self):
        """Fill the component."""
        self.x = np.asarray(self.indices, dtype=float)
        return self

    @action
    def scale(self, by):
        """Change the component in place."""
        self.x *= by
        return self


N_ITEMS, BATCH_SIZE = 12, 4
SUMS = [6.0, 22.0, 38.0]  # of the indices of each batch


@pytest.fixture
def dataset():
    return Dataset(N_ITEMS, Numbers)


def summing(pipeline):
    return (
        pipeline.init_variable("total", 0.0)
        .init_variable("sums", [])
        .update(V("total"), V("total") + B("x").sum())
        .update(V("sums", mode="append"), B("x").sum())
    )


def train_pipeline(dataset):
    """Return load → scale by the config → sum, to be run later."""
    return summing(dataset.p.load_numbers().scale(C("by"))).run_later(BATCH_SIZE, n_epochs=1, shuffle=False)


def run(experiment, configs, **options):
    executor = Executor(experiment, configs=configs, **options).run()
    for running in executor.experiments:
        assert running.failure is None, running.failure.traceback
    return executor.experiments


def running_totals(by):
    return {iteration: value * by for iteration, value in enumerate(np.cumsum(SUMS))}


def test_real_pipelines_have_the_protocol(dataset):
    assert isinstance(train_pipeline(dataset), PipelineProtocol)


@pytest.mark.parametrize("target", ["for", "threads"])
def test_each_config_of_a_domain_runs_its_own_copy(dataset, target):
    original = train_pipeline(dataset)
    experiment = Experiment().add_pipeline("train", original, variables=["total", "sums"])
    experiments = run(experiment, list(Domain(by=[1.0, 10.0, 100.0])), target=target)
    for running, by in zip(experiments, (1.0, 10.0, 100.0), strict=True):
        assert running.results["total"] == running_totals(by)
        assert running.results["sums"][1] == [SUMS[0] * by, SUMS[1] * by]
    assert original.v("total") == 0


def test_prototype_that_has_run_before_starts_from_the_beginning(dataset):
    original = train_pipeline(dataset)
    original.set_config({"by": 5})
    original.next_batch()
    (running,) = run(Experiment().add_pipeline("train", original, variables="total"), [{"by": 1.0}])
    assert running.results["total"] == running_totals(1)


@pytest.mark.parametrize("target", ["for", "threads"])
def test_root_loads_once_and_branches_never_see_each_others_changes(dataset, target):
    loaded = []

    class Counting(Numbers):
        @action
        def count(self):
            loaded.append(list(self.indices))
            return self

    root = (
        Dataset(N_ITEMS, Counting).p.load_numbers().count().run_later(BATCH_SIZE, n_epochs=1, shuffle=False)
    )
    branch = summing(Pipeline().scale(C("by")))
    experiment = (
        Experiment()
        .add_pipeline("train", root, branch, variables="total")
        .save(O("train").x, "x")
        .save(O("train_root").x, "given", when="%0")
    )
    experiments = run(experiment, list(Domain(by=[2.0, 3.0, 5.0])), target=target)
    assert loaded == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    for running, by in zip(experiments, (2.0, 3.0, 5.0), strict=True):
        assert running.results["total"] == running_totals(by)
        assert running.results["x"][0].tolist() == [0, by, 2 * by, 3 * by]
        assert running.results["given"][0].tolist() == [0, 1, 2, 3]


def test_run_processes_everything_in_one_iteration(dataset):
    experiment = (
        Experiment()
        .add_pipeline("train", train_pipeline(dataset), variables="total")
        .add_pipeline("test", train_pipeline(dataset), run=True, variables="sums", when="last")
    )
    (running,) = run(experiment, [{"by": 2.0}])
    assert running.results["total"] == running_totals(2.0)
    assert running.results["sums"] == {3: [value * 2.0 for value in SUMS]}
    once = Experiment().add_pipeline("test", train_pipeline(dataset), run=True, variables="total")
    assert run(once, [{"by": 1.0}])[0].results == {"total": {0: sum(SUMS)}}


def test_pipelines_take_batches_of_units_and_config_from_expressions(dataset):
    def batches(size):
        return iter([dataset.next_batch(size, shuffle=False).load_numbers() for _ in range(2)])

    experiment = (
        Experiment()
        .add_generator("load", batches, args=[BATCH_SIZE])
        .add_callable("factor", lambda i: i + 1, args=[E().iteration])
        .add_pipeline(
            "sum",
            summing(Pipeline().scale(C("factor"))),
            batch=O("load"),
            variables="total",
            factor=O("factor") * EC("by"),
        )
    )
    (running,) = run(experiment, [{"by": 10.0}], n_iters=2)
    assert running.results["total"] == {0: SUMS[0] * 10, 1: SUMS[0] * 10 + SUMS[1] * 20}


def test_nested_config_is_reached_by_paths(dataset):
    pipeline = summing(dataset.p.load_numbers().scale(C("model/by"))).run_later(BATCH_SIZE, n_epochs=1)
    experiment = Experiment().add_pipeline("p", pipeline, variables="total")
    domain = Domain({"model/by": [1.0, 4.0]})
    assert [running.results["total"][2] for running in run(experiment, list(domain))] == [66.0, 264.0]


class Controller:
    """Holds two pipelines; the second one continues with what the first has learnt."""

    def __init__(self, n_items, start=0.0):
        dataset = Dataset(n_items, Numbers)
        self.train = train_pipeline(dataset)
        self.test = (
            dataset.p.init_variable("offset", start)
            .init_variable("shifted", [])
            .load_numbers()
            .update(V("shifted", mode="append"), B("x").sum() + C("learnt"))
            .run_later(BATCH_SIZE, n_epochs=1, shuffle=False)
        )

    def difference(self):
        return self.train.v("total") - sum(self.test.v("shifted"))


@pytest.mark.parametrize("target", ["for", "threads"])
def test_pipelines_of_a_controller(target):
    experiment = (
        Experiment()
        .add_instance("controller", Controller, n_items=N_ITEMS)
        .add_pipeline("controller.train", variables="total")
        .add_pipeline(
            "controller.test",
            run=True,
            when="last",
            variables="shifted",
            learnt=E("controller").train.v("total"),
        )
        .add_callable("controller.difference", when="last", save_to="difference")
    )
    for running, by in zip(
        run(experiment, list(Domain(by=[1.0, 3.0])), target=target), (1.0, 3.0), strict=True
    ):
        learnt = sum(SUMS) * by
        assert running.results["total"] == running_totals(by)
        assert running.results["shifted"] == {3: [value + learnt for value in SUMS]}
        assert running.results["difference"] == {3: learnt - sum(SUMS) - 3 * learnt}


def test_values_are_dumped_and_output_is_caught(dataset):
    class Chatty(Numbers):
        @action
        def say(self):
            print("batch of", len(self.indices))
            return self

    pipeline = summing(Dataset(N_ITEMS, Chatty).p.load_numbers().say()).run_later(BATCH_SIZE, n_epochs=1)
    sink, capture = MemorySink(), TextCapture()
    experiment = Experiment().add_pipeline("p", pipeline, variables="total", dump=1)
    (running,) = run(experiment, [{}], sink=sink, capture=capture)
    assert list(sink.values[running.id]["total"]) == [0, 1, 2]
    assert capture.stdout[running.id] == "batch of 4\n" * 3


def test_missing_config_fails_the_experiment_with_the_reason_of_the_pipeline(dataset):
    experiment = Experiment().add_pipeline("train", train_pipeline(dataset))
    (running,) = Executor(experiment, configs=[{"bye": 1}]).run().experiments
    assert running.failure.unit == "train"
    assert "Name is not found in the config: by" in running.failure.message


def test_plans_with_pipelines_survive_the_way_to_a_worker(dataset):
    plan = Experiment().add_pipeline("train", train_pipeline(dataset), variables="total").build()
    again = dill.loads(dill.dumps(plan, recurse=True))
    assert run(again, [{"by": 2.0}])[0].results["total"] == running_totals(2.0)


def test_example_of_the_documentation_runs():
    page = Path(__file__).parents[2] / "docs" / "pipelines.md"
    code, _ = re.findall(r"```py\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict = {}
    exec(compile(code, "pipelines.md", "exec"), names)
    assert names["weights"] == [15.0, 7.5]


def test_expressions_go_to_the_right_of_frames():
    experiment = Experiment().save((pd.Series([1, 2]) * EC("by")).sum(), "sum")
    assert run(experiment, [{"by": 3}])[0].results == {"sum": {0: 9}}
