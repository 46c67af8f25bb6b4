"""Columns show what was stored, whatever it is; None is a value, and no value is NaN."""

import datetime
import zoneinfo

import numpy as np
import pandas as pd
import pytest


@pytest.mark.parametrize(
    "value", [0.5, 3, True, "text", 1j, [1], np.float32(1), datetime.datetime(2020, 1, 1)], ids=repr
)
def test_none_is_a_value_and_a_gap_is_none(storage, value):
    storage.add("a", {"p": None, "k": 1})
    storage.add("b", {"p": value, "k": 1})
    storage.add("c", {"k": 2})
    storage.put("a", {"x": {0: None, 1: value}, "y": {0: 0, 1: 1, 2: 2}})
    for name in "bc":
        storage.put(name, {"y": {0: 0}})
    for frame in (storage.results.df, storage.results.to_df(pivot=False, name=["x", "y"])):
        p = [frame["p"][frame["id"] == name].iloc[0] for name in "abc"]
        assert p[0] is None and p[1] == value and p[2] is not None and p[2] != p[2]
    x = storage.results.df["x"].tolist()
    assert x[0] is None and x[1] == value and x[2] is not None and x[2] != x[2]
    long = storage.results.to_df(pivot=False, name="x")["value"].tolist()
    assert long[0] is None and long[1] == value
    assert storage.results.configs_to_df(use_alias=False)["p"].tolist()[0] is None


def test_missing_values_and_none_are_left_out_of_aggregates(storage):
    storage.put("a", {"x": {0: None, 1: 1.0, 2: 2.0}, "y": {3: 0}})
    column = storage.results.df["x"]
    assert (column.mean(), column.count()) == (1.5, 2)
    assert storage.results.df.groupby("id")["x"].mean().tolist() == [1.5]


@pytest.mark.parametrize(
    "values",
    [
        [np.timedelta64(3, "M"), np.timedelta64(1, "M")],
        [np.timedelta64(1, "Y"), np.datetime64("2020", "Y")],
        [np.datetime64(2**62, "D"), np.datetime64(0, "D")],
        [np.datetime64(1, "as"), np.datetime64(2, "as")],
        [np.datetime64(1, "s"), np.datetime64(1, "ns")],
        [datetime.timedelta.max, datetime.timedelta.min],
        [datetime.datetime.min, datetime.datetime.max],
        [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)],
        [datetime.datetime(2020, 3, 29, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))],
        [2**70, -1],
        [np.uint64(2**64 - 1), -1],
        [{}, {"a": {"b": {}}}],
        [np.eye(2), np.eye(3)],
        [pd.NA, pd.NaT],
        ["\ud800", "a"],
    ],
    ids=lambda values: repr(values)[:40],
)
def test_columns_hold_every_value_exactly(storage, values):
    storage.add("a", dict(enumerate_names(values)))
    storage.put("a", {"x": dict(enumerate(values))})
    for frame, name in ((storage.results.df, "x"), (storage.results.to_df(pivot=False), "value")):
        found = frame[name].tolist()
        assert all(same_value(left, right) for left, right in zip(found, values, strict=True))
        assert len(repr(frame)) > 9
    frame = storage.results.configs_to_df(use_alias=False)
    shown = [frame[name][0] for name, _ in enumerate_names(values)]
    assert all(same_value(left, right) for left, right in zip(shown, values, strict=True))


def enumerate_names(values):
    return ((f"p{place}", value) for place, value in enumerate(values))


def same_value(found, value):
    """Tell whether a cell shows a value: times and spans may have become those of pandas."""
    if isinstance(value, np.ndarray):
        return np.array_equal(found, value)
    if value is pd.NA or value is pd.NaT:
        return found is value
    if isinstance(value, datetime.datetime):
        plain = found.replace(tzinfo=None) == value.replace(tzinfo=None)
        return plain and found.utcoffset() == value.utcoffset()
    return bool(found == value)


def test_a_variable_whose_none_was_replaced_has_the_type_of_its_values(storage):
    for value in (0.5, 3, True):
        storage.put("a", {"x": {0: None, 1: value}})
        storage.put("a", {"x": {0: value}})
        assert storage.results.df["x"].dtype == np.asarray(value).dtype
