"""Every format is written by its exporter, which the suffix of the file finds."""

import json
import math
import sqlite3
import sys
from contextlib import closing
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pandas as pd
import pytest

from research_results import FolderStorage, MemoryStorage, ResearchResults
from research_results.errors import ArgumentError, MissingExtraError, UnknownParameterError
from research_results.exporting.registry import GROUP

SUFFIXES = [f".{entry.name}" for entry in entry_points(group=GROUP)]


class Odd:
    def __repr__(self):
        return "odd"


def fill(storage):
    """Two models of a union, with repetitions; one experiment has failed."""
    for number, (name, config) in enumerate(
        [
            ("a", {"model": "tree", "depth": 3, "Loss": [1, 2]}),
            ("b", {"model": "tree", "depth": None, "Loss": [1, 2]}),
            ("c", {"model": "line"}),
        ]
    ):
        storage.add(name, {**config, "repetition": 0}, index=number)
    storage.put("a", {"loss": {0: 1.0, 1: 0.5}, "n": {0: 2**60 + 1, 1: 7}, "ok": {0: True}})
    storage.put("b", {"loss": {0: math.inf, 1: 0.25, 2: 0.125}, "label": {2: "cat"}, "n": {0: 2}})
    storage.put("c", {"array": {0: np.arange(2)}, "odd": {0: Odd()}, "t": {0: datetime(2020, 1, 2)}})
    for name in "ab":
        storage.mark(name, "done", elapsed_s=1.5, iterations=2, started=1e9)
    storage.mark("c", "failed", attempt=1, failure=ValueError("boom"))
    storage.results.tags.add("good", experiment_id="a")
    return storage.results


@pytest.fixture
def results(storage):
    return fill(storage)


def rows_of(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def test_each_format_of_the_product_is_there():
    assert {".csv", ".parquet", ".json", ".sqlite", ".xlsx", ".duckdb", ".nc", ".zarr"} <= set(SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_written_whole_or_not_at_all(results, tmp_path, suffix, monkeypatch):
    path = results.export(str(tmp_path / f"r{suffix.upper()}"), name="loss", experiment_id=["a", "b"])
    assert path.exists() and path.parent == tmp_path
    names = sorted(file.name for file in tmp_path.iterdir())
    assert results.export(path, name="loss", experiment_id=["a", "b"]) == path
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    with pytest.raises(UnknownParameterError):
        results.export(path, nobody=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == names


def test_json_has_values_as_they_are(results, tmp_path):
    rows = json.loads(results.export(tmp_path / "r.json").read_text())
    first = {"id": "a", "model": "tree", "depth": 3, "Loss": [1, 2], "iteration": 0, "loss": 1.0}
    assert rows[0] == {**first, "n": 2**60 + 1, "ok": True}
    assert rows[2] == {**first, "id": "b", "depth": None, "loss": "Infinity", "n": 2}
    assert rows[4]["label"] == "cat" and "n" not in rows[4]
    assert rows[5] == {
        "id": "c",
        "model": "line",
        "iteration": 0,
        "array": [0, 1],
        "odd": "odd",
        "t": "2020-01-02 00:00:00",
    }


def test_json_of_texts_and_of_nothing(storage, tmp_path):
    assert json.loads(storage.results.export(tmp_path / "r.json").read_text()) == []
    storage.put("a", {"x": {0: "caf\u00e9 \ud800", 1: [math.nan, {"y": -math.inf}]}})
    text = storage.results.export(tmp_path / "r.json").read_text()
    assert "caf\u00e9" in text
    assert [row["x"] for row in json.loads(text)] == ["caf\u00e9 \ud800", ["NaN", {"y": "-Infinity"}]]


def test_sqlite_has_a_row_for_each_experiment_with_its_final_values(results, tmp_path):
    path = results.export(tmp_path / "r.sqlite")
    first, second, third = rows_of(path, "SELECT * FROM results")
    assert first == {
        "id": "a",
        "model": "tree",
        "depth": "3",
        "Loss": "[1, 2]",
        "repetition": 0,
        "status": "done",
        "loss_1": 0.5,
        "n": 7,
        "ok": 1,
        "label": None,
        "array": None,
        "odd": None,
        "t": None,
    }
    assert (second["depth"], second["loss_1"], second["n"], second["label"]) == ("None", 0.125, 2, "cat")
    assert (third["status"], third["depth"], third["array"], third["odd"]) == (
        "failed",
        None,
        "[0, 1]",
        "odd",
    )
    assert third["t"] == "2020-01-02 00:00:00"


def test_sqlite_has_keys_and_plain_types(results, tmp_path):
    path = results.export(tmp_path / "r.sqlite")
    keys = {
        table: [row["name"] for row in rows_of(path, f"PRAGMA table_info({table})") if row["pk"]]
        for table in ("results", "experiments", "history", "failures")
    }
    assert keys == {
        "results": ["id"],
        "experiments": ["id"],
        "history": ["id", "iteration"],
        "failures": ["number"],
    }
    types = {row["name"]: row["type"] for row in rows_of(path, "PRAGMA table_info(history)")}
    expected = {"id": "TEXT", "iteration": "INTEGER", "loss": "REAL", "n": "INTEGER", "ok": "INTEGER"}
    assert types == {**expected, **dict.fromkeys(("label", "array", "odd", "t"), "TEXT")}
    assert rows_of(path, "SELECT max(n) AS n, count(*) AS count FROM history") == [
        {"n": 2**60 + 1, "count": 6}
    ]
    assert rows_of(path, "PRAGMA foreign_key_check") == []
    (link,) = rows_of(path, "PRAGMA foreign_key_list(history)")
    assert (link["table"], link["from"], link["to"]) == ("experiments", "id", "id")
    (failure,) = rows_of(path, "SELECT * FROM failures")
    assert (failure["id"], failure["type"], failure["message"]) == ("c", "ValueError", "boom")
    row = rows_of(path, "SELECT status, elapsed_s, started, tags FROM experiments")[0]
    assert row == {
        "status": "done",
        "elapsed_s": 1.5,
        "tags": "good",
        "started": "2001-09-09 01:46:40+00:00",
    }


def open_arrays(path, tree=False):
    import xarray

    engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    return (xarray.open_datatree if tree else xarray.open_dataset)(path, engine=engine)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_arrays_come_back_from_their_file(storage, tmp_path, suffix):
    for number, lr in enumerate([0.1, 0.2]):
        storage.add(str(number), {"lr": lr, "layers": [64, 10]})
        values = {"loss": {0: lr, 1: 0.5}, "label": {0: "a", 1: "b"}, "t": {0: datetime(2020, 1, 1)}}
        storage.put(str(number), {**values, "list": {0: [1, 2], 1: [number]}, "n": {0: 1, 1: number}})
        storage.mark(str(number), "done")
    storage.put("1", {"rare": {0: True}, "text": {0: Odd()}})
    with open_arrays(storage.results.export(tmp_path / f"r{suffix}")) as arrays:
        assert arrays.loss.sel(lr=0.2).values.tolist() == [0.2, 0.5]
        assert arrays.label.values.tolist() == [["a", "b"]] * 2
        assert arrays.list.values.tolist() == [["[1, 2]", "[0]"], ["[1, 2]", "[1]"]]
        assert arrays.n.dtype == np.int64 and arrays.t.values[0] == np.datetime64("2020-01-01")
        assert arrays.text.values.tolist() == ["", "odd"] and arrays.rare.values[1] == 1.0
        assert np.isnan(arrays.rare.values[0]) and arrays.status.values.tolist() == ["done", "done"]
        assert list(arrays.attrs["layers"]) == [64, 10]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_arrays_have_texts_for_what_their_file_has_not(storage, tmp_path, suffix):
    for number, name in enumerate(["caf\udce9", "tea"]):
        storage.add(str(number), {"drink": name})
        storage.put(str(number), {"text": {0: name}, "span": {0: np.timedelta64(3, "M")}})
    with open_arrays(storage.results.export(tmp_path / f"r{suffix}")) as arrays:
        assert arrays.drink.values.tolist() == arrays.text.values.tolist() == ["caf\\udce9", "tea"]
        assert arrays.span.values.tolist() == ["3 months"] * 2


@pytest.mark.parametrize(
    ("suffix", "values"), [(".nc", {"x": {0: "a\0b"}}), (".zarr", {"n" * 300: {0: 1}})], ids=[".nc", ".zarr"]
)
def test_what_a_file_of_arrays_cannot_hold_is_refused(storage, tmp_path, suffix, values):
    storage.put("a", values)
    with pytest.raises(ArgumentError, match=r"a file of arrays cannot hold this.*choose variables"):
        storage.results.export(tmp_path / f"r{suffix}")
    assert list(tmp_path.glob(f"*{suffix}*")) == []


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_arrays_of_a_union_are_groups(results, tmp_path, suffix):
    path = results.export(tmp_path / f"r{suffix}", name=["loss", "array"])
    with open_arrays(path, tree=True) as tree:
        assert sum("loss" in node.dataset for node in tree.subtree) >= 1
        assert sum("array" in node.dataset for node in tree.subtree) >= 1
    results.export(path, name="loss", experiment_id=["a", "b"])
    with open_arrays(path) as arrays:
        assert "loss" in arrays and "array" not in arrays


def test_the_same_tables_are_in_duckdb(results, tmp_path):
    import duckdb

    path = results.export(tmp_path / "r.duckdb")
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        query = "SELECT id, loss_1, n, ok, t FROM results ORDER BY id"
        assert connection.execute(query).fetchall() == [
            ("a", 0.5, 7, True, None),
            ("b", 0.125, 2, None, None),
            ("c", None, None, None, datetime(2020, 1, 2)),
        ]
        keys = (
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            "WHERE constraint_type = 'PRIMARY KEY'"
        )
        assert dict(connection.execute(keys).fetchall()) == {
            "results": ["id"],
            "experiments": ["id"],
            "history": ["id", "iteration"],
            "failures": ["number"],
        }


def test_excel_has_numbers_texts_and_no_formulas(storage, tmp_path):
    import openpyxl

    storage.put("a", {"x": {0: 0.5, 1: 2.0}, "s": {0: "=1+1", 1: "http://a.b"}, "n": {0: 2**60 + 1, 1: 3}})
    storage.put("a", {"b": {0: True}, "big": {0: math.inf}, "list": {1: [1, None]}})
    sheet = openpyxl.load_workbook(storage.results.export(tmp_path / "r.xlsx"))["results"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows == [
        ["id", "iteration", "x", "s", "n", "b", "big", "list"],
        ["a", 0, 0.5, "=1+1", str(2**60 + 1), True, "inf", None],
        ["a", 1, 2, "http://a.b", 3, None, None, "[1, null]"],
    ]
    assert sheet["D2"].data_type == "s"


def test_what_does_not_fit_into_a_cell_is_refused(storage, tmp_path):
    storage.put("a", {"x": {0: "y" * 40_000}})
    with pytest.raises(ArgumentError, match="a value of 'x' has 40,000"):
        storage.results.export(tmp_path / "r.xlsx")
    assert not list(tmp_path.glob("*.xlsx*"))


def test_what_does_not_fit_into_a_sheet_is_refused(results, tmp_path, monkeypatch):
    monkeypatch.setattr("research_results.exporting.xlsx._ROWS", 6)
    with pytest.raises(ArgumentError, match="rows and 16,384 columns, and there are 7"):
        results.export(tmp_path / "r.xlsx")


def test_sqlite_says_what_it_does_not_take(storage, tmp_path):
    storage.put("a", {f"v{number}": {0: number} for number in range(2100)})
    with pytest.raises(ArgumentError, match=r"too many columns.*choose variables"):
        storage.results.export(tmp_path / "r.sqlite")
    assert not list(tmp_path.glob("*.sqlite*"))


def test_names_that_databases_take_for_one_get_numbers(storage, tmp_path):
    storage.add("a", {"Id": 1, "status": "s"})
    storage.put("a", {"x": {0: 1}, "X": {0: 2}, 'q"q': {0: 3}})
    path = storage.results.export(tmp_path / "r.sqlite")
    (row,) = rows_of(path, "SELECT * FROM results")
    assert list(row) == ["id", "Id_1", "status_1", "status", "x", "X_1", 'q"q']
    assert row["status_1"] == "s" and row["status"] == "queued"


def test_exports_of_an_empty_research(storage, tmp_path):
    for suffix in (".csv", ".parquet", ".json", ".xlsx", ".sqlite", ".duckdb"):
        assert storage.results.export(tmp_path / f"r{suffix}").exists()
    assert rows_of(tmp_path / "r.sqlite", "SELECT * FROM results") == []


def test_filters_and_aliases_hold_in_all_tables(results, tmp_path):
    path = results.export(tmp_path / "r.sqlite", depth=3, name="loss", use_alias=True)
    for table in ("results", "experiments", "history"):
        assert {row["id"] for row in rows_of(path, f"SELECT id FROM {table}")} == {"a"}
    assert rows_of(path, "SELECT * FROM failures") == []
    assert rows_of(path, "SELECT depth FROM results") == [{"depth": "3"}]


def test_what_was_removed_is_in_no_export(results, tmp_path):
    results.remove("a")
    path = results.export(tmp_path / "r.sqlite")
    for table in ("results", "experiments", "history"):
        assert "a" not in {row["id"] for row in rows_of(path, f"SELECT id FROM {table}")}
    assert '"a"' not in results.export(tmp_path / "r.json").read_text()


def test_several_folders_are_exported_as_one(tmp_path):
    for name in ("one", "two"):
        with FolderStorage.create(tmp_path / name) as storage:
            fill(storage)
    both = ResearchResults([tmp_path / "one", tmp_path / "two"])
    path = both.export(tmp_path / "r.sqlite")
    assert rows_of(path, "SELECT research, count(*) AS n FROM results GROUP BY 1") == [
        {"research": "one", "n": 3},
        {"research": "two", "n": 3},
    ]
    assert len(rows_of(path, "SELECT * FROM history")) == 12


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("r.foo", "ends in '.foo'; there are exporters for .csv, .duckdb, .json"),
        ("r.sqllite", "did you mean '.sqlite'"),
        ("r", "'r' has no suffix; there are"),
    ],
)
def test_a_suffix_that_nothing_exports_names_those_there_are(results, tmp_path, name, says):
    with pytest.raises(ArgumentError) as error:
        results.export(tmp_path / name)
    assert says in str(error.value)


def test_a_package_adds_a_format_by_an_entry_point(results, tmp_path, monkeypatch):
    (tmp_path / "count_exporter.py").write_text(
        "def write(results, path, /, **options):\n"
        '    path.write_text(f"{len(results.to_df(**options))} rows")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    offered = [*entry_points(group=GROUP), EntryPoint("count", "count_exporter:write", GROUP)]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: offered)
    assert results.export(tmp_path / "r.count", experiment_id="a").read_text() == "2 rows"


@pytest.mark.parametrize(
    ("suffix", "module", "extra"),
    [
        (".xlsx", "xlsxwriter", "xlsx"),
        (".duckdb", "duckdb", "duckdb"),
        (".parquet", "pyarrow", "parquet"),
        (".nc", "h5netcdf", "xarray"),
        (".zarr", "zarr", "zarr"),
    ],
)
def test_a_missing_package_says_which_extra_has_it(results, tmp_path, monkeypatch, suffix, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"research-results\[{extra}\]"):
        results.export(tmp_path / f"r{suffix}")


def test_the_files_of_the_research_itself_are_not_written_over(tmp_path):
    with FolderStorage.create(tmp_path / "study") as storage:
        results = fill(storage)
        storage.experiment_path("a")
    (tmp_path / "study" / "code").mkdir()
    (tmp_path / "study" / "code" / "1.json").write_text("{}")
    for name in ("research.json", "curation.json", "code/1.json"):
        before = (tmp_path / "study" / name).read_bytes()
        with pytest.raises(ArgumentError, match="is a part of the research"):
            results.export(tmp_path / "study" / name)
        assert (tmp_path / "study" / name).read_bytes() == before
    for _ in range(2):
        assert results.export(tmp_path / "study" / "new.json").exists()
        assert results.export(tmp_path / "study" / "experiments" / "new.json").exists()


@pytest.mark.parametrize(
    ("suffix", "option"), [(".sqlite", "pivot"), (".duckdb", "concat_config"), (".nc", "use_alias")]
)
def test_what_a_format_cannot_do_is_refused(results, tmp_path, suffix, option):
    with pytest.raises(ArgumentError, match=f"{option}: is for tables"):
        results.export(tmp_path / f"r{suffix}", **{option: True})
    assert not list(tmp_path.glob("*r.*"))


def test_a_folder_is_not_written_over(results, tmp_path):
    (tmp_path / "r.csv").mkdir()
    with pytest.raises(ArgumentError, match="is a folder"):
        results.export(tmp_path / "r.csv")


def test_large_tables_of_numbers_are_exact(tmp_path):
    storage = MemoryStorage()
    storage.put("a", {"x": {0: np.uint64(2**64 - 1), 1: np.uint64(1)}, "y": {0: np.float32(0.1)}})
    path = storage.results.export(tmp_path / "r.sqlite")
    assert [row["x"] for row in rows_of(path, "SELECT x FROM history")] == [str(2**64 - 1), "1"]
    frame = pd.read_parquet(storage.results.export(tmp_path / "r.parquet"))
    assert frame["x"].tolist() == [2**64 - 1, 1]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".xlsx", ".sqlite", ".duckdb"])
def test_ints_of_a_union_stay_ints(storage, tmp_path, suffix):
    storage.results.put("a", {"steps": {0: 5}}, {"units": 8})
    storage.results.put("b", {"loss": {0: 0.5}}, {"alpha": 0.1})
    path = storage.results.export(tmp_path / f"r{suffix}")
    if suffix == ".sqlite":
        assert repr(rows_of(path, "SELECT units, steps FROM results")[0]) == "{'units': 8, 'steps': 5}"
    elif suffix == ".duckdb":
        import duckdb

        with closing(duckdb.connect(str(path), read_only=True)) as connection:
            assert repr(connection.execute("SELECT units, steps FROM results").fetchone()) == "(8, 5)"
    elif suffix == ".parquet":
        import pyarrow.parquet

        assert repr(pyarrow.parquet.read_table(path)["units"].to_pylist()) == "[8, None]"
    elif suffix == ".xlsx":
        import openpyxl

        assert repr(openpyxl.load_workbook(path)["results"]["B2"].value) == "8"
    else:
        text = path.read_text()
        assert "8.0" not in text and "5.0" not in text
    assert storage.results.df["units"].dtype == np.float64
    assert repr(storage.results.to_df(nullable=True)["units"].tolist()) == "[8, <NA>]"
