"""What users of batchflow's research learnt from its tutorials, written anew against batchflow."""

from __future__ import annotations

import numpy as np
import pytest
from batchflow import B, Batch, C, Config, Dataset, F, Pipeline, V, action

from research_experiment import PlanError
from research_stack import EC, Domain, E, Executor, Experiment, O, Option, R, Research, get_metrics

N_ITEMS, BATCH_SIZE = 12, 4


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


@pytest.fixture
def dataset():
    return Dataset(N_ITEMS, Numbers)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def summing(pipeline):
    return pipeline.init_variable("total", 0.0).update(V("total"), V("total") + B("x").sum())


def later(pipeline):
    return pipeline.run_later(BATCH_SIZE, n_epochs=1, shuffle=False)


def run(research, **options):
    research = research.run(bar=False, parallel=False, dump_results=False, **options)
    assert research.monitor.exceptions == []
    return research.results.df


def test_two_units_with_a_config():
    def power(a, b):
        return a**b

    def negative(x):
        return -x

    domain = Option("a", [2, 3]) * Option("b", [2, 3])
    research = (
        Research(domain=domain, n_reps=2)
        .add_callable("power", power, a=EC("a"), b=EC("b"), save_to="power")
        .add_callable("negative", negative, x=O("power"), save_to="negative")
    )
    frame = run(research, n_iters=1)
    assert len(frame) == 8
    assert (frame["power"] == frame["a"] ** frame["b"]).all()
    assert (frame["negative"] == -frame["power"]).all()


def test_generators_and_pipelines():
    def batches(size):
        dataset = Dataset(N_ITEMS, Numbers)
        for _ in range(2):
            yield dataset.next_batch(size, shuffle=False).load_numbers()

    domain = Domain(by=[1.0, 10.0])
    research = (
        Research(domain=domain)
        .add_generator("batch", batches, size=BATCH_SIZE)
        .add_pipeline("train", summing(Pipeline().scale(C("by"))), batch=O("batch"), variables="total")
        .add_callable("look", lambda total: total, total=E("train").v("total"), save_to="seen")
    )
    frame = run(research, n_iters=2)
    assert frame.groupby("by")["total"].max().to_dict() == {1.0: 28.0, 10.0: 280.0}
    assert (frame["seen"] == frame["total"]).all()


@pytest.mark.parametrize("options", [{}, {"run": True}], ids=str)
@pytest.mark.parametrize("target", ["for", "threads"])
def test_root_and_branch(dataset, options, target):
    research = Research(domain=Domain(by=[1.0, 2.0, 3.0])).add_pipeline(
        "train",
        root=later(dataset.p.load_numbers()),
        branch=summing(Pipeline().scale(C("by"))),
        variables="total",
        **options,
    )
    frame = run(research, branches=3, executor_target=target)
    assert frame.groupby("by")["total"].max().to_dict() == {1.0: 66.0, 2.0: 132.0, 3.0: 198.0}
    assert frame["iteration"].max() == 2


class Controller:
    """Trains with one pipeline and tests with another."""

    def __init__(self, n_items=N_ITEMS):
        dataset = Dataset(n_items, Numbers)
        self.train = later(summing(dataset.p.load_numbers().scale(C("by"))))
        self.test = later(
            dataset.p.init_variable("gap", 0.0)
            .load_numbers()
            .update(V("gap"), V("gap") + C("trained").v("total") - B("x").sum())
        )


def test_controller_whose_test_gets_the_pipeline_of_the_training(dataset):
    experiment = (
        Experiment()
        .add_instance("controller", Controller)
        .add_pipeline("controller.train", variables="total")
        .add_pipeline(
            "controller.test", run=True, when="last", variables="gap", trained=E("controller.train").pipeline
        )
    )
    frame = run(Research(domain=Domain(by=[2.0]), experiment=experiment))
    total = 2 * 66.0
    assert frame["gap"].dropna().tolist() == [3 * total - 66.0]


def test_units_are_given_pipelines_of_others(dataset):
    train = later(summing(dataset.p.load_numbers().scale(C("by"))))
    test = later(
        dataset.p.init_variable("given", None).update(V("given"), C("import_from").v("total")).load_numbers()
    )
    experiment = (
        Experiment()
        .add_pipeline("train", train)
        .add_pipeline("test", test, run=True, when="last", import_from=E("train").pipeline)
        .save(E("test").pipeline.v("given"), "by_attribute", when="last")
        .save(E("test").v("given"), "itself", when="last")
        .save(E()["train"].iteration, "iteration_of_train", when="last")
        .save(E("train").output.x, "x", when="%0")
        .add_callable("kind", lambda p: type(p).__name__, p=E("train"), save_to="kind", when="last")
    )
    frame = run(Research(domain=Domain(by=[2.0]), experiment=experiment))
    last = frame.iloc[-1]
    assert (last["by_attribute"], last["itself"], last["kind"]) == (132.0, 132.0, "Pipeline")
    assert last["iteration_of_train"] == 3
    assert frame["x"].iloc[0].tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("workers", [1, 2])
def test_update_domain_goes_on_with_the_best_of_three_models(workers):
    def score(model, layers):
        return {"small": 1, "middle": 5, "large": 3}[model] * layers

    def best_of(results):
        frame = results.df
        model = frame.groupby("model")["score"].mean().idxmax()
        return Domain(model=[model], layers=[2, 4])

    research = (
        Research(domain=Domain(model=["small", "middle", "large"], layers=[1]))
        .add_callable("score", score, model=EC("model"), layers=EC("layers"), save_to="score")
        .update_domain(best_of, when="%2", results=R())
    )
    research.run(bar=False, workers=workers, dump_results=False)
    frame = research.results.to_df(remove_auxilary=False)
    assert frame[frame["updates"] == 1][["model", "layers", "score"]].values.tolist() == [
        ["middle", 2, 10],
        ["middle", 4, 20],
    ]
    assert len(frame) == 5


def test_folds_of_cross_validation_are_a_parameter(dataset):
    dataset.cv_split(n_splits=3, shuffle=False)

    def held_out(fold):
        return sorted(int(index) for index in getattr(dataset, f"cv{fold}").test.indices)

    research = Research(domain=Domain(fold=[0, 1, 2])).add_callable(
        "held_out", held_out, fold=EC("fold"), save_to="held_out"
    )
    frame = run(research)
    assert sorted(index for held_out in frame["held_out"] for index in held_out) == list(range(N_ITEMS))


def test_metrics_of_a_pipeline(dataset):
    test = later(
        dataset.p.init_variable("metrics", None)
        .load_numbers()
        .gather_metrics(
            "class",
            targets=F(lambda batch: np.asarray(batch.indices) % 2)(B()),
            predictions=F(lambda batch: np.zeros(len(batch), dtype=int))(B()),
            fmt="labels",
            num_classes=2,
            save_to=V("metrics", mode="update"),
        )
    )
    research = (
        Research(domain=Domain(by=[1]))
        .add_pipeline("test_ppl", test, run=True)
        .add_namespace({"get_metrics": get_metrics})
        .get_metrics(
            pipeline=E("test_ppl").pipeline,
            metrics_var="metrics",
            metrics_name="accuracy",
            save_to="accuracy",
        )
    )
    assert run(research)["accuracy"].tolist() == [0.5]


@pytest.mark.parametrize("profile", [1, 2, "detailed"])
def test_profiling(dataset, profile):
    research = Research(domain=Domain(by=[1.0, 2.0])).add_pipeline(
        "train", later(summing(dataset.p.load_numbers().scale(C("by"))))
    )
    run(research, profile=profile)
    assert set(research.profiler.profile_info["unit"]) == {"train"}
    assert len(research.profiler.show_profile_info(per_iter=False, detailed=profile != 1)) > 0


def test_pipelines_that_are_not_ready_are_refused_where_they_are_added(dataset):
    for options, words in [
        ({"root": dataset.p.load_numbers()}, "end it with run_later"),
        ({"root": dataset.p.load_numbers(), "run": True}, "end it with run_later"),
        ({"root": dataset.p.load_numbers(), "branch": Pipeline()}, "end it with run_later"),
        ({"root": later(Pipeline().load_numbers())}, "no dataset"),
        ({"branch": Pipeline().load_numbers()}, "a branch and no root"),
        ({"branch": later(dataset.p.load_numbers())}, "a branch and no root"),
    ]:
        with pytest.raises(PlanError, match=words):
            Research().add_pipeline("train", **options)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (C("x"), r"EC\('key'\)"),
        (V("loss"), r"E\('unit'\)\.v\('variable'\)"),
        (B("x") + 1, "an expression of batchflow"),
        (F(abs)(C("x")), "an expression of batchflow"),
        ([1, {"x": C("x")}], "an expression of batchflow"),
    ],
    ids=["C", "V", "B", "F", "inside"],
)
def test_expressions_of_batchflow_belong_into_its_pipelines(expression, words):
    with pytest.raises(PlanError, match=words):
        Research().add_callable("f", abs, args=[expression])
    with pytest.raises(PlanError, match=words):
        Research().save(expression, "x")


@pytest.mark.timeout(120)
def test_expression_of_batchflow_as_a_parameter_ends_nowhere():
    research = Research(domain=Domain(x=[C("y")])).add_callable(
        "f", lambda x: repr(x), x=EC("x"), save_to="x"
    )
    assert len(run(research)) == 1


def test_pipeline_that_is_an_argument_is_copied_whole(dataset):
    given = later(summing(dataset.p.load_numbers().scale(C("by"))))

    def total(pipeline, config):
        return pipeline.set_config(config).run().v("total")

    research = Research(domain=Domain(by=[1.0, 2.0])).add_callable(
        "total", total, pipeline=given, config=EC(), save_to="total"
    )
    assert sorted(run(research)["total"]) == [66.0, 132.0]
    assert given.v("total") == 0


def test_root_that_reads_what_differs_gets_the_error_about_roots(dataset):
    research = Research(domain=Domain(lr=[1.0, 2.0])).add_pipeline(
        "train", root=later(dataset.p.load_numbers().scale(C("lr"))), branch=summing(Pipeline())
    )
    research.run(bar=False, parallel=False, dump_results=False, branches=2, canary=0)
    assert len(research.monitor.exceptions) == 2
    for failure in research.monitor.exceptions:
        assert "root pipeline 'train_root' asks its config for 'lr'" in str(failure["exception"])


def test_configs_of_batchflow_are_configs():
    def show(x, y, z):
        return [x, y, z]

    research = Research(domain=Domain(Config({"x": [1, 2]}))).add_callable(
        "show", show, x=EC("x"), y=EC("m/y"), kwargs=Config({"z": 3}), save_to="shown"
    )
    branches = [Config({"m/y": 10}), Config({"m": {"y": 20}})]
    frame = run(research, branches=branches)
    assert sorted(frame["shown"]) == [[1, 10, 3], [2, 20, 3]]
    assert len(research.results.to_df(config=Config({"x": 1}))) == 1
    frame = run(research.copy(), workers=branches[:1])
    assert sorted(frame["shown"]) == [[1, 10, 3], [2, 10, 3]]
    executor = Executor(research.experiment, configs=[Config({"x": 5})], executor_config=Config({"m/y": 6}))
    assert executor.run().experiments[0].results == {"shown": {0: [5, 6, 3]}}
    with research.experiment.init(0, Config({"x": 5, "m": {"y": 6}})) as running:
        assert running.call("show", 0) == [5, 6, 3]
