"""Why experiments failed, grouped by what the failures share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from research_domain import FailedExperiment, group_failures
from research_results.reading.distinct import different, distinct_values

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from research_domain import FailureGroup, FailureReport
    from research_results.reading.experiments import Experiments
    from research_results.reading.filters import Query
    from research_results.reading.reader import Reader

__all__ = ["failure_report"]

_ENDED = "SELECT key, host FROM experiments WHERE status IN ('done', 'failed')"
_LAST = """SELECT id, CAST(coalesce(cause, '') AS TEXT), CAST(coalesce(type, '') AS TEXT),
CAST(coalesce(message, '') AS TEXT), CAST(unit AS TEXT),
CASE typeof(iteration) WHEN 'integer' THEN iteration END, '', experiments.key, max(number)
FROM failures JOIN experiments ON experiments.key = failures.experiment WHERE status = 'failed'
GROUP BY experiments.key ORDER BY position, experiments.key"""
"""The last failure of each experiment as `FailedExperiment` has it, without its traceback; key and number."""

_TRACEBACK = "SELECT CAST(coalesce(traceback, '') AS TEXT) FROM failures WHERE number = ?"


def failure_report(reader: Reader, wanted: Query) -> FailureReport:
    """Group the failures of the experiments that a filter lets through; interrupted ones have not failed."""
    with reader.selected(wanted) as (connection, experiments):
        hosts = dict(connection.execute(_ENDED))
        chosen = set(experiments.keys.tolist())
        rows = [row for row in connection.execute(_LAST) if row[-2] in chosen]
        configs = _configs(reader, connection, experiments)
        ended = {
            name: config if hosts[key] is None else {"host": str(hosts[key]), **config}
            for key, name, config in zip(experiments.keys.tolist(), experiments.ids, configs, strict=True)
            if key in hosts
        }
        report = group_failures((FailedExperiment._make(row[:-2]) for row in rows), ended)
        numbers = {row[0]: row[-1] for row in rows}
        groups = [_with_traceback(group, connection, numbers) for group in report.groups]
    return replace(report, groups=tuple(groups))


def _with_traceback(
    group: FailureGroup, connection: sqlite3.Connection, numbers: Mapping[str, int]
) -> FailureGroup:
    """Return a group with the traceback of its first failure: the others are not read."""
    ((traceback,),) = connection.execute(_TRACEBACK, (numbers[group.first.id],))
    return replace(group, first=group.first._replace(traceback=traceback))


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
