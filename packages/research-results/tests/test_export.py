"""Results leave as files that other programs read."""

import collections
import csv
import json
import math
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from research_results import MemoryStorage, ResearchStorage
from research_results.errors import ArgumentError, MissingExtraError, NameRefusedError

NAIVE = datetime(2020, 1, 1)


@pytest.fixture
def results(storage):
    storage.add("a", {"lr": 0.1, "net": [64, 10]})
    storage.put("a", {"loss": {0: 0.5, 1: 0.25}, "label": {0: "cat"}, "n": {0: 1, 1: 2}})
    return storage.results


def test_parquet_has_the_frame(results, tmp_path):
    what = {"include_config": False, "name": ["loss", "n"]}
    path = results.to_parquet(tmp_path / "r.parquet", **what)
    pd.testing.assert_frame_equal(pd.read_parquet(path), results.to_df(**what))


def written(storage, tmp_path, *values):
    """Return what CSV and Parquet have of values of one variable."""
    storage.put("a", {"x": dict(enumerate(values)), "y": {len(values): 0}})
    with storage.results.to_csv(tmp_path / "r.csv", name=["x", "y"]).open(newline="") as file:
        texts = [row["x"] for row in csv.DictReader(file)]
    column = pd.read_parquet(storage.results.to_parquet(tmp_path / "r.parquet"))["x"]
    assert texts[-1] == "" and pd.isna(column.iloc[-1])
    return texts[:-1], column.iloc[:-1].tolist()


LARGE = np.arange(3000.0)
LARGE_TEXTS = [json.dumps(LARGE.tolist()), json.dumps(LARGE.reshape(3, -1).tolist())]


@pytest.mark.parametrize(
    ("values", "in_csv", "in_parquet"),
    [
        ([1, "x", (1, 2)], ["1", "x", "[1, 2]"], ["1", '"x"', "[1, 2]"]),
        ([{"a": 1}, {"b": [2, None]}], ['{"a": 1}', '{"b": [2, null]}'], ['{"a": 1}', '{"b": [2, null]}']),
        ([{}, [], ()], ["{}", "[]", "[]"], ["{}", "[]", "[]"]),
        ([2**70, 1], [str(2**70), "1"], [str(2**70), "1"]),
        ([np.uint64(2**64 - 1), -1], [str(2**64 - 1), "-1"], [str(2**64 - 1), "-1"]),
        ([None, "a"], ["None", "a"], ["None", "a"]),
        ([None, "a", "None"], ["None", "a", "None"], ["null", '"a"', '"None"']),
        ([True, None], ["True", "None"], ["True", "None"]),
        ([None, 3], ["None", "3"], ["None", "3"]),
        ([None, 3, "x"], ["None", "3", "x"], ["null", "3", '"x"']),
        ([True, False], ["True", "False"], [True, False]),
        ([2**60 + 1, 2], [str(2**60 + 1), "2"], [2**60 + 1, 2]),
        ([1j, 2.0], ["1j", "(2+0j)"], ["1j", "(2+0j)"]),
        ([{1: "a"}, {(1, 2)}], ["{1: 'a'}", "set({(1, 2)})"], ["{1: 'a'}", "set({(1, 2)})"]),
        ([{"b", "a"}, set()], ["set({'a', 'b'})", "set()"], ["set({'a', 'b'})", "set()"]),
        ([b"a", [b"a"]], ["b'a'", "[b'a']"], ["b'a'", "[b'a']"]),
        ([np.timedelta64(3, "M"), 1], ["3 months", "1"], ["3 months", "1"]),
        ([NAIVE, NAIVE.replace(tzinfo=UTC)], *[["2020-01-01 00:00:00", "2020-01-01 00:00:00+00:00"]] * 2),
        ([pd.NaT, pd.NA], ["NaT", "<NA>"], ["NaT", "<NA>"]),
        ([Decimal("0.10"), Fraction(1, 3)], ["0.10", "1/3"], ["0.10", "1/3"]),
        (
            [LARGE, LARGE.reshape(3, -1)],
            *[[json.dumps(each.tolist()) for each in (LARGE, LARGE.reshape(3, -1))]] * 2,
        ),
        ([np.array([1 / 3 + 1j])], *[["array([0.3333333333333333+1.j])"]] * 2),
        (
            [pd.Series([1 / 3], name="s")],
            *[['{"name": "s", "index": [0], "data": [0.3333333333333333]}']] * 2,
        ),
        ([pd.DataFrame({"a": [1, 2]})], *[['{"columns": ["a"], "index": [0, 1], "data": [[1], [2]]}']] * 2),
        ([["\ud800"], "\ud800"], ['["\\ud800"]', "\\ud800"], ['["\\ud800"]', '"\\ud800"']),
    ],
    ids=lambda case: repr(case)[:30],
)
def test_objects_are_written_whole_as_json_or_text(storage, tmp_path, values, in_csv, in_parquet):
    texts, cells = written(storage, tmp_path, *values)
    assert texts == in_csv
    assert cells == in_parquet


def test_everything_that_prints_itself_is_written_to_its_end(storage, tmp_path):
    times = pd.DataFrame(
        {"t": pd.date_range("2020", periods=300), "n": [1 / 3] * 300, "s": ["x" * 200] * 300}
    )
    arrays = {1: np.zeros(5000), "f": [1 / 3]}
    texts, cells = written(storage, tmp_path, times, arrays, 10**5000, [10**5000])
    assert texts == cells
    assert all("..." not in text for text in texts)
    assert texts[0].count("x" * 200) == 300 and texts[0].count(repr(1 / 3)) == 300
    assert texts[1].count("0.") == 5001
    assert texts[2:] == ["1" + "0" * 5000, f"[1{'0' * 5000}]"]


def test_an_object_that_cannot_say_what_it_is_spoils_nothing(tmp_path):
    class Mute:
        def __repr__(self):
            raise ValueError("no words")

        def __eq__(self, other):
            raise TypeError("no comparison")

        __hash__ = None

    storage = MemoryStorage()
    texts, cells = written(storage, tmp_path, Mute(), [Mute()])
    assert texts == cells
    assert texts[0].endswith("Mute, whose text raised ValueError>")
    assert texts[1] == "<builtins.list, whose text raised ValueError>"


def test_what_stays_opaque_is_written_as_its_text_or_says_that_it_is_cut(tmp_path):
    class Long:
        def __repr__(self):
            return "x" * 1000

    with ResearchStorage(tmp_path / "study") as storage:
        texts, cells = written(storage, tmp_path, collections.Counter("aab"), Long())
    assert texts == cells
    assert texts[0] == "Counter({'a': 2, 'b': 1})"
    assert texts[1].startswith("Opaque(type_name=") and texts[1].endswith("xxx...')")


def test_none_is_null_where_nothing_is_missing(storage, tmp_path):
    for place, config in enumerate(
        [{"n": 1, "b": True, "s": "x", "f": 0.5}, {"n": None, "b": None, "s": None, "f": None}]
    ):
        storage.add(str(place), config)
        storage.put(str(place), {"y": {0: 1}})
    frame = pd.read_parquet(storage.results.to_parquet(tmp_path / "r.parquet"))
    for name, value in {"n": 1, "b": True, "s": "x", "f": 0.5}.items():
        assert frame[name][0] == value and type(frame[name][0]) not in (object,)
        assert pd.isna(frame[name][1])
    assert frame["n"].dtype.kind == "i" and frame["b"].dtype.kind == "b" and frame["f"].dtype.kind == "f"


def test_floats_tell_none_from_no_value_in_the_file(storage, tmp_path):
    storage.put("a", {"x": {0: None, 1: 0.5}, "y": {2: 0}})
    file = storage.results.to_parquet(tmp_path / "r.parquet")
    column = pyarrow.parquet.read_table(file)["x"].to_pylist()
    assert column[:2] == [None, 0.5] and math.isnan(column[2])


def test_times_of_any_zone_are_written_as_the_moments_they_are(storage, tmp_path):
    zones = [UTC, timezone(timedelta(hours=-3), "here"), ZoneInfo("Europe/Berlin")]
    for place, zone in enumerate(zones):
        storage.put("a", {f"t{place}": {0: NAIVE.replace(tzinfo=zone)}})
    odd, far = timezone(timedelta(seconds=1)), np.datetime64(2**55, "s")
    storage.put("a", {"h": {0: np.float16(0.5)}, "d": {0: timedelta(days=3)}, "far": {0: far}})
    storage.put("a", {"odd": {0: NAIVE.replace(tzinfo=odd)}})
    row = pd.read_parquet(storage.results.to_parquet(tmp_path / "r.parquet")).iloc[0]
    for place, zone in enumerate(zones):
        assert pd.Timestamp(row[f"t{place}"]) == NAIVE.replace(tzinfo=zone)
    assert (row["h"], row["d"]) == (0.5, timedelta(days=3))
    assert str(row["far"])[:16] == str(far)[:16]
    assert row["odd"] == "2020-01-01 00:00:00+00:00:01"


def test_texts_stay_as_they_are(storage, tmp_path):
    texts = ['=HYPERLINK("x")', "+1", "-1", "@a", "007", "nan", "a,b", 'q"q', "a\nb"]
    assert written(storage, tmp_path, *texts) == (texts, texts)


def test_csv_has_the_frame(results, tmp_path):
    path = results.to_csv(tmp_path / "r.csv", name="loss")
    assert path.read_text() == 'id,lr,net,iteration,loss\na,0.1,"[64, 10]",0,0.5\na,0.1,"[64, 10]",1,0.25\n'


def test_a_failed_export_leaves_the_old_file_and_nothing_else(results, tmp_path, monkeypatch):
    path = results.to_csv(tmp_path / "r.csv")
    before = path.read_text()

    def fail(*args, **kwargs):
        raise OSError("disk on fire")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="fire"):
        results.to_csv(path)
    assert path.read_text() == before
    assert [file.name for file in tmp_path.glob("*r.csv*")] == ["r.csv"]


@pytest.mark.parametrize(
    ("name", "error"), [("no/r.csv", ArgumentError), ("a\0", NameRefusedError), ("", NameRefusedError)]
)
def test_a_path_that_cannot_be_a_file_is_refused(results, tmp_path, monkeypatch, name, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        results.to_csv(name)


def test_parquet_without_pyarrow_says_what_to_install(results, tmp_path, monkeypatch, without):
    without("pyarrow")
    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    with pytest.raises(MissingExtraError, match=r"research-results\[parquet\]"):
        results.to_parquet(tmp_path / "r.parquet")
