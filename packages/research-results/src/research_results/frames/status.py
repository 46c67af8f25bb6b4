"""What experiments are doing, how they ended and why they failed, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from research_results.disk.schema import FAILURE_COLUMNS, select_list

if TYPE_CHECKING:
    import sqlite3

    from research_results.reading.experiments import Experiments
    from research_results.reading.filters import Query
    from research_results.reading.reader import Reader

__all__ = ["experiments_frame", "failures_frame"]

_LAST_CAUSE = """(SELECT cause FROM failures WHERE failures.experiment = experiments.key
ORDER BY number DESC LIMIT 1)"""
_EXPERIMENTS = f"""SELECT key, id, status,
CASE WHEN status IN ('failed', 'lost') THEN {_LAST_CAUSE} END,
attempt, worker, device, started, elapsed_s, iterations
FROM experiments ORDER BY position, key"""  # noqa: S608  (no values of others)
_FAILURES = """SELECT experiments.key, id, status, failures.attempt, {columns}
FROM failures JOIN experiments ON experiments.key = failures.experiment ORDER BY position, key, number"""


def experiments_frame(reader: Reader, wanted: Query) -> pd.DataFrame:
    """Return one row for each experiment: what it is doing, or how it ended."""
    with reader.selected(wanted) as (connection, experiments):
        rows = _chosen(connection, _EXPERIMENTS, experiments)
        _, ids, status, causes, attempts, workers, devices, started, elapsed_s, iterations = _columns(
            rows, 10
        )
        return pd.DataFrame(
            {
                "id": _texts(ids),
                "status": _texts(status),
                "cause": _texts(causes),
                "attempts": _integers(attempts),
                "worker": _integers(workers),
                "device": _texts(devices),
                "started": _moments(started),
                "elapsed_s": _floats(elapsed_s),
                "iterations": _integers(iterations),
            }
        )


def failures_frame(reader: Reader, wanted: Query, *, every_attempt: bool) -> pd.DataFrame:
    """Return the last failure of each experiment that is failed or lost, or the failures of all attempts."""
    with reader.selected(wanted) as (connection, experiments):
        sql = _FAILURES.format(columns=select_list(connection, "failures", FAILURE_COLUMNS))
        rows = _chosen(connection, sql, experiments)
        if not every_attempt:
            ended = {row[0]: row for row in rows if row[2] in ("failed", "lost")}
            rows = list(ended.values())
        columns = {"id": str, "status": str, "attempt": int, **FAILURE_COLUMNS}
        _, *values = _columns(rows, 1 + len(columns))
        return pd.DataFrame(
            {
                name: _integers(column) if kind is int else _texts(column)
                for (name, kind), column in zip(columns.items(), values, strict=True)
            }
        )


def _chosen(connection: sqlite3.Connection, sql: str, experiments: Experiments) -> list[tuple[Any, ...]]:
    wanted = set(experiments.keys.tolist())
    return [row for row in connection.execute(sql) if row[0] in wanted]


def _columns(rows: list[tuple[Any, ...]], count: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _texts(values: tuple[Any, ...]) -> Any:
    texts = [None if value is None else str(value) for value in values]
    return pd.Series(texts, dtype=pd.Series(["text"]).dtype)


def _integers(values: tuple[Any, ...]) -> Any:
    return pd.array([None if value is None else int(value) for value in values], dtype="Int64")


def _floats(values: tuple[Any, ...]) -> Any:
    return pd.Series([None if value is None else float(value) for value in values], dtype="float64")


def _moments(values: tuple[Any, ...]) -> Any:
    """Return seconds since 1970 as times with a zone, to the microsecond."""
    micros = pd.array([None if value is None else round(float(value) * 1e6) for value in values], "Int64")
    return pd.to_datetime(pd.Series(micros), unit="us", utc=True)
