"""What became of experiments, as frames and as a summary."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    import pandas as pd

    from research_results.reading.experiments import Experiments
    from research_results.reading.source import Source

__all__ = [
    "STATUSES",
    "Status",
    "Summary",
    "count_statuses",
    "experiments_frame",
    "failures_frame",
    "summarize",
]

Status: TypeAlias = Literal["queued", "running", "done", "failed", "lost"]

STATUSES: tuple[Status, ...] = ("queued", "running", "done", "failed", "lost")
"""What an experiment can be."""

_LAST_CAUSE = """(SELECT cause FROM failures WHERE failures.experiment = experiments.key
ORDER BY number DESC LIMIT 1)"""
_EXPERIMENTS = f"""SELECT key, id, status,
CASE WHEN status IN ('failed', 'lost') THEN {_LAST_CAUSE} END,
attempt, worker, device, started, elapsed_s, iterations
FROM experiments ORDER BY position, key"""  # noqa: S608  (no values of others)
_FAILURES = """SELECT experiments.key, number, id, status,
failures.attempt, cause, type, message, unit, iteration, traceback
FROM failures JOIN experiments ON experiments.key = failures.experiment ORDER BY position, key, number"""


def experiments_frame(connection: sqlite3.Connection, experiments: Experiments) -> pd.DataFrame:
    """Return one row for each experiment: what it is doing, or how it ended."""
    rows = _chosen(connection, _EXPERIMENTS, experiments)
    _, ids, status, causes, attempts, workers, devices, started, elapsed_s, iterations = _columns(rows, 10)
    return _frame(
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


def failures_frame(
    connection: sqlite3.Connection, experiments: Experiments, *, every_attempt: bool
) -> pd.DataFrame:
    """Return the last failure of each experiment that is failed or lost, or the failures of all attempts."""
    rows = _chosen(connection, _FAILURES, experiments)
    if not every_attempt:
        ended = {row[0]: row for row in rows if row[3] in ("failed", "lost")}
        rows = list(ended.values())
    _, _, ids, status, attempts, causes, types, messages, units, iterations, traces = _columns(rows, 11)
    return _frame(
        {
            "id": _texts(ids),
            "status": _texts(status),
            "attempt": _integers(attempts),
            "cause": _texts(causes),
            "type": _texts(types),
            "message": _texts(messages),
            "unit": _texts(units),
            "iteration": _integers(iterations),
            "traceback": _texts(traces),
        }
    )


def _chosen(connection: sqlite3.Connection, sql: str, experiments: Experiments) -> list[tuple[Any, ...]]:
    wanted = set(experiments.keys.tolist())
    return [row for row in connection.execute(sql) if row[0] in wanted]


def _columns(rows: list[tuple[Any, ...]], count: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd  # whoever wants a frame pays for pandas

    return pd.DataFrame(columns)


def _texts(values: tuple[Any, ...]) -> Any:
    import pandas as pd

    texts = [None if value is None else str(value) for value in values]
    return pd.Series(texts, dtype=pd.Series(["text"]).dtype)


def _integers(values: tuple[Any, ...]) -> Any:
    import pandas as pd

    return pd.array([None if value is None else int(value) for value in values], dtype="Int64")


def _floats(values: tuple[Any, ...]) -> Any:
    import pandas as pd

    return pd.Series([None if value is None else float(value) for value in values], dtype="float64")


def _moments(values: tuple[Any, ...]) -> Any:
    """Return seconds since 1970 as times with a zone, to the microsecond."""
    import pandas as pd

    micros = pd.array([None if value is None else round(float(value) * 1e6) for value in values], "Int64")
    return pd.to_datetime(pd.Series(micros), unit="us", utc=True)


@dataclass(frozen=True, slots=True)
class Summary:
    """A research in a few numbers.

    Attributes
    ----------
    name : str
        Its folder, or ``'memory'``.
    counts : dict
        Status to number of experiments, for each status that some have.
    parameters, variables : tuple of str
        Names, in the order of their first appearance.
    values : int
        How many values are stored.
    size_bytes : int
        What files take on disk; 0 in memory.
    elapsed_s : float
        Time that experiments took, all together, in seconds.
    """

    name: str
    counts: Mapping[str, int]
    parameters: tuple[str, ...]
    variables: tuple[str, ...]
    values: int
    size_bytes: int
    elapsed_s: float

    def __str__(self) -> str:
        width = max(len(label) for label, _ in self._rows())
        return "\n".join(f"{label:<{width}}  {text}" for label, text in self._rows())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in self._rows()
        )
        return f"<table>{rows}</table>"

    def _rows(self) -> list[tuple[str, str]]:
        states = ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "none"
        return [
            ("research", self.name),
            ("experiments", states),
            ("parameters", ", ".join(self.parameters) or "none"),
            ("variables", ", ".join(self.variables) or "none"),
            ("values", f"{self.values:,}"),
            ("on disk", f"{self.size_bytes / 1e6:,.1f} MB" if self.size_bytes else "nothing"),
            ("time", f"{self.elapsed_s:,.1f} s in experiments"),
        ]


def count_statuses(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many experiments have each status, for those that some have."""
    counts = dict(connection.execute("SELECT status, count(*) FROM experiments GROUP BY status").fetchall())
    return {status: int(counts[status]) for status in STATUSES if status in counts}


def summarize(connection: sqlite3.Connection, source: Source) -> Summary:
    """Return a research in a few numbers."""
    execute = connection.execute
    (values,) = execute("SELECT coalesce(sum(count), 0) FROM chunks").fetchone()
    (elapsed_s,) = execute("SELECT coalesce(sum(elapsed_s), 0) FROM experiments").fetchone()
    names = [str(row[0]) for row in execute("SELECT name FROM parameters ORDER BY parameter")]
    variables = [str(row[0]) for row in execute("SELECT name FROM variables ORDER BY variable")]
    return Summary(
        source.name,
        count_statuses(connection),
        tuple(dict.fromkeys(names)),
        tuple(variables),
        int(values),
        source.size_bytes(),
        float(elapsed_s),
    )
