"""Pages of a table: what SQLite joins is what the rows hold, however they are divided into pages."""

import sqlite3
import threading
from contextlib import closing
from itertools import accumulate, chain, pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research_results import FolderStorage, ResearchResults
from research_results.errors import DamagedError
from research_results.frames import assembly
from research_results.reading import joined
from research_results.reading.joined import integers, joined_bytes, map_pages

COLUMNS = f"{joined_bytes('data')}, group_concat(key), group_concat(length(data))"


def table(rows):
    """Return a database in memory with a table of bytes by key."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE things (key INTEGER PRIMARY KEY, data BLOB)")
    connection.executemany("INSERT INTO things VALUES (?, ?)", sorted(rows.items()))
    return connection


def page(data, keys, lengths, *_):
    """Return the rows of a page."""
    ends = list(accumulate(integers(lengths).tolist(), initial=0))
    return [(key, data[begin:end]) for key, (begin, end) in zip(integers(keys), pairwise(ends), strict=True)]


@pytest.fixture
def small(monkeypatch):
    """Pages of few rows, the next one read in a thread while each is used."""
    monkeypatch.setattr(joined, "_FIRST_ROWS", 1)
    monkeypatch.setattr(joined, "_LARGE_BYTES", 0)


keys = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 20)


@settings(max_examples=50)
@given(st.dictionaries(keys, st.binary(min_size=1, max_size=9), max_size=20), st.sampled_from([1, 3, 512]))
def test_pages_are_the_rows_in_the_order_of_their_keys(rows, first):
    with pytest.MonkeyPatch.context() as patch, closing(table(rows)) as connection:
        patch.setattr(joined, "_FIRST_ROWS", first)
        patch.setattr(joined, "_LARGE_BYTES", 0)
        patch.setattr(joined, "_PAGE_BYTES", 16)
        found = chain.from_iterable(map_pages(page, connection, "things", "key", COLUMNS))
        assert list(found) == sorted(rows.items())


def test_pages_that_are_too_long_for_sqlite_are_divided():
    rows = {key: bytes([key]) * 100 for key in range(50)}
    with closing(table(rows)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 250)
        found = map_pages(page, connection, "things", "key", COLUMNS)
        assert list(chain.from_iterable(found)) == sorted(rows.items())
        assert max(map(len, found)) == 2
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 99)
        with pytest.raises(sqlite3.DataError):
            map_pages(page, connection, "things", "key", COLUMNS)


def test_conditions_choose_rows(small):
    rows = {key: bytes([key]) for key in range(20)}
    with closing(table(rows)) as connection:
        found = map_pages(page, connection, "things", "key", COLUMNS, "data > :least", {"least": b"\x0f"})
    assert list(chain.from_iterable(found)) == [(key, bytes([key])) for key in range(16, 20)]


def test_errors_of_the_other_thread_arrive_and_nothing_is_left_of_it(small):
    with closing(table(dict.fromkeys(range(-3, 9), b"x"))) as connection:
        before = threading.active_count()
        with pytest.raises(sqlite3.OperationalError, match="integer overflow"):
            map_pages(page, connection, "things", "key", f"{COLUMNS}, sum(9223372036854775807 + min(key, 0))")
        assert threading.active_count() == before


def test_errors_of_a_page_end_the_other_thread(small):
    def refuse(*_):
        raise DamagedError("table things", "it is refused")

    with closing(table(dict.fromkeys(range(9), b"x"))) as connection:
        before = threading.active_count()
        with pytest.raises(DamagedError, match="it is refused"):
            map_pages(refuse, connection, "things", "key", COLUMNS)
        assert threading.active_count() == before
        assert connection.execute("SELECT count(*) FROM things").fetchone() == (9,)


def no_thread(_):
    """Refuse to start, as at the end of the interpreter."""
    raise RuntimeError("can't start new thread")


def test_pages_are_read_where_no_thread_can_start(small, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    rows = dict.fromkeys(range(20), b"x")
    with closing(table(rows)) as connection:
        found = map_pages(page, connection, "things", "key", COLUMNS)
    assert list(chain.from_iterable(found)) == sorted(rows.items())


def written(folder, late):
    """Write numbers of several lengths and kinds, and last a value of another kind."""
    with FolderStorage.create(folder, {}) as storage:
        for number in range(20):
            storage.add(f"e{number}", {"x": number}, index=19 - number)
            values = {"loss": {step: number + step / 2 for step in range(number % 4 + 1)}, "n": {0: number}}
            storage.put(f"e{number}", values)
        storage.put("e19", {"late": late})
    return ResearchResults(folder)


@pytest.mark.parametrize("late", [{0: "text"}, {0: 1, 2: 2, 9: 3}, {0: 2.5}])
def test_frames_are_the_same_however_rows_are_divided(tmp_path, small, monkeypatch, late):
    results = written(tmp_path / "study", late)
    monkeypatch.setattr(assembly, "_MANY", 0)
    frame = results.df
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined, "_FIRST_ROWS", 512)
        pd.testing.assert_frame_equal(results.df, frame)
        patch.setattr(threading.Thread, "start", no_thread)
        pd.testing.assert_frame_equal(results.df, frame)
    assert frame["id"].drop_duplicates().tolist() == [f"e{number}" for number in range(19, -1, -1)]
    numbers = frame.groupby("id")["n"].first().to_dict()
    assert numbers == {f"e{number}": number for number in range(20)}


@pytest.mark.parametrize("value", ["x", "5,6", 1.5, b"\0", 2**62, -7])
def test_damage_of_one_row_among_many_is_damage(tmp_path, value):
    results = written(tmp_path / "study", {0: 2.5})
    for column in ("experiment", "variable", "kind", "count", "first", "step", "data", "checksum"):
        with closing(sqlite3.connect(tmp_path / "study" / "research.db", isolation_level=None)) as connection:
            ((before,),) = connection.execute(f"SELECT {column} FROM chunks WHERE chunk = 8")
            connection.execute(f"UPDATE chunks SET {column} = ? WHERE chunk = 8", (value,))
            with pytest.raises(DamagedError):
                print(column, results.df)
            connection.execute(f"UPDATE chunks SET {column} = ? WHERE chunk = 8", (before,))
    assert len(results.df) == 50
