"""Several researches as one table: compared with what each of them says alone."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from research_domain import Config
from research_results import FolderStorage, MemoryStorage, Opaque, ResearchResults, compare
from research_results.errors import (
    ArgumentError,
    NotAResearchError,
    UnknownExperimentError,
    UnknownParameterError,
    UnknownVariableError,
)
from research_results.reading.together import labels_of

FAILURE = SimpleNamespace(cause="exception", type="ValueError", message="no", traceback="all of it", unit="f")


class Model:
    """A value that only its own code can make."""

    def __repr__(self):
        return "Model()"


def make(path, configs, variable="loss", status="done"):
    """Write a research of some configs; values of the n-th are n and n + 0.5."""
    with FolderStorage.create(path) as storage:
        for index, config in enumerate(configs):
            storage.add(str(index), config, index=index)
            storage.put(str(index), {variable: {0: index, 1: index + 0.5}})
            storage.mark(str(index), status)
    return path


@pytest.fixture
def pair(tmp_path):
    """Two researches with equal ids, one config in common, and parameters and variables of their own."""
    a = make(tmp_path / "a", [{"lr": 0.1, "repetition": 0}, {"lr": 0.2, "repetition": 0}])
    b = make(tmp_path / "b", [{"lr": 0.1, "repetition": 0}, {"lr": 0.3, "depth": 2, "repetition": 0}])
    with FolderStorage.open(b) as storage:
        storage.put("1", {"accuracy": {1: 0.75}})
    return a, b


def test_the_rows_of_each_follow_each_other_behind_a_column_of_their_research(pair):
    frame = ResearchResults(list(pair)).df
    assert list(frame) == ["research", "id", "lr", "depth", "iteration", "loss", "accuracy"]
    for path in pair:
        own = frame[frame["research"] == path.name].drop(columns="research").reset_index(drop=True)
        alone = ResearchResults(path).df
        pd.testing.assert_frame_equal(own[list(alone)], alone, check_dtype=False)
    assert frame["research"].tolist() == ["a"] * 4 + ["b"] * 4


def test_every_table_has_the_column_and_what_is_looked_up_has_it_in_its_key(pair, tmp_path):
    with FolderStorage.open(pair[1]) as storage:
        storage.add("2", {"lr": 0.4}, index=2)
        storage.mark("2", "failed", failure=FAILURE)
        storage.experiment_path("1").joinpath("notes.txt").write_text("one")
    both = ResearchResults(list(pair))
    assert both.experiments["research"].tolist() == ["a", "a", "b", "b", "b"]
    assert both.experiments["id"].tolist() == ["0", "1", "0", "1", "2"]
    assert both.failures[["research", "id", "lr", "type"]].values.tolist() == [["b", "2", 0.4, "ValueError"]]
    assert both.configs_to_df()["research"].tolist() == ["a", "a", "b", "b", "b"]
    assert both.artifacts_to_df()[["research", "id", "artifact_name"]].values.tolist() == [
        ["b", "1", "notes.txt"]
    ]
    assert both.artifacts["b/1"][0].name == "notes.txt" and both.artifacts["a/1"] == []
    assert both.configs["b/1"].config() == Config({"lr": 0.3, "depth": 2, "repetition": 0})
    assert both.results["b/1"] == {"loss": {0: 1, 1: 1.5}, "accuracy": {1: 0.75}}
    assert both.load_iteration_files("b/1/loss", iterations=1) == {1: 1.5}
    assert both.counts == {"done": 4, "failed": 1}
    assert both.variables == ("loss", "accuracy") and both.path is None and set(both.meta) == {"a", "b"}
    assert "a, b" in str(both.summary()) and both.summary().values == 9


def test_tags_are_shown_and_chosen_by_and_what_is_removed_from_one_is_not_there(pair):
    a, b = map(ResearchResults, pair)
    a.tags.add("good", lr=0.1)
    b.tags.add("new", depth=2)
    both = ResearchResults(list(pair))
    assert both.experiments["tags"].tolist() == ["good", "", "", "new"]
    assert both.filter(tags=["good", "new"]).experiment_id == ["a/0", "b/1"]
    with pytest.raises(ArgumentError, match="'bad'; there are: 'good', 'new'"):
        both.to_df(tags="bad")
    b.remove("0")
    assert both.filter().experiment_id == ["a/0", "a/1", "b/1"]


def test_failures_of_several_are_grouped_and_the_research_is_what_they_share(pair):
    with FolderStorage.open(pair[1]) as storage:
        storage.mark("0", "failed", failure=FAILURE)
        storage.mark("1", "failed", failure=FAILURE)
    report = ResearchResults(list(pair)).failure_report()
    (group,) = report.groups
    assert group.ids == ("b/0", "b/1") and group.parameters["research"] == ("b",)
    assert group.traceback == "all of it" and report.total == 4


def test_filters_choose_researches_and_what_only_some_of_them_have(pair):
    both = ResearchResults(list(pair))
    assert both.to_df(research="b")["id"].tolist() == ["0", "0", "1", "1"]
    assert both.to_df(depth=2)["research"].unique().tolist() == ["b"]
    assert both.to_df(lr=0.1)["research"].tolist() == ["a", "a", "b", "b"]
    assert both.filter(experiment_id=["a/1", "0"]).experiment_id == ["a/0", "a/1", "b/0"]
    assert both.to_df(name="accuracy")["research"].tolist() == ["b"]
    assert both.filter_ids_by_configs(config={"lr": 0.2}) == ["a/1"]
    assert ResearchResults(list(pair), research="a", lr=0.2).df["loss"].tolist() == [1, 1.5]


def test_what_none_of_them_has_is_refused(pair):
    both = ResearchResults(list(pair))
    with pytest.raises(UnknownParameterError, match="'dept'"):
        both.to_df(dept=2)
    with pytest.raises(UnknownVariableError, match="did you mean 'accuracy'"):
        both.to_df(name="acuracy")
    with pytest.raises(UnknownExperimentError, match="'a/7'"):
        both.to_df(experiment_id="a/7")
    with pytest.raises(ArgumentError, match="there are a, b"):
        both.to_df(research="c")
    for question in (
        lambda: both.put("x", {}),
        lambda: both.tags.add("good"),
        lambda: both.versions,
        both.gc,
    ):
        with pytest.raises(ArgumentError, match="several researches: a, b"):
            question()
    with pytest.raises(ArgumentError, match="one research"):
        both.follow()


def test_the_same_config_in_two_of_them_is_told_apart_unless_they_are_averaged_over(pair):
    both = ResearchResults(list(pair))
    best = both.best("loss", lr=0.1)
    assert [row.ids for row in best] == [("a/0",), ("b/0",)]
    assert best.configs == (Config({"lr": 0.1}),) * 2 and best.df["research"].tolist() == ["a", "b"]
    assert "research=b" in str(best)
    pooled = both.best("loss", lr=0.1, over=["repetition", "research"])
    assert [row.ids for row in pooled] == [("a/0", "b/0")]
    means = both.aggregate("loss", by="research", at="last", stats="mean")
    assert means[["research", "mean"]].values.tolist() == [["a", 1.0], ["b", 1.0]]


def test_pictures_tell_researches_apart(pair):
    axes, *_ = ResearchResults(list(pair)).plot("loss", by="research", lr=0.1).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_a_parameter_that_is_called_research_keeps_its_values_under_a_number(tmp_path):
    paths = [make(tmp_path / name, [{"research": "own"}]) for name in ("a", "b")]
    frame = ResearchResults(paths).df
    assert frame["research"].unique().tolist() == ["a", "b"] and set(frame["research_1"]) == {"own"}
    assert ResearchResults(paths).to_df(config={"research": "own"}, research="b")["id"].tolist() == ["0", "0"]


def test_empty_and_unfinished_ones_are_there_with_what_they_have(tmp_path, pair):
    with FolderStorage.create(tmp_path / "new") as storage:
        both = ResearchResults([pair[0], tmp_path / "new"])
        assert len(both.df) == 4 and both.counts == {"done": 2}
        storage.add("0", {"lr": 0.1}, index=0)
        storage.mark("0", "running", attempt=1)
        assert both.experiments[["research", "status"]].values.tolist()[-1] == ["new", "running"]
        with pytest.raises(UnknownParameterError):
            both.to_df(dept=2)
    only_new = ResearchResults([tmp_path / "new"])
    assert only_new.df.empty and list(only_new.df) == ["research", "id", "lr", "iteration"]


@pytest.mark.parametrize("given", [[], (), {"a"}, 7, None])
def test_what_is_no_list_of_folders_is_refused(given):
    with pytest.raises(ArgumentError, match="name"):
        ResearchResults(given)


def test_one_folder_twice_and_a_missing_one_are_refused_by_name(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="twice"):
        ResearchResults([pair[0], "./a"])
    with pytest.raises(NotAResearchError, match="nowhere"):
        ResearchResults([pair[0], "nowhere"])
    parts = [ResearchResults("a", lr=0.1), ResearchResults("a", lr=0.2)]
    assert ResearchResults(parts).df["research"].tolist() == ["lr=0.1", "lr=0.1", "lr=0.2", "lr=0.2"]


def test_filters_of_several_hold_when_they_are_parts_of_more(pair, tmp_path):
    some = ResearchResults(list(pair), experiment_id=["a/1", "b/1"])
    assert some.filter().experiment_id == ["a/1", "b/1"]
    make(tmp_path / "c", [{"lr": 0.5}])
    assert ResearchResults([some, tmp_path / "c"]).filter().experiment_id == ["a/1", "b/1", "c/0"]
    assert [side.counts for side in some.compare().sides] == [{"done": 1}, {"done": 1}]


def test_memory_and_folders_go_together_and_only_what_is_trusted_runs_code(tmp_path):
    with MemoryStorage.create() as memory, FolderStorage.create(tmp_path / "a") as folder:
        for storage in (memory, folder):
            storage.add("0", {"model": Model()})
            storage.put("0", {"made": {0: Model()}})
        folder.close()
        both = ResearchResults([memory.results, tmp_path / "a"])
        assert [type(value) for value in both.df["made"]] == [Model, Opaque]
        assert [type(value) for value in both.df["model"]] == [Model, Opaque]
        assert both.df["research"].tolist() == ["memory", "a"]


def test_folders_of_older_formats_have_the_same_configs(pair):
    fixtures = [Path(__file__).parent / "fixtures" / f"format-{number}" for number in (1, 2)]
    both = ResearchResults(fixtures)
    assert both.experiments["research"].value_counts().to_dict() == {"format-1": 3, "format-2": 3}
    assert both.failures["research"].tolist() == ["format-1", "format-2"]
    comparison = compare(*fixtures)
    assert comparison.parameters.empty and [side.configs for side in comparison.sides] == [3, 3]
    assert all(row.configs == 1 and row.difference in (0, None) for row in comparison.differences[1::2])


def test_labels_are_the_shortest_ends_of_paths_that_differ(tmp_path):
    paths = [tmp_path / "x" / "a", tmp_path / "y" / "a", tmp_path / "y" / "b", None, None]
    assert labels_of(paths) == ["x/a", "y/a", "b", "memory", "memory (2)"]


def test_large_values_come_from_the_folder_that_has_them(tmp_path):
    import numpy as np

    arrays = {name: np.full(300_000, number) for number, name in enumerate(("a", "b"))}
    for name, array in arrays.items():
        with FolderStorage.create(tmp_path / name) as storage:
            storage.add("0", {"weights": array})
            storage.put("0", {"made": {0: array}})
    frame = ResearchResults([tmp_path / name for name in arrays]).df
    assert [value[0] for value in frame["weights"]] == [0, 1] and [value[0] for value in frame["made"]] == [
        0,
        1,
    ]
