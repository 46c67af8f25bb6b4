"""Why experiments failed, grouped by what the failures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_domain import FailedExperiment, group_failures
from research_results.disk.schema import FAILURE_COLUMNS
from research_results.reading.distinct import different, distinct_values
from research_results.reading.failures import last_failures, read_failures

if TYPE_CHECKING:
    import sqlite3

    from research_domain import FailureReport
    from research_results.reading.experiments import Experiments
    from research_results.reading.filters import Query
    from research_results.reading.reader import Reader

__all__ = ["failure_report"]

_ENDED = "SELECT key, host FROM experiments WHERE status IN ('done', 'failed')"
_COLUMNS = ("key", "id", "status", "attempt", *FAILURE_COLUMNS)
_CAUSE, _TYPE, _MESSAGE, _UNIT, _ITERATION, _TRACEBACK = map(
    _COLUMNS.index, ("cause", "type", "message", "unit", "iteration", "traceback")
)


def failure_report(reader: Reader, wanted: Query) -> FailureReport:
    """Group the failures of the experiments that a filter lets through; interrupted ones have not failed."""
    with reader.selected(wanted) as (connection, experiments):
        hosts = dict(connection.execute(_ENDED))
        rows = last_failures(read_failures(connection, experiments))
        configs = _configs(reader, connection, experiments)
    of_ended = {
        name: config if hosts[key] is None else {"host": str(hosts[key]), **config}
        for key, name, config in zip(experiments.keys.tolist(), experiments.ids, configs, strict=True)
        if key in hosts
    }
    return group_failures((_failure(row) for row in rows if row[2] == "failed"), of_ended)


def _failure(row: tuple[Any, ...]) -> FailedExperiment:
    unit, iteration = row[_UNIT], row[_ITERATION]
    return FailedExperiment(
        str(row[1]),
        str(row[_CAUSE] or ""),
        str(row[_TYPE] or ""),
        str(row[_MESSAGE] or ""),
        None if unit is None else str(unit),
        iteration if isinstance(iteration, int) else None,
        str(row[_TRACEBACK] or ""),
    )


def _configs(
    reader: Reader, connection: sqlite3.Connection, experiments: Experiments
) -> list[dict[str, str]]:
    """Return parameter to text of each config; only equal values have equal texts."""
    rows: list[dict[str, str]] = [{} for _ in range(len(experiments))]
    for column in reader.config_table(connection, experiments).columns(lambda _: True):
        numbers, options = distinct_values(column)
        texts = different([option.alias for option in options])
        for row, number in zip(rows, numbers.tolist(), strict=True):
            if number >= 0:
                row[column.parameter.name] = texts[number]
    return rows
