"""Rows about failures, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.disk.schema import FAILURE_COLUMNS

if TYPE_CHECKING:
    from research_results.reading.gather import Ints
    from research_results.reading.selected import Selected

__all__ = ["read_failures"]

_FAILURES = """SELECT experiments.key, status, failures.attempt, {columns}
FROM failures JOIN experiments ON experiments.key = failures.experiment ORDER BY position, key, number"""
_LAST = """SELECT experiments.key, status, failures.attempt, {columns}, max(number)
FROM failures JOIN experiments ON experiments.key = failures.experiment
WHERE status IN ('failed', 'lost') GROUP BY experiments.key ORDER BY position, experiments.key"""


def read_failures(selected: Selected, *, last: bool) -> tuple[Ints, list[list[Any]]]:
    """Return the experiment of each failure, and the columns status, attempt and `FAILURE_COLUMNS`, in order.

    With `last` only the last one of each that is failed or lost.
    """
    names = ", ".join(f"failures.{name}" for name in FAILURE_COLUMNS)
    owners, columns = selected.rows((_LAST if last else _FAILURES).format(columns=names))
    return owners, columns[: 2 + len(FAILURE_COLUMNS)]
