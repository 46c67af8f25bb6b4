"""No value, as a variable or a parameter, makes anything fail that reads results, or show something else."""

import csv
import datetime
import itertools
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from results_strategies import pandas_values, pickled_values, plain_values, same, values

from research_results import MemoryStorage, ResearchResults, ResearchStorage
from research_results.errors import ArgumentError

calm = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
some_values = st.lists(values, min_size=1, max_size=3)
each_kind = [[None, *pair] for pair in itertools.pairwise(pandas_values)]
each_kind += [[value, 1.5] for value in pickled_values]


def study(given_values):
    """Return results with values as parameters and variables, and with gaps among them."""
    storage = MemoryStorage()
    for place, value in enumerate(given_values):
        storage.add(f"e{place}", {"p": value, "place": place})
        storage.put(f"e{place}", {"x": {0: value, 1: value}, "y": {0: 0.5, 2: 1.5}})
    storage.add("none", {"place": -1})
    storage.put("none", {"y": {0: 2.5}})
    return storage.results


scalars = (str, float, int, np.generic, pd.Timestamp, pd.Timedelta)


def says(text, value):
    """Tell whether a text is a value as JSON, or its repr where something in it is more than JSON."""
    try:
        plain = json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return len(text) > 1 and "..." not in text.replace("Ellipsis", "")
    return text == repr(value) or json.loads(text) == plain


def shows(cell, value):
    """Tell whether a cell shows a value; numbers and times may have the type of the column."""
    if value is None or cell is None:
        return cell is value
    if isinstance(value, (np.ndarray, list, tuple, dict, set, frozenset, pd.Series, pd.DataFrame, pd.Index)):
        return same(cell, value)
    if isinstance(value, datetime.datetime) and value is not pd.NaT:
        plain = cell.replace(tzinfo=None) == value.replace(tzinfo=None)
        return plain and cell.utcoffset() == value.utcoffset()
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.asarray(cell.asm8 if hasattr(cell, "asm8") else cell) == value)
    if isinstance(value, (float, complex, np.floating, np.complexfloating)) and value != value:
        return cell != cell
    return same(cell, value) or bool(cell == value)


@given(some_values)
@settings(calm, max_examples=150)
def test_tables_show_every_value(given_values):
    results = study(given_values)
    count = len(given_values)
    wide, long = results.df, results.to_df(pivot=False, name="x")
    assert len(wide) == 3 * count + 1 and len(long) == 2 * count
    configs = results.configs_to_df(use_alias=False)
    texts = results.configs_to_df()
    assert len(configs) == len(texts) == count + 1
    for place, value in enumerate(given_values):
        for cell in (*wide["x"][3 * place : 3 * place + 2], *long["value"][2 * place : 2 * place + 2]):
            assert shows(cell, value)
        assert shows(wide["p"].iloc[3 * place], value)
        assert shows(long["p"].iloc[2 * place], value)
        assert shows(configs["p"].iloc[place], value)
    assert pd.isna(configs["p"].iloc[count]) and configs["p"].iloc[count] is not None
    assert pd.isna(wide["x"].iloc[2]) and wide["x"].iloc[2] is not None
    assert [type(text) for text in texts["p"][:count]] == [str] * count
    for options in ({"use_alias": True}, {"concat_config": True, "drop_columns": False}):
        assert len(results.to_df(**options)) == len(wide)


@given(some_values)
@settings(calm, max_examples=150)
def test_filters_find_every_value(given_values):
    results = study(given_values)
    for place, value in enumerate(given_values):
        assert f"e{place}" in results.filter_ids_by_configs(config={"p": value, "place": place})
        assert f"e{place}" in results.filter_ids_by_configs(p=value)
        alias = results.load_configs()[f"e{place}"].alias()["p"]
        assert f"e{place}" in results.filter_ids_by_configs(alias={"p": alias})


@given(some_values)
@settings(calm, max_examples=150)
def test_files_have_every_value_as_text(tmp_path_factory, given_values):
    results, folder = study(given_values), tmp_path_factory.mktemp("files")
    with results.to_csv(folder / "r.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    frame = pd.read_parquet(results.to_parquet(folder / "r.parquet"))
    assert len(rows) == len(frame) == 3 * len(given_values) + 1
    assert [row["id"] for row in rows] == frame["id"].tolist()
    for place, value in enumerate(given_values):
        if value is None:
            assert rows[3 * place]["x"] == "None"
        cell = frame["x"].iloc[3 * place]
        assert isinstance(
            cell, (str, float, int, complex, np.generic, pd.Timestamp, pd.Timedelta)
        ) or pd.isna(cell)
    assert rows[2]["x"] == rows[-1]["p"] == ""
    assert pd.isna(frame["x"].iloc[2]) and pd.isna(frame["p"].iloc[-1])


@given(some_values)
@settings(calm, max_examples=60)
def test_pictures_are_drawn_whatever_the_values(given_values):
    results = study(given_values)
    figure = results.plot("y", by="p")
    assert sum(len(axes.get_lines()) for axes in figure.axes) >= 2
    plt.close("all")
    try:
        drawn = results.plot("x")
    except ArgumentError as error:
        assert "not a number" in str(error)
    else:
        assert [axes.get_ylabel() for axes in drawn.axes] == ["x"]
    plt.close("all")


@pytest.mark.parametrize("given_values", each_kind, ids=lambda case: repr(case)[:30])
def test_every_kind_of_value_is_read_filtered_written_and_drawn(tmp_path, given_values):
    with ResearchStorage(tmp_path / "study") as storage:
        for place, value in enumerate(given_values):
            storage.add(f"e{place}", {"p": value})
            storage.put(f"e{place}", {"x": {0: value}, "y": {0: 1.0, 1: 2.0}})
    for results in (
        ResearchResults(tmp_path / "study"),
        ResearchResults(tmp_path / "study", allow_pickle=True),
    ):
        assert len(results.df) == len(results.to_df(pivot=False)) - len(given_values) == 2 * len(given_values)
        assert len(results.configs_to_df()) == len(given_values)
        results.to_csv(tmp_path / "r.csv")
        results.to_parquet(tmp_path / "r.parquet")
        for place, value in enumerate(given_values):
            assert results.filter_ids_by_configs(config={"p": value}) == [f"e{place}"]
        figure = results.plot("y", by="p")
        assert figure._repr_png_().startswith(b"\x89PNG")
        assert len(figure.axes[0].get_lines()) == min(len(given_values), 10)
        plt.close("all")
    loaded = results.load_results(name="x")
    configs = results.load_configs()
    for place, value in enumerate(given_values):
        assert same(loaded[f"e{place}"]["x"][0], value)
        assert same(configs[f"e{place}"].config()["p"], value)


@given(st.dictionaries(st.text(max_size=4), plain_values, min_size=1, max_size=3))
@settings(calm, max_examples=60)
@example({"id": 1, "iteration": 2, "name": 3, "value": 4, "config": 5, "": 6, "id_1": 7})
def test_names_are_as_free_as_values(tmp_path_factory, named):
    storage, folder = MemoryStorage(), tmp_path_factory.mktemp("names")
    names = [name for name in named if name.isprintable() and "/" not in name and name.strip()] or ["id"]
    storage.add("a", {name: named.get(name, 0) for name in names if name not in ("repetition", "updates")})
    storage.put("a", {name: {0: named.get(name, 0)} for name in names})
    results = storage.results
    for frame in (results.df, results.to_df(pivot=False), results.configs_to_df()):
        assert frame.columns.is_unique and frame["id"].tolist()[0] == "a"
    results.to_csv(folder / "r.csv")
    back = pd.read_parquet(results.to_parquet(folder / "r.parquet"))
    assert back.columns.tolist() == results.df.columns.tolist()
    for name in names:
        assert results.to_df(name=name, include_config=False).shape == (1, 3)
