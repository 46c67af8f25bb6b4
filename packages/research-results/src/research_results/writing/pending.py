"""Rows of one transaction, written together when it ends or before they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress, count
from operator import itemgetter
from typing import Any, TypeAlias

from research_results.disk.database import Database
from research_results.errors import DamagedError

_OPTIONS = (
    *("option", "parameter", "alias", "kind", "type", "text", "data", "blob", "digest", "given"),
    *("lasting_name", "checksum"),
)
_DONE = (
    *("key", "id", "position", "config", "digest", "checksum", "status", "attempt", "worker", "host"),
    *("device", "code", "started", "iterations", "elapsed_s"),
)
_CHUNKS = (
    *("chunk", "experiment", "variable", "kind", "count", "first", "step", "iterations", "type", "text"),
    *("data", "blob", "checksum"),
)
_CHANGES = ("revision", "experiment", "change", "attempt")
_CHANGES_OF_AN_ATTEMPT = "(?, ?, 'queued', NULL), (?, ?, 'running', ?), (?, ?, 'done', ?)"
_AT_ONCE = 32
_IS_THERE = "SELECT count(*) FROM experiments WHERE key = ? AND id = ?"


class PendingRows:
    """Rows that wait: experiments and changes of them, one row for each, values and revisions.

    `done` are experiments that are new and done, and `attempts` the revision of their first change, their
    key, the revision of their last one, and the number of the attempt. `options`, `chunks` and `changes` are
    rows of the tables of these names.
    """

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.attempts: list[tuple[int, int, int, int]] = []
        self.options: list[tuple[Any, ...]] = []
        self.chunks: list[tuple[Any, ...]] = []
        self.changes: list[tuple[int, int, str, int | None]] = []
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
        ended = [
            (revision, key, revision + 1, key, attempt, last, key, attempt)
            for revision, key, last, attempt in self.attempts
        ]
        _execute(database, "changes", _CHANGES, ended, _CHANGES_OF_AN_ATTEMPT)
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
        self.done.clear()
        self.attempts.clear()
        self.options.clear()
        self.chunks.clear()
        self.changes.clear()
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


def _insert(database: Database, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows of a table, without the columns that are empty in all of them.

    The module sqlite3 looks for an adapter of each value that is None or bytes, which takes longer than the
    rest of an insert; it looks for none of numbers, texts and byte arrays.
    """
    columns_of_rows = zip(*rows, strict=True)
    filled = [column[0] is not None or column.count(None) < len(rows) for column in columns_of_rows]
    if not all(filled):
        pick = itemgetter(*compress(count(), filled))
        columns, rows = pick(columns), list(map(pick, rows))
    marks = f"(?{', ?' * (len(columns) - 1)})"
    _execute(database, table, columns, rows, marks)


def _execute(
    database: Database,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    marks: str,
) -> None:
    """Write rows, many by one statement each, which is faster than a statement for each row.

    `marks` stands for a row in a statement.
    """
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608  (ours)
    many = len(rows) // _AT_ONCE * _AT_ONCE
    batches = [tuple(chain.from_iterable(rows[at : at + _AT_ONCE])) for at in range(0, many, _AT_ONCE)]
    for at_once, values in ((_AT_ONCE, batches), (1, rows[many:])):
        if values:
            database.executemany(insert + ", ".join([marks] * at_once), values)


_Group: TypeAlias = list[tuple[int, tuple[Any, ...]]]


def _grouped(experiments: Mapping[int, Mapping[str, Any]]) -> Iterable[tuple[tuple[str, ...], _Group]]:
    """Return keys and values of experiments that have the same columns."""
    groups: dict[tuple[str, ...], _Group] = {}
    for key, columns in experiments.items():
        groups.setdefault(tuple(columns), []).append((key, tuple(columns.values())))
    return groups.items()
