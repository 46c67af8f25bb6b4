"""Scripts as users of `batchflow.research` write them, from its API alone; only their imports are changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from research_experiment import UnknownUnitError
from research_stack import (
    EC,
    EP,
    Alias,
    ConfigAlias,
    Domain,
    E,
    Executor,
    Experiment,
    O,
    Option,
    R,
    Research,
    ResearchResults,
    S,
)
from research_stack import NumpySampler as NS


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def power(a, b):
    return a**b


def test_power_by_the_sugar():
    research = Research(name="r", domain=Domain(a=[1, 2], b=[3, 4]), n_reps=2, namespaces=[{"power": power}])
    research.power(a=EC("a"), b=EC("b"), save_to="power")
    research.run(n_iters=1, workers=2, bar=False)
    assert len(research.results.df) == 8
    loaded = Research.load("r")
    assert loaded.results.df.equals(research.results.df)
    assert loaded.is_finished


def test_generator_instance_and_dump():
    class Model:
        def __init__(self, layers):
            self.layers, self.seen = layers, []

        def train(self, batch):
            self.seen.append(batch)
            return sum(self.seen) * self.layers

    def batches(n):
        yield from range(n)

    research = (
        Research(domain=Option("layers", [1, 2]))
        .add_instance("model", Model, layers=EC("layers"))
        .add_generator("batch", batches, n=5)
        .add_callable("model.train", args=[O("batch")], save_to="loss", when=["%0", "last"], dump="last")
        .save(E("model").seen, "seen", when="last", copy=True)
        .dump(when=2)
    )
    research.run(bar=False, parallel=False, executor_target="for")
    frame = research.results.to_df()
    assert frame.groupby("layers")["loss"].max().to_dict() == {1: 4, 2: 8}
    assert frame["seen"].dropna().iloc[0] == [0, 4]


def test_root_shared_by_branches():
    calls = []

    def load(size):
        calls.append(size)
        return np.arange(size)

    research = (
        Research(domain=Domain(k=[1, 2, 3, 4]))
        .add_callable("load", load, size=10, root=True)
        .add_callable("scaled", lambda x, k: int((x * k).sum()), x=O("load"), k=EC("k"), save_to="scaled")
    )
    research.run(branches=2, parallel=False, dump_results=False, bar=False)
    assert len(calls) == 2
    assert sorted(research.results.df["scaled"]) == [45, 90, 135, 180]


def test_all_branches_are_asked():
    research = (
        Research(domain=Domain(k=[1, 2]))
        .add_callable("f", lambda k: 10 * k, k=EC("k"))
        .save(O("f", all=True), "outputs")
        .save(EC("k", all=True), "ks")
        .add_callable("ids", lambda all: [e.id for e in all], args=[E(all=True)], save_to="ids")
    )
    research.run(branches=2, parallel=False, dump_results=False, bar=False)
    frame = research.results.df
    assert frame["outputs"].tolist() == [[10, 20]] * 2
    assert frame["ks"].tolist() == [[1, 2]] * 2
    assert frame["ids"].tolist() == [frame["id"].tolist()] * 2


def test_update_domain_with_results():
    def update(results, step):
        best = results.df.sort_values("y").iloc[0]["x"]
        return Domain(x=[best - step, best + step])

    research = (
        Research(domain=Domain(x=[0, 5, 10]))
        .add_callable("f", lambda x: (x - 6) ** 2, x=EC("x"), save_to="y")
        .update_domain(update, when="%2", results=R(), step=1)
    )
    research.run(dump_results=False, bar=False, workers=2)
    frame = research.results.to_df(remove_auxilary=False)
    assert frame[frame["updates"] == 1]["x"].tolist() == [4, 6]


def test_repetitions_and_updates_of_the_known_example():
    def update():
        return Domain(x=[4, 5, 6])

    research = Research(domain=Domain(x=[1, 2, 3]), n_reps=2).add_callable(
        "f", lambda x: x, x=EC("x"), save_to="x_"
    )
    research.update_domain(update, when=["%5", "%8"], n_reps=2)
    research.run(dump_results=False, bar=False, parallel=False)
    frame = research.results.to_df(remove_auxilary=False)
    assert frame.groupby("updates").size().tolist() == [6, 3, 6]


def test_samplers_and_weights():
    domain = 0.3 * Domain(p1=NS("n", loc=-10)) + 0.7 * Domain(p2=NS("u"))
    domain.set_iter_params(n_items=8, seed=5)
    configs = [config.config() for config in domain.iterator]
    assert len(configs) == 8
    research = Research(domain=domain).add_callable("keys", lambda c: sorted(c), c=EC(), save_to="keys")
    research.run(dump_results=False, bar=False, parallel=False, seed=3)
    assert len(research.results.df) == 8


def test_domain_by_hand():
    domain = Domain({"a": [1, 2], "b/c": [Alias([1, 2], "short")]}) @ Domain(d=[5, 6])
    domain.set_iter_params(n_items=4, n_reps=2, repeat_each=2, additional=True, create_id_prefix=True)
    assert (domain.len, domain.size) == (4, 8)
    configs = list(domain.iterator)
    assert configs[0].config()["b/c"] == [1, 2]
    assert configs[0].alias(as_string=True).startswith("a_1-b/c_short-d_5")
    domain.reset_iter()
    assert next(domain.iterator).config()["a"] == 1


def test_config_alias_by_hand():
    config = ConfigAlias([("a", Alias(max, "the max")), ("repetition", 0), ("updates", 1)])
    assert config.alias() == {"a": "the max", "repetition": "0", "updates": "1"}
    popped = config.pop_config(["repetition", "updates"])
    assert sorted(popped.alias()) == ["repetition", "updates"]
    assert config.pop_alias("nothing") is None
    assert config.config()["a"] is max


def test_files_of_experiments():
    def write(path, text):
        os.makedirs(path, exist_ok=True)  # noqa: PTH103 - paths were texts
        with open(os.path.join(path, "out.txt"), "w") as file:  # noqa: PTH118, PTH123
            file.write(text)

    research = Research("files", Domain(t=["a", "b"])).add_callable("write", write, path=EP(), text=EC("t"))
    research = research.add_callable("note", lambda p: Path(p).write_text("x"), args=[EP() + "/note.txt"])
    research.run(bar=False)
    frame = research.results.artifacts_to_df(include_config=True)
    assert set(frame["artifact_name"]) >= {"out.txt", "note.txt"}
    assert set(frame["t"]) == {"a", "b"}


def test_results_are_filtered():
    research = Research("filtered", Domain(a=[1, 2], b=["x", "y"])).add_generator(
        "n", lambda a: iter(range(a)), a=EC("a"), save_to="n"
    )
    research.run(bar=False)
    results = ResearchResults("filtered")
    assert len(results.to_df(a=2)) == 4
    assert len(results.to_df(config={"a": 2, "b": "x"})) == 2
    assert len(results.to_df(alias={"b": "x"}, iterations=0)) == 2
    assert len(results.to_df(domain=Domain(b=["y"]))) == 3
    long = results.to_df(pivot=False, include_config=False)
    assert {"id", "iteration", "name", "value"} <= set(long.columns)
    wide = results.to_df(concat_config=True, remove_auxilary=False)
    assert "config" in wide.columns and "repetition" in wide.columns
    assert len(results.filter_ids_by_configs(a=1)) == 2
    assert len(results.configs_to_df()) == 4
    ids, names, iterations = results.filter(a=2, name="n")
    assert (len(ids), names, iterations) == (2, ["n"], None)
    results.load(a=2)
    assert {key for key, values in results.results.items() if values["n"] == {0: 0, 1: 1}} == set(ids)
    assert results.configs[ids[0]].config()["a"] == 2


def test_failures_and_the_monitor():
    def invert(x):
        return 1 / x

    research = Research(domain=Domain(x=[0, 1, 2])).add_callable(invert, x=EC("x"), save_to="y")
    research.run(dump_results=False, bar=False, finalize=True)
    assert (research.monitor.finished_experiments, len(research.monitor.exceptions)) == (3, 1)
    assert set(research.monitor.exceptions[0]) >= {"id", "name", "it", "pid", "exception"}


def test_debugging_in_this_process():
    research = Research(domain=Domain(x=[0])).add_callable("invert", lambda x: 1 / x, x=EC("x"))
    with pytest.raises(ZeroDivisionError):
        research.run(debug=True, parallel=False, executor_target="for", dump_results=False, bar=False)


def test_executor_by_hand():
    experiment = Experiment().add_callable("f", lambda x, y: x + y, x=EC("x"), y=EC("y"), save_to="s")
    executor = Executor(
        experiment, configs=[{"x": 1}, {"x": 2}], executor_config={"y": 10}, target="for", n_iters=1
    )
    executor.run()
    assert [e.results["s"] for e in executor.experiments] == [{0: 11}, {0: 12}]
    executor.close()


def test_experiment_by_hand():
    experiment = Experiment().add_generator("n", lambda k: iter(range(k)), k=EC("k"), save_to="n")
    experiment = experiment.init(0, {"k": 2})
    iteration = 0
    while experiment.is_alive:
        experiment.call("n", iteration, n_iters=None)
        iteration += 1
    assert experiment.results == {"n": {0: 0, 1: 1}}
    assert not experiment.is_failed
    experiment.show_profile_info()
    experiment.close()


def test_storage_and_paths_of_expressions():
    research = (
        Research("exprs", Domain(name=["a"], layers=[[1, 2]]))
        .add_callable("load", lambda: np.ones((2, 3)))
        .save(O("load").shape[1] * 2, "width")
        .save(EC("name").str() + "-" + EC("layers")[0].format("{:02d}"), "text")
        .add_callable("own", lambda storage: storage.update_variable("own", 5), storage=S())
        .save(EC().get("nothing", 7), "default")
    )
    research.run(bar=False)
    row = research.results.df.iloc[0]
    assert (row["width"], row["text"], row["own"], row["default"]) == (6, "a-01", 5, 7)


def test_workers_and_branches_with_configs_of_their_own():
    def show(x, w, b):
        return f"{w}{b}"

    research = Research(domain=Domain(x=[1, 2, 3, 4])).add_callable(
        "show", show, x=EC("x"), w=EC("w"), b=EC("b"), save_to="s"
    )
    research.run(
        workers=[{"w": "A"}, {"w": "B"}], branches=[{"b": 1}, {"b": 2}], dump_results=False, bar=False
    )
    assert sorted(value[1] for value in research.results.df["s"]) == ["1", "1", "2", "2"]


def test_devices_are_shared():
    assert Research().get_devices([1, 2], 3, 2) == [[["1"], ["1"]], [["1"], ["2"]], [["2"], ["2"]]]


def test_detach_terminate_load_and_remove():
    def wait(i):
        import time

        time.sleep(0.01)
        return i

    research = Research("detached", Domain(x=[1, 2])).add_callable("wait", wait, i=E().iteration, save_to="i")
    research.run(n_iters=100_000, detach=True, bar=False)
    research.terminate(kill_processes=True)
    assert Research.load("detached").is_finished
    Research.remove("detached", ask=False)
    assert not Path("detached").exists()


def test_profile_meta_prefix_and_output():
    def talk(x):
        print("said", x)
        return x

    research = Research("talk", Domain(x=[5, 6])).add_callable(talk, x=EC("x"), save_to="x_")
    research.run(
        profile=True, git_meta=False, env_meta=True, create_id_prefix=True, redirect_stdout=2, bar=False
    )
    assert sorted(key.split("_")[0] for key in research.results.df["id"]) == ["0", "1"]
    assert set(research.profiler.profile_info["unit"]) == {"talk"}
    assert len(list(Path("talk").rglob("stdout.txt"))) == 2
    assert list(Path("talk", "env").iterdir())


@pytest.mark.parametrize(
    ("wrong", "instead"),
    [
        (lambda r: r.max("x"), "add_namespace"),
        (lambda r: r.df, "research.results.df"),
        (lambda r: r.experiment.create_stream("x"), "redirect_stdout"),
        (lambda r: r.experiment.pop_index_keys({}), "nothing to remove"),
        (lambda r: r.experiment.results, "experiment.init"),
    ],
)
def test_what_is_gone_says_what_to_write(wrong, instead):
    with pytest.raises(UnknownUnitError, match=instead):
        wrong(Research())
