"""What every storage promises, whatever keeps the values."""

import datetime
import gc
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_strategies import plain_values, same

from research_domain import Alias, ConfigAlias
from research_results import MemoryStorage, ResearchStorage
from research_results.errors import (
    ArgumentError,
    NameRefusedError,
    UnknownExperimentError,
    UnstorableError,
)


@dataclass(frozen=True)
class Failure:
    cause: str = "exception"
    type: str = "ValueError"
    message: str = "no such layer"
    traceback: str = "Traceback ...\nValueError: no such layer\n"
    unit: str | None = "train"
    iteration: int | None = 3


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5), st.dictionaries(st.integers(0, 5), plain_values, max_size=3)
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_values_come_back_exactly(tmp_path_factory, made):
    made = {name: items for name, items in made.items() if name.isprintable() and items}
    with ResearchStorage(tmp_path_factory.mktemp("exact") / "research") as folder:
        for storage in (MemoryStorage(), folder):
            storage.put("a", made)
            back = storage.results.load_results().get("a", {})
            assert back.keys() == made.keys()
            for name, items in made.items():
                assert list(back[name]) == sorted(items)
                assert all(same(back[name][iteration], value) for iteration, value in items.items())


def test_experiments_stand_in_the_order_of_their_index(storage):
    for name, index in (("c", 2), ("a", 0), ("b", 1)):
        storage.add(name, ConfigAlias({"n": index}), index=index)
    assert list(storage.statuses().items()) == [("a", "queued"), ("b", "queued"), ("c", "queued")]
    assert list(storage.results.load_configs()) == ["a", "b", "c"]


def test_rows_are_sorted_by_experiment_then_iteration_however_they_were_written(storage):
    storage.add("a", {}, index=0)
    storage.add("b", {}, index=1)
    storage.put("b", {"x": {3: 1.0, 1: 2.0}})
    storage.put("a", {"x": {2: 3.0}})
    storage.put("b", {"x": {2: 4.0, 0: 5.0}})
    storage.put("a", {"x": {0: 6.0}})
    frame = storage.results.df
    assert frame["id"].tolist() == ["a", "a", "b", "b", "b", "b"]
    assert frame["iteration"].tolist() == [0, 2, 0, 1, 2, 3]
    assert frame["x"].tolist() == [6.0, 3.0, 5.0, 2.0, 4.0, 1.0]


@pytest.mark.parametrize(
    "second", [2.0, 2, "two", (2,), None, np.float32(2)], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("first", [1.0, "one", [1]], ids=lambda value: type(value).__name__)
def test_a_second_value_of_an_iteration_replaces_the_first(storage, first, second):
    storage.put("a", {"x": {0: first, 1: 7.0}})
    storage.put("a", {"x": {0: second}})
    assert same(storage.results.load_results()["a"]["x"], {0: second, 1: 7.0})
    frame = storage.results.df
    assert len(frame) == 2
    assert frame["x"][0] == second or second is None


def test_values_encoded_elsewhere_are_the_same_as_values_put_here(storage):
    made = {"x": {0: 1.0, 1: 2.0}, "y": {0: [1, (2,)]}}
    storage.put("a", made)
    storage.add("b", {})
    storage.put_encoded("b", storage.encode(made))
    results = storage.results.load_results()
    assert same(results["a"], results["b"])


def test_a_value_that_cannot_be_stored_stores_nothing(storage):
    with pytest.raises(UnstorableError, match="'y' of iteration 1"):
        storage.put("a", {"x": {0: 1.0}, "y": {1: (item for item in ())}})
    assert storage.statuses() == {}


def test_a_transaction_that_fails_leaves_nothing(storage):
    storage.add("a", {"lr": 0.1})
    with pytest.raises(RuntimeError, match="stop"), storage.transaction():
        storage.add("b", {"momentum": 0.9})
        storage.put("b", {"new": {0: 1.0}})
        storage.mark("a", "done")
        raise RuntimeError("stop")
    assert storage.statuses() == {"a": "queued"}
    assert storage.results.variables == ()
    storage.add("b", {"momentum": 0.5})
    storage.put("b", {"new": {0: 2.0}})
    assert storage.results.to_df(experiment_id="b")[["momentum", "new"]].values.tolist() == [[0.5, 2.0]]


def test_transactions_join_the_outermost(storage):
    with pytest.raises(RuntimeError), storage.transaction():
        with storage.transaction():
            storage.put("a", {"x": {0: 1.0}})
        raise RuntimeError("the outer one fails")
    assert storage.statuses() == {}


def test_a_status_keeps_its_details(storage):
    storage.add("a", {}, index=0)
    storage.mark("a", "running", attempt=2, worker=3, device="cuda:1", started=86400.0)
    storage.mark("a", "done", elapsed_s=1.5, iterations=10)
    (row,) = storage.results.experiments.to_dict("records")
    assert (row["status"], row["attempts"], row["worker"], row["device"]) == ("done", 2, 3, "cuda:1")
    assert row["started"] == datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)
    assert (row["elapsed_s"], row["iterations"]) == (1.5, 10)


def test_numbers_of_numpy_are_details_like_others(storage):
    storage.add("a", {}, index=np.int64(3))
    storage.mark("a", "running", attempt=np.int32(2), worker=np.int64(1), started=np.float32(8))
    storage.mark("a", "failed", elapsed_s=np.float64(1.5), failure=Failure(iteration=np.int64(7)))
    (row,) = storage.results.experiments.to_dict("records")
    assert (row["attempts"], row["worker"], row["elapsed_s"]) == (2, 1, 1.5)
    assert storage.results.failures["iteration"].tolist() == [7]


def test_a_failure_keeps_its_traceback(storage):
    storage.add("a", {"lr": 0.1})
    storage.mark("a", "running", attempt=1)
    storage.mark("a", "failed", failure=Failure())
    (row,) = storage.results.failures.to_dict("records")
    assert (row["id"], row["cause"], row["type"], row["unit"]) == ("a", "exception", "ValueError", "train")
    assert (row["iteration"], row["attempt"]) == (3, 1)
    assert row["traceback"] == Failure().traceback


def test_a_retry_that_succeeds_is_no_failure_and_leaves_no_old_values(storage):
    storage.add("a", {})
    storage.mark("a", "running", attempt=1)
    storage.put("a", {"x": {0: 1.0, 1: 2.0}, "old": {0: 1}})
    storage.mark("a", "queued", failure=Failure(cause="signal"))
    storage.mark("a", "running", attempt=2)
    storage.put("a", {"x": {0: 3.0}})
    storage.mark("a", "running", attempt=2, device="cpu")
    storage.mark("a", "done")
    assert storage.results.load_results() == {"a": {"x": {0: 3.0}}}
    assert len(storage.results.failures) == 0
    (row,) = storage.results.load_failures(every_attempt=True).to_dict("records")
    assert (row["attempt"], row["status"], row["cause"]) == (1, "done", "signal")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda storage: storage.mark("no", "done"), UnknownExperimentError, "'no'"),
        (lambda storage: storage.put_encoded("no", ()), UnknownExperimentError, "'no'"),
        (lambda storage: storage.mark("a", "finished"), ArgumentError, "queued, running"),
        (lambda storage: storage.mark("a", "done", gpu=1), ArgumentError, "gpu"),
        (lambda storage: storage.add("", {}), NameRefusedError, "at least one"),
        (lambda storage: storage.add("x" * 1001, {}), NameRefusedError, "1001"),
        (lambda storage: storage.put("a", {"\ud800": {0: 1}}), NameRefusedError, "surrogate"),
        (lambda storage: storage.put_environment("../x", ""), NameRefusedError, "letters"),
        (lambda storage: storage.put_environment("a\n", ""), NameRefusedError, "letters"),
        (lambda storage: storage.update_meta(x=object()), ArgumentError, "JSON"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(storage, call, error, text):
    storage.add("a", {})
    with pytest.raises(error, match=text):
        call(storage)
    assert storage.statuses() == {"a": "queued"}


def test_an_experiment_added_again_is_queued_with_its_new_config(storage):
    storage.add("a", {"lr": 0.1}, index=0)
    storage.put("a", {"x": {0: 1.0}})
    storage.mark("a", "lost", attempt=1)
    storage.add("a", {"lr": 0.2}, index=5)
    assert storage.statuses() == {"a": "queued"}
    assert storage.results.df[["lr", "x"]].values.tolist() == [[0.2, 1.0]]


def test_configs_keep_values_aliases_and_order(storage):
    def relu():
        return 0

    pairs = [(Alias("learning_rate", "lr"), 0.1), ("act", Alias(relu, "ReLU")), ("model/layers", [64, 10])]
    storage.add("a", ConfigAlias(pairs))
    config = storage.results.load_configs()["a"]
    assert config.keys() == ["learning_rate", "act", "model/layers"]
    assert config.alias() == {"lr": "0.1", "act": "ReLU", "model/layers": "[64, 10]"}
    assert config.config()["learning_rate"] == 0.1
    assert config.config()["model/layers"] == [64, 10]


def test_a_config_value_that_nothing_can_store_keeps_its_alias(storage):
    storage.add("a", ConfigAlias({"source": Alias((item for item in ()), "stream")}))
    storage.put("a", {"x": {0: 1.0}})
    assert storage.results.to_df(use_alias=True)["source"].tolist() == ["stream"]
    assert storage.results.to_df()["source"][0].type_name == "builtins.generator"


def test_output_is_appended_per_stream_and_experiment(storage):
    storage.add("a", {})
    storage.add("b", {})
    storage.put_output("a", "stdout", "one\r\n")
    storage.put_output("a", "stdout", "two \ud800\n")
    storage.put_output("b", "stderr", "three")
    storage.put_output(None, "stdout", "all")
    assert storage.experiments_stdout["a"].startswith("one\r\ntwo ")
    assert dict(storage.experiments_stderr) == {"b": "three"}
    assert list(storage.experiments_stdout) == ["a"]
    with pytest.raises(KeyError):
        storage.experiments_stdout["b"]
    storage.close()
    assert list(storage.experiments_stdout) == ["a"]


def test_meta_is_merged(storage):
    storage.update_meta(entropy=2**127, options={"workers": 2})
    storage.update_meta(ended=1.5)
    assert storage.meta == {"entropy": 2**127, "options": {"workers": 2}, "ended": 1.5}
    assert storage.results.meta == storage.meta


def test_an_experiment_has_a_folder_when_it_asks_for_it(storage):
    storage.add("a", {"lr": 0.1})
    path = storage.experiment_path("a")
    assert path.is_dir()
    assert path == storage.experiment_path("a")
    assert path != storage.experiment_path("A")
    (path / "model.txt").write_text("weights")
    (row,) = storage.results.artifacts_to_df().to_dict("records")
    assert (row["id"], row["lr"], row["artifact_name"]) == ("a", 0.1, "model.txt")


def test_results_stay_readable_after_the_end(storage):
    storage.put("a", {"x": {0: 1.0}})
    results = storage.results
    storage.close()
    storage.close()
    assert results.df["x"].tolist() == [1.0]
    assert storage.results.df["x"].tolist() == [1.0]


def test_a_loop_of_ones_own_is_written_down(storage):
    with storage.experiment({"lr": 0.1}) as run:
        for _ in range(3):
            run.put(loss=0.5)
        run.put(10, accuracy=1.0)
    with pytest.raises(ZeroDivisionError), storage.experiment({"lr": 0.1}) as failed:
        failed.put(loss=1 / 0)
    assert run.id != failed.id
    assert storage.statuses() == {run.id: "done", failed.id: "failed"}
    assert "ZeroDivisionError" in storage.results.failures["traceback"][0]
    assert storage.results.df["iteration"].tolist() == [0, 1, 2, 10]


@pytest.mark.parametrize(
    "name", ["../x", "a/../../b", "\0", "x" * 300, "🙂", "a\nb", "CON", "a.", ".", "..", "a\\b"]
)
def test_any_name_of_an_experiment_is_safe(storage, tmp_path, name):
    storage.put(name, {name: {0: 1.0}})
    path = storage.experiment_path(name)
    path.joinpath("file").write_text("x")
    root = storage.path / "experiments" if storage.path else path.parent
    assert path.resolve().parent == root.resolve()
    assert storage.results.df["id"].tolist() == [name]
    assert storage.results.load_results(name=name) == {name: {name: {0: 1.0}}}
    assert [file.name for file in storage.results.load_artifacts()[name]] == ["file"]


def test_files_of_results_in_memory_go_with_them():
    storage = MemoryStorage()
    path = storage.experiment_path("a")
    results = storage.results
    del storage
    gc.collect()
    assert path.is_dir()
    del results
    gc.collect()
    assert not path.parent.exists()
