"""Rows of one transaction, written together when it ends or before they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from research_results.disk.database import Database
from research_results.errors import DamagedError

_OPTIONS = (
    *("option", "parameter", "alias", "kind", "type", "text", "data", "blob", "digest", "given"),
    *("lasting_name", "checksum"),
)
RAN = ("status", "attempt", "worker", "host", "device", "code", "started", "iterations", "elapsed_s")
"""Columns of experiments that an attempt fills."""

_DONE = ("key", "id", "position", "config", "digest", "checksum", *RAN)
_CHUNKS = (
    *("chunk", "experiment", "variable", "kind", "count", "first", "step", "iterations", "type", "text"),
    *("data", "blob", "checksum"),
)
_CHANGES = ("revision", "experiment", "change", "attempt")
_OF_AN_ATTEMPT = "(?, ?, 'queued', NULL), (?, ?, 'running', ?), (?, ?, 'done', ?)"
_AT_ONCE = 32
_IS_THERE = "SELECT count(*) FROM experiments WHERE key = ? AND id = ?"


class PendingRows:
    """Rows that wait: experiments and changes of them, one row for each, values and revisions.

    `done` are experiments that are new and done, and `attempts` the three changes of each of them: revision
    and key of the first, then revision, key and number of the attempt of the others. `options`, `chunks` and
    `changes` are rows of the tables of these names. The values of all rows lie one after another.
    """

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.attempts: list[int] = []
        self.options: list[Any] = []
        self.chunks: list[Any] = []
        self.changes: list[Any] = []
        self._added: dict[int, dict[str, Any]] = {}
        self._updated: dict[int, dict[str, Any]] = {}

    def add(self, key: int, columns: dict[str, Any]) -> None:
        """Note an experiment that is not there yet."""
        self._added[key] = columns

    def update(self, key: int, experiment_id: str, columns: Mapping[str, Any]) -> None:
        """Note new values of some columns of an experiment."""
        added = self._added.get(key)
        if added is not None:
            added.update(columns)
        else:
            self._updated.setdefault(key, {"id": experiment_id}).update(columns)

    def write(self, database: Database) -> None:
        """Write all rows, and forget them; DamagedError if an experiment is not there any more."""
        _insert(database, "options", _OPTIONS, self.options)
        _insert(database, "experiments", _DONE, self.done)
        _execute(database, "changes", _CHANGES, self.attempts, _OF_AN_ATTEMPT)
        for names, rows in _grouped(self._added):
            marks = ", ".join("?" * (len(names) + 1))
            insert = f"INSERT INTO experiments (key, {', '.join(names)}) VALUES ({marks})"  # noqa: S608  (ours)
            database.executemany(insert, [(key, *columns) for key, columns in rows])
        for names, rows in _grouped(self._updated):
            changes = ", ".join(f"{name} = ?" for name in names[1:])
            sql = f"UPDATE experiments SET {changes} WHERE key = ? AND id = ?"  # noqa: S608  (our columns)
            values = [(*columns[1:], key, columns[0]) for key, columns in rows]
            if database.executemany(sql, values).rowcount != len(rows):
                self._refuse(database)
        _insert(database, "chunks", _CHUNKS, self.chunks)
        _insert(database, "changes", _CHANGES, self.changes)
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        for values in (self.done, self.attempts, self.options, self.chunks, self.changes):
            values.clear()
        self._added.clear()
        self._updated.clear()

    def _refuse(self, database: Database) -> None:
        """Name an experiment whose row is not there, or is there more than once."""
        for key, columns in self._updated.items():
            (count,) = database.execute(_IS_THERE, (key, columns["id"])).fetchone()
            if count != 1:
                reason = f"a change of its status reached {count} rows of table experiments instead of one"
                raise DamagedError(f"experiment {columns['id']!r}", reason)
        raise DamagedError("table experiments", "changes of statuses did not reach one row each")


def _insert(database: Database, table: str, columns: Iterable[str], values: list[Any]) -> None:
    """Write rows of a table, without the columns that are empty in all of them.

    The module sqlite3 looks for an adapter of each value that is None or bytes, which takes longer than the
    rest of an insert; it looks for none of numbers, texts and byte arrays.
    """
    filled = list(columns)
    for place in reversed(range(len(filled) if values else 0)):
        column = slice(place, None, len(filled))
        if values[place] is None and values[column].count(None) * len(filled) == len(values):
            del values[column], filled[place]
    _execute(database, table, filled, values, f"(?{', ?' * (len(filled) - 1)})")


def _execute(database: Database, table: str, columns: Iterable[str], values: list[Any], marks: str) -> None:
    """Write rows, each with its `marks`, many by one statement, which is faster than one for each row."""
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608  (ours)
    width = marks.count("?")
    many = len(values) - len(values) % (_AT_ONCE * width)
    for at_once, begin, end in ((_AT_ONCE, 0, many), (1, many, len(values))):
        if begin < end:
            size = at_once * width
            rows = [values[at : at + size] for at in range(begin, end, size)]
            database.executemany(insert + ", ".join([marks] * at_once), rows)


_Group: TypeAlias = list[tuple[int, tuple[Any, ...]]]


def _grouped(experiments: Mapping[int, Mapping[str, Any]]) -> Iterable[tuple[tuple[str, ...], _Group]]:
    """Return keys and values of experiments that have the same columns."""
    groups: dict[tuple[str, ...], _Group] = {}
    for key, columns in experiments.items():
        groups.setdefault(tuple(columns), []).append((key, tuple(columns.values())))
    return groups.items()
