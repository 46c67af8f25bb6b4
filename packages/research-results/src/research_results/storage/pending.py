"""Rows of one transaction that are written together, when it ends or before somebody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from research_results.disk.database import Database

__all__ = ["PendingRows"]

_PUT = """INSERT INTO chunks
(chunk, experiment, variable, kind, count, first, step, iterations, type, text, data, blob, checksum)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"""
_CHANGE = "INSERT INTO changes (revision, experiment, change, attempt) VALUES (?,?,?,?)"
_IS_THERE = "SELECT count(*) FROM experiments WHERE key = ? AND id = ?"


class PendingRows:
    """Rows that wait: changes of experiments, which become one for each experiment, values and revisions.

    Attributes
    ----------
    chunks : list of tuple
        Rows of the table of values.
    changes : list of tuple
        Rows of the table of changes.
    """

    def __init__(self) -> None:
        self.chunks: list[tuple[Any, ...]] = []
        self.changes: list[tuple[int, int, str, int | None]] = []
        self._experiments: dict[tuple[int, str], dict[str, Any]] = {}

    def update(self, key: int, experiment_id: str, columns: Mapping[str, Any]) -> None:
        """Note new values of some columns of an experiment."""
        self._experiments.setdefault((key, experiment_id), {}).update(columns)

    def write(self, database: Database) -> None:
        """Write all rows, and forget them.

        Raises
        ------
        DamagedError
            If an experiment is not there any more.
        """
        if self._experiments:
            self._update_experiments(database)
        if self.chunks:
            database.executemany(_PUT, self.chunks)
        if self.changes:
            database.executemany(_CHANGE, self.changes)
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.chunks.clear()
        self.changes.clear()
        self._experiments.clear()

    def _update_experiments(self, database: Database) -> None:
        groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for place, columns in self._experiments.items():
            groups.setdefault(tuple(columns), []).append((*columns.values(), *place))
        for names, rows in groups.items():
            changes = ", ".join(f"{name} = ?" for name in names)
            sql = f"UPDATE experiments SET {changes} WHERE key = ? AND id = ?"  # noqa: S608  (our columns)
            if database.executemany(sql, rows).rowcount != len(rows):
                self._refuse(database)

    def _refuse(self, database: Database) -> None:
        """Name an experiment whose row is not there, or is there more than once."""
        for place in self._experiments:
            (count,) = database.execute(_IS_THERE, place).fetchone()
            if count != 1:
                reason = f"a change of its status reached {count} rows of table experiments instead of one"
                raise DamagedError(f"experiment {place[1]!r}", reason)
        raise DamagedError("table experiments", "changes of statuses did not reach one row each")
