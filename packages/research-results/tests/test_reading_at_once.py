"""What is read when it is asked for, and what `filter` returns."""

import pytest

from research_results import MemoryStorage, ResearchStorage


@pytest.fixture(params=["folder", "memory"])
def storage(request, tmp_path):
    made = MemoryStorage() if request.param == "memory" else ResearchStorage(tmp_path / "research")
    with made as opened:
        for name, lr in (("a", 0.1), ("b", 0.2)):
            opened.add(name, {"lr": lr})
            opened.put(name, {"loss": {0: lr, 1: lr / 2}})
        yield opened


def test_results_configs_and_artifacts_are_read_when_asked_for(storage):
    results = storage.results
    assert results.results == results.load_results()
    assert results.results["b"] == {"loss": {0: 0.2, 1: 0.1}}
    assert {name: dict(config) for name, config in results.configs.items()} == {
        "a": {"lr": 0.1},
        "b": {"lr": 0.2},
    }
    assert results.artifacts == {"a": [], "b": []}
    storage.put("b", {"acc": {0: 1}})
    (storage.experiment_path("a") / "model.bin").touch()
    assert results.results["b"]["acc"] == {0: 1}
    assert [file.name for file in results.artifacts["a"]] == ["model.bin"]


def test_what_is_read_belongs_to_the_reader(storage):
    results = storage.results
    results.results["a"]["loss"][0] = 100
    results.configs["a"].pop_config("lr")
    assert results.results["a"]["loss"][0] == 0.1
    assert dict(results.configs["a"]) == {"lr": 0.1}


def test_a_filter_unpacks(storage):
    experiment_id, name, iterations = storage.results.filter(name="loss", iterations=1, lr=0.2)
    assert (experiment_id, name, iterations) == (["b"], ["loss"], [1])
    selection = storage.results.filter()
    assert selection == (["a", "b"], None, None)
    assert (selection.experiment_id, selection.name, selection.iterations) == selection


def test_output_of_an_experiment_is_an_artifact_and_its_log_is_none(tmp_path):
    with ResearchStorage(tmp_path / "research") as storage:
        storage.add("a", {})
        storage.put_output("a", "stdout", "hello\n")
        storage.put_output("a", "stderr", "oops\n")
        storage.put_output(None, "stdout", "of all\n")
        (storage.experiment_path("a") / "experiment.log").touch()
        frame = storage.results.artifacts_to_df()
    assert frame["relative_path"].tolist() == ["experiments/a/stderr.txt", "experiments/a/stdout.txt"]
    assert frame["artifact_name"].tolist() == ["stderr.txt", "stdout.txt"]
