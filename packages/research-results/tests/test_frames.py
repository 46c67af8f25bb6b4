"""DataFrames have the right rows, columns and types."""

import datetime

import numpy as np
import pandas as pd
import pytest

from research_domain import Alias, AuxiliaryKey, ConfigAlias


@pytest.fixture
def two(storage):
    """Two experiments with different variables."""
    first = ConfigAlias(
        [(Alias("learning_rate", "lr"), 0.1), ("act", Alias(max, "biggest")), ("repetition", 0)]
    )
    storage.add("a", first, index=0)
    second = [("n", 3), ("repetition", 1), (AuxiliaryKey("device"), "cpu"), ("updates", 0)]
    storage.add("b", ConfigAlias(second), index=1)
    storage.put("a", {"loss": {0: 0.5, 1: 0.25}, "count": {0: 1, 1: 2}})
    storage.put("b", {"loss": {1: 0.75}, "label": {1: "cat", 2: "dog"}})
    return storage.results


def test_columns_are_id_config_iteration_variables(two):
    frame = two.df
    assert frame.columns.tolist() == [
        "id",
        "learning_rate",
        "act",
        "n",
        "iteration",
        "loss",
        "count",
        "label",
    ]
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame["id"].tolist() == ["a", "a", "b", "b"]
    assert frame["iteration"].tolist() == [0, 1, 1, 2]
    assert frame["loss"].tolist()[:3] == [0.5, 0.25, 0.75] and np.isnan(frame["loss"][3])
    assert frame["label"].isna().tolist() == [True, True, False, False]
    assert frame["learning_rate"].isna().tolist() == [False, False, True, True]


def test_without_pivot_each_value_is_a_row(two):
    frame = two.to_df(pivot=False, include_config=False)
    assert frame.columns.tolist() == ["id", "iteration", "name", "value"]
    assert frame.values.tolist() == [
        ["a", 0, "loss", 0.5],
        ["a", 0, "count", 1],
        ["a", 1, "loss", 0.25],
        ["a", 1, "count", 2],
        ["b", 1, "loss", 0.75],
        ["b", 1, "label", "cat"],
        ["b", 2, "label", "dog"],
    ]


def test_without_pivot_values_of_one_type_are_a_column_of_that_type(two):
    assert two.to_df(pivot=False, name="loss")["value"].dtype == np.float64
    assert two.to_df(pivot=False, name="count")["value"].dtype == np.int64
    assert two.to_df(pivot=False, name=["count", "loss"])["value"].dtype == np.float64


def test_aliases_stand_for_keys_and_values(two):
    frame = two.to_df(use_alias=True)
    assert frame.columns.tolist()[1:4] == ["lr", "act", "n"]
    assert frame["act"].tolist()[:2] == ["biggest", "biggest"]
    assert frame["lr"].tolist()[:2] == ["0.1", "0.1"]


def test_a_concatenated_config_is_one_column(two):
    frame = two.to_df(concat_config=True)
    assert frame.columns.tolist()[:3] == ["id", "config", "iteration"]
    assert frame["config"].tolist() == ["act_biggest-lr_0.1"] * 2 + ["n_3"] * 2
    both = two.to_df(concat_config=True, drop_columns=False)
    assert both.columns.tolist()[:4] == ["id", "config", "learning_rate", "act"]
    assert both["config"][2] == "n_3"


def test_auxiliary_columns_stay_when_asked_for(two):
    frame = two.to_df(remove_auxilary=False)
    assert {"repetition", "device", "updates"} <= set(frame.columns)
    assert frame["repetition"].dtype == np.int64
    assert not {"repetition", "device", "updates"} & set(two.df.columns)


@pytest.mark.parametrize("method", ["to_df", "configs_to_df", "artifacts_to_df"])
def test_auxiliary_columns_stay_beside_a_concatenated_config(two, method):
    make = getattr(two, method)
    frame = make(concat_config=True, remove_auxilary=False)
    assert frame.columns.tolist()[:5] == ["id", "config", "repetition", "device", "updates"]
    assert set(frame["config"]) <= {"act_biggest-lr_0.1", "n_3"}
    whole = make(concat_config=True, remove_auxilary=False, drop_columns=False)
    assert {"repetition", "device", "updates", "n"} <= set(whole.columns)


def test_columns_stand_in_the_order_of_the_research_whatever_the_filter(storage):
    storage.add("a", {"c": 1, "d": 1})
    storage.add("b", {"c": 2, "d": 1})
    storage.add("c", {"d": 2, "c": 2})
    for name in "abc":
        storage.put(name, {"x": {0: 1.0}, "y": {0: 2.0}})
    storage.put("c", {"z": {0: 1.0}})
    results = storage.results
    wanted_of_all = [
        {},
        {"c": 2},
        {"d": 2},
        {"alias": {"c": "2"}},
        {"experiment_id": "c"},
        {"config": {"d": 1}},
    ]
    for wanted in wanted_of_all:
        for layout in ({}, {"use_alias": True}):
            columns = results.to_df(**wanted, **layout).columns.tolist()
            assert columns[:6] == ["id", "c", "d", "iteration", "x", "y"]
        assert results.configs_to_df(**wanted).columns.tolist() == ["id", "c", "d"]


def test_configs_are_one_row_for_each_experiment(two):
    frame = two.configs_to_df(use_alias=False)
    assert frame.columns.tolist() == ["id", "learning_rate", "act", "n"]
    assert frame["id"].tolist() == ["a", "b"]
    assert two.configs_to_df(concat_config=True)["config"].tolist() == ["act_biggest-lr_0.1", "n_3"]
    assert two.configs_to_df(n=3)["id"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0.5, 1.0], "float64"),
        ([1, 2], "int64"),
        ([True, False], "bool"),
        ([1, 2.5], "float64"),
        ([2**53 + 1, 0.5], "object"),
        ([True, 1], "object"),
        ([np.float32(1), np.float32(2)], "float32"),
        ([np.float32(1), 0.1], "float64"),
        ([np.int8(1), np.int8(2)], "int8"),
        ([np.float64(1), 2.0], "float64"),
        ([1j, 1.0], "complex128"),
        ([None, 1.5], "object"),
        (["a", "b"], str(pd.Series(["a"]).dtype)),
        ([2**70, 1], "object"),
        ([[1], [2]], "object"),
        ([datetime.datetime(2020, 1, 1)] * 2, str(pd.Series([datetime.datetime(2020, 1, 1)]).dtype)),
    ],
    ids=repr,
)
def test_a_variable_has_the_type_of_its_values(storage, values, dtype):
    storage.put("a", {"x": dict(enumerate(values))})
    assert str(storage.results.df["x"].dtype) == dtype
    found = [None if value != value else value for value in storage.results.df["x"]]
    assert found == values


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, "float64"),
        (1, "float64"),
        (np.float32(1), "float32"),
        (True, "object"),
        (2**60 + 1, "object"),
        (1j, "complex128"),
    ],
    ids=repr,
)
def test_a_variable_with_gaps_has_nan_there(storage, value, dtype):
    storage.put("a", {"x": {0: value}, "y": {0: 0.0, 1: 0.0}})
    column = storage.results.df["x"]
    assert str(column.dtype) == dtype
    assert column[0] == value
    assert column.isna().tolist() == [False, True]


def test_parameters_have_the_types_of_their_values(storage):
    for place in range(3):
        config = {
            "f": place / 2,
            "i": place,
            "b": place > 0,
            "s": str(place),
            "l": [place],
            "big": 2**70 + place,
        }
        storage.add(str(place), config | ({"gap": place} if place else {}))
        storage.put(str(place), {"x": {0: 1.0}})
    dtypes = storage.results.df.dtypes.astype(str).to_dict()
    text = str(pd.Series(["a"]).dtype)
    expected = {
        "f": "float64",
        "i": "int64",
        "b": "bool",
        "s": text,
        "l": "object",
        "big": "object",
        "gap": "float64",
    }
    assert {name: dtypes[name] for name in expected} == expected


def test_a_variable_called_like_a_column_gets_a_number(storage):
    storage.add("a", {"loss": "mse", "id": 7})
    storage.put("a", {"loss": {0: 0.5}, "iteration": {0: 9}})
    frame = storage.results.df
    assert frame.columns.tolist() == ["id", "loss", "id_1", "iteration", "loss_1", "iteration_1"]
    assert frame.values.tolist() == [["a", "mse", 7, 0, 0.5, 9]]


@pytest.mark.parametrize("pivot", [True, False])
def test_no_results_are_a_frame_with_columns(storage, pivot):
    frame = storage.results.to_df(pivot=pivot)
    assert len(frame) == 0
    assert frame.columns.tolist() == (["id", "iteration"] if pivot else ["id", "iteration", "name", "value"])
    storage.add("a", {"n": 1})
    assert storage.results.to_df(pivot=pivot).columns.tolist()[:2] == ["id", "n"]
    assert storage.results.configs_to_df()["n"].tolist() == ["1"]
    assert len(storage.results.artifacts_to_df()) == 0


def test_frames_of_equal_results_are_equal_whatever_the_order_of_writing(storage, tmp_path):
    from research_results import MemoryStorage

    made = {str(place): {"x": {i: place + i / 10 for i in range(5)}, "y": {2: place}} for place in range(20)}
    other = MemoryStorage()
    for place, name in enumerate(made):
        storage.add(name, {"n": place}, index=place)
        storage.put(name, made[name])
    for place, name in reversed(list(enumerate(made))):
        other.add(name, {"n": place}, index=place)
        for iteration in (4, 2, 0, 3, 1):
            other.put(name, {"x": {iteration: made[name]["x"][iteration]}})
        other.put(name, {"y": made[name]["y"]})
    pd.testing.assert_frame_equal(storage.results.df, other.results.df)


def test_load_returns_values_configs_and_artifacts(two):
    loaded = two.load(experiment_id="b")
    assert loaded.results == {"b": {"loss": {1: 0.75}, "label": {1: "cat", 2: "dog"}}}
    assert loaded.configs["b"].config()["n"] == 3
    assert loaded.artifacts == {"b": []}
    assert two.load_iteration_files("b/label", 2) == {2: "dog"}


def test_a_summary_counts(two):
    summary = two.summary()
    assert (summary.counts, summary.values) == ({"queued": 2}, 7)
    assert summary.parameters == ("learning_rate", "act", "repetition", "n", "device", "updates")
    assert summary.variables == ("loss", "count", "label")


def test_html_escapes_what_people_wrote(storage):
    storage.add("a", {"<b>": 1})
    storage.put("a", {"<script>alert(1)</script>": {0: 1}})
    text = storage.results._repr_html_()
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert "<b>" not in text
