"""The table of experiments, compared with its rows read one by one."""

import math
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research_results import FolderStorage, MemoryStorage, ResearchResults
from research_results.reading import joined

STATUSES = ("queued", "running", "done", "failed", "lost")
NUMBERS = ("attempt", "worker", "started", "elapsed_s", "iterations", "stopped")
texts = st.none() | st.sampled_from(["a", "b", "node\0one", "ä", ""])
counts = st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 2)
moments = st.none() | st.floats(-1e10, 1e11)
rows = st.fixed_dictionaries(
    {
        "id": st.text("ab\0ä'", min_size=1, max_size=3) | st.integers(0, 10**9).map(str),
        "position": st.integers(-3, 3),
        "status": st.sampled_from(STATUSES),
        **dict.fromkeys(("host", "device", "code"), texts),
        **dict.fromkeys(("attempt", "worker", "iterations", "stopped"), counts),
        "started": moments,
        "elapsed_s": st.none() | st.floats(allow_nan=False),
        "cause": st.sampled_from([None, "exception", "timeout"]),
    }
)
tables = st.lists(rows, max_size=12, unique_by=lambda row: row["id"])


def written(table):
    """Return a storage in memory with these rows."""
    storage = MemoryStorage.create()
    database = storage._writer.database
    for row in table:
        storage.add(row["id"], {}, index=row["position"])
        own = {name: row[name] for name in (*NUMBERS, "status", "host", "device", "code")}
        names = ", ".join(f"{name} = :{name}" for name in own)
        with database:
            database.flush()
            database.execute(f"UPDATE experiments SET {names} WHERE id = :id", {**own, "id": row["id"]})
            database.execute(
                "INSERT INTO failures (experiment, cause) SELECT key, :cause FROM experiments WHERE id = :id",
                {"cause": row["cause"], "id": row["id"]},
            )
    return storage


def expected(table):
    """Return the frame, made of one row after another."""
    ordered = [row for _, _, row in sorted((row["position"], place, row) for place, row in enumerate(table))]
    names = ("id", "status", "cause", "host", "device", "code", *NUMBERS)
    columns = {name: [row[name] for row in ordered] for name in names}
    columns["cause"] = [
        cause if status in ("failed", "lost") else None
        for cause, status in zip(columns["cause"], columns["status"], strict=True)
    ]
    text = pd.Series(["text"]).dtype
    seconds = [math.nan if each is None else each for each in columns["started"]]
    micros = pd.Series(
        [pd.NaT if math.isnan(each) else np.datetime64(int(np.rint(each * 1e6)), "us") for each in seconds],
        dtype="datetime64[us]",
    )
    return pd.DataFrame(
        {
            **{name: pd.Series(columns[name], dtype=text) for name in ("id", "status", "cause")},
            "attempts": pd.Series(columns["attempt"], dtype="Int64"),
            "worker": pd.Series(columns["worker"], dtype="Int64"),
            **{name: pd.Series(columns[name], dtype=text) for name in ("host", "device", "code")},
            "started": micros.dt.tz_localize("UTC"),
            "elapsed_s": pd.Series(columns["elapsed_s"], dtype="float64"),
            **{name: pd.Series(columns[name], dtype="Int64") for name in ("iterations", "stopped")},
            **{name: pd.Series([""] * len(ordered), dtype=text) for name in ("tags", "note")},
        }
    )


@settings(max_examples=30)
@given(tables, st.sampled_from([1, 3, joined._FIRST_ROWS]))
def test_the_frame_is_that_of_its_rows(table, page):
    with pytest.MonkeyPatch.context() as patch, closing(written(table)) as storage:
        patch.setattr(joined, "_FIRST_ROWS", page)
        frame = storage.results.experiments
    pd.testing.assert_frame_equal(frame, expected(table))


@settings(max_examples=15)
@given(tables, st.integers(1, 2**12 - 1))
def test_some_experiments_have_the_rows_that_they_have_among_all(table, chosen):
    with closing(written(table)) as storage:
        every = storage.results.experiments
        is_chosen = np.array([bool(chosen >> place & 1) for place in range(len(every))], np.bool_)
        ids = every["id"][is_chosen].tolist()
        some = ResearchResults([storage.results], experiment_id=ids).experiments.drop(columns="research")
        pd.testing.assert_frame_equal(some, every[is_chosen].reset_index(drop=True))
        if ids:
            storage.results.remove(experiment_id=ids)
        left = storage.results.experiments
    pd.testing.assert_frame_equal(left, every[~is_chosen].reset_index(drop=True))


def test_rows_of_several_researches_keep_their_own_texts(tmp_path):
    for name, hosts in (("a", "xyx"), ("b", "zx")):
        with FolderStorage.create(tmp_path / name) as storage:
            for place, host in enumerate(hosts):
                storage.add(str(place), {}, index=-place)
                storage.mark(str(place), "running", host=host, worker=place)
    frame = ResearchResults([tmp_path / "a", tmp_path / "b"]).experiments
    assert frame["host"].tolist() == ["x", "y", "x", "x", "z"]
    assert frame["worker"].tolist() == [2, 1, 0, 1, 0]
    assert frame["research"].tolist() == ["a", "a", "a", "b", "b"]
