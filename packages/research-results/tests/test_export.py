"""Results leave as files that other programs read."""

import builtins
import sys

import numpy as np
import pandas as pd
import pytest

from research_results.errors import ArgumentError, MissingExtraError, NameRefusedError


@pytest.fixture
def results(storage):
    storage.add("a", {"lr": 0.1, "net": [64, 10]})
    storage.put("a", {"loss": {0: 0.5, 1: 0.25}, "label": {0: "cat"}, "n": {0: 1, 1: 2}})
    return storage.results


def test_parquet_has_the_frame(results, tmp_path):
    what = {"include_config": False, "name": ["loss", "n"]}
    path = results.to_parquet(tmp_path / "r.parquet", **what)
    pd.testing.assert_frame_equal(pd.read_parquet(path), results.to_df(**what))


def test_parquet_has_lists_and_objects_one_way_or_the_other(storage, tmp_path):
    storage.add("a", {"net": [64, 10], "f": max})
    storage.put("a", {"mixed": {0: 1, 1: "x", 2: (1, 2)}, "z": {0: 1j}, "x": {0: np.arange(3)}})
    back = pd.read_parquet(storage.results.to_parquet(tmp_path / "r.parquet"))
    assert len(back) == 3
    assert back["mixed"].tolist() == ["1", "'x'", "(1, 2)"]


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


def test_parquet_without_pyarrow_says_what_to_install(results, tmp_path, monkeypatch):
    whole = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    with pytest.raises(MissingExtraError, match=r"research-results\[parquet\]"):
        results.to_parquet(tmp_path / "r.parquet")
