"""Rows about failures, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.disk.schema import FAILURE_COLUMNS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from research_results.reading.experiments import Experiments

__all__ = ["chosen_rows", "last_failures", "read_failures"]

_FAILURES = """SELECT experiments.key, id, status, failures.attempt, {columns}
FROM failures JOIN experiments ON experiments.key = failures.experiment ORDER BY position, key, number"""


def read_failures(connection: sqlite3.Connection, experiments: Experiments) -> list[tuple[Any, ...]]:
    """Return key, id, status, attempt and `FAILURE_COLUMNS` of all failures, in order."""
    sql = _FAILURES.format(columns=", ".join(f"failures.{name}" for name in FAILURE_COLUMNS))
    return chosen_rows(connection, sql, experiments)


def last_failures(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the last failure of each experiment that is failed or lost."""
    return list({row[0]: row for row in rows if row[2] in ("failed", "lost")}.values())


def chosen_rows(connection: sqlite3.Connection, sql: str, experiments: Experiments) -> list[tuple[Any, ...]]:
    """Return the rows of a statement whose first column is the key of one of some experiments."""
    wanted = set(experiments.keys.tolist())
    return [row for row in connection.execute(sql) if row[0] in wanted]
