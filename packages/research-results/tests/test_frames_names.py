"""Parameters and variables may have any name; columns of ours keep theirs."""

import os

import pytest

from research_domain import Alias, ConfigAlias

ODD_NAMES = (
    *("id", "iteration", "name", "value", "config", "status", "artifact_name", "full_path", "updates_1"),
)


@pytest.fixture
def odd(storage):
    """An experiment whose parameters and variables are called like columns of ours."""
    storage.add("a", {name: f"parameter {name}" for name in ODD_NAMES} | {"repetition": 0})
    storage.put("a", {name: {0: place} for place, name in enumerate(ODD_NAMES)})
    (storage.experiment_path("a") / "model").write_text("x")
    return storage.results


@pytest.mark.parametrize(
    ("method", "options", "ours"),
    [
        ("to_df", {}, {"id": "a", "iteration": 0}),
        ("to_df", {"use_alias": True}, {"id": "a", "iteration": 0}),
        ("to_df", {"include_config": False}, {"id": "a", "iteration": 0}),
        ("to_df", {"concat_config": True, "remove_auxilary": False}, {"id": "a", "repetition": 0}),
        ("to_df", {"concat_config": True, "drop_columns": False}, {"id": "a", "iteration": 0}),
        ("to_df", {"pivot": False, "name": "id"}, {"id": "a", "iteration": 0, "name": "id", "value": 0}),
        ("configs_to_df", {}, {"id": "a"}),
        ("configs_to_df", {"concat_config": True, "drop_columns": False}, {"id": "a"}),
        ("artifacts_to_df", {"name": "model"}, {"id": "a", "artifact_name": "model"}),
        ("artifacts_to_df", {"concat_config": True, "drop_columns": False}, {"artifact_name": "model"}),
    ],
)
def test_our_columns_keep_their_names_and_no_column_is_lost(odd, method, options, ours):
    frame = getattr(odd, method)(**options)
    assert frame.columns.is_unique
    (row,) = frame.to_dict("records")
    assert {name: row[name] for name in ours} == ours
    if options.get("concat_config"):
        assert row["config"].startswith("artifact_name_parameter artifact_name-config_parameter config")
    texts = [f"parameter {name}" for name in ODD_NAMES]
    if options.get("include_config", True) and options.get("drop_columns", not options.get("concat_config")):
        assert [value for value in row.values() if value in texts] == texts
    if method == "to_df" and options.get("pivot", True):
        assert [value for value in row.values() if type(value) is int][-len(ODD_NAMES) :] == list(
            range(len(ODD_NAMES))
        )


def test_a_name_of_ours_is_free_where_we_have_no_such_column(odd):
    frame = odd.to_df(include_config=False)
    assert frame.columns.tolist() == ["id", "iteration", "id_1", "iteration_1", *ODD_NAMES[2:]]
    assert odd.configs_to_df().columns.tolist() == ["id", "id_1", *ODD_NAMES[1:]]


def test_a_number_takes_nobodys_name(storage):
    storage.add("a", {"id": 1, "id_1": 2, "x": 3})
    storage.put("a", {"x": {0: 4}, "x_1": {0: 5}})
    row = storage.results.df.iloc[0].to_dict()
    assert row == {"id": "a", "id_2": 1, "id_1": 2, "x": 3, "iteration": 0, "x_2": 4, "x_1": 5}


def test_parameters_with_one_alias_have_a_column_each(storage):
    storage.add("a", ConfigAlias([(Alias("rate", "r"), 1), (Alias("ratio", "r"), 2), (Alias("", "s"), 3)]))
    assert storage.results.configs_to_df().to_dict("records") == [{"id": "a", "r": "1", "r_1": "2", "s": "3"}]
    assert storage.results.configs_to_df(use_alias=False).columns.tolist() == ["id", "rate", "ratio", ""]


def test_a_parameter_with_several_aliases_is_one_column_of_values(storage):
    for place, alias in enumerate(("lr", "rate")):
        storage.add(str(place), ConfigAlias([(Alias("learning_rate", alias), place)]))
    assert storage.results.configs_to_df(use_alias=False)["learning_rate"].tolist() == [0, 1]
    assert storage.results.configs_to_df().columns.tolist() == ["id", "lr", "rate"]


def test_files_with_names_that_are_no_text_are_in_the_table(storage):
    storage.add("a", {"n": 1})
    folder = storage.experiment_path("a")
    for name in (b"\xff.bin", b"plain"):
        (folder / os.fsdecode(name)).write_bytes(b"")
    frame = storage.results.artifacts_to_df()
    assert [os.fsencode(name) for name in frame["artifact_name"]] == [b"plain", b"\xff.bin"]
