"""Rows of a table, joined by SQLite page by page and handed over in one piece.

SQLite's module takes most of its time for each row and each value that it hands over. Here `group_concat`
joins a column: integers as text, which numpy reads at once, and bytes as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np

from research_results.reading.gather import Ints

T = TypeVar("T")

_FIRST_ROWS = 512
_PAGE_BYTES = 4 * 2**20
"""Size of a page: little for the memory, much for one statement. The first one has so many rows."""
_LARGE_BYTES = 2**19
"""Size of a page behind which a thread reads the next one."""
_MOST = 2**63 - 1


def joined_bytes(expression: str) -> str:
    """Return an expression of SQL for the bytes of all rows, one after another."""
    return f"CAST(group_concat({expression}, '') AS BLOB)"


def integers(text: str | None) -> Ints:
    """Return the integers that `group_concat` has joined; it leaves out NULL."""
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)


def map_pages(
    make: Callable[..., T],
    connection: sqlite3.Connection,
    table: str,
    key: str,
    columns: str,
    condition: str = "1",
    given: Mapping[str, Any] | None = None,
) -> list[T]:
    """Return what a function makes of the `columns`, aggregates of SQL, of each page of a table.

    Pages are in the order of the key. While one is used, a thread reads the next one.
    """
    pages = _pages(connection, table, key, columns, condition, given or {})
    read: Callable[[], tuple[Any, ...] | None] = partial(next, pages, None)
    made = []
    with ThreadPoolExecutor(max_workers=1) as thread:
        page = read()
        while page is not None:
            following = ahead(thread, read, alone=_size(page) <= _LARGE_BYTES)
            made.append(make(*page))
            page = following()
    return made


def ahead(thread: ThreadPoolExecutor, call: Callable[[], T], *, alone: bool) -> Callable[[], T]:
    """Begin a call in a thread, and return what waits for its end; the call itself where no thread starts."""
    try:
        return call if alone else thread.submit(call).result
    except RuntimeError:  # no thread can start any more, as at the end of the interpreter
        thread.shutdown(wait=False)
        return call


def _pages(
    connection: sqlite3.Connection,
    table: str,
    key: str,
    columns: str,
    condition: str,
    given: Mapping[str, Any],
) -> Iterator[tuple[Any, ...]]:
    begin, rows = -(2**63), _FIRST_ROWS
    first = f"SELECT min({key}) FROM {table} WHERE {key} >= :begin AND {condition}"  # noqa: S608  (our words)
    joined = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN :begin AND :end AND {condition}"  # noqa: S608
    while begin <= _MOST:
        (begin,) = connection.execute(first, {**given, "begin": begin}).fetchone()
        if begin is None:
            return
        end = min(begin + rows - 1, _MOST)
        try:
            page = connection.execute(joined, {**given, "begin": begin, "end": end}).fetchone()
        except sqlite3.DataError:  # longer than SQLite can join
            if rows == 1:
                raise
            rows //= 2
            continue
        yield page
        rows = max(1, min(8 * rows, rows * _PAGE_BYTES // max(1, _size(page))))
        begin = end + 1


def _size(page: tuple[Any, ...]) -> int:
    return sum(len(each) for each in page if isinstance(each, (str, bytes)))
