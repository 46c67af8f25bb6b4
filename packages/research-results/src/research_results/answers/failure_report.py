"""The report of failures, grouped by what they have in common."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from operator import itemgetter

from research_domain import FailedExperiment, FailureReport, group_failures
from research_results.reading.distinct import different, distinct_values
from research_results.reading.filters import Query
from research_results.reading.reader import Questions
from research_results.reading.selected import Selected

_ENDED = "SELECT key, host FROM experiments WHERE status IN ('done', 'failed')"
_LAST = """SELECT experiments.key, CAST(coalesce(cause, '') AS TEXT), CAST(coalesce(type, '') AS TEXT),
CAST(coalesce(message, '') AS TEXT), CAST(unit AS TEXT),
CASE typeof(iteration) WHEN 'integer' THEN iteration END, max(number)
FROM failures JOIN experiments ON experiments.key = failures.experiment WHERE status = 'failed'
GROUP BY experiments.key ORDER BY position, experiments.key"""
"""The last failure of each experiment as `FailedExperiment` has it, without its traceback; and its number."""

_TRACEBACK = """SELECT CAST(coalesce(traceback, '') AS TEXT) FROM failures WHERE experiment = ?
ORDER BY number DESC LIMIT 1"""


def failure_report(reader: Questions, wanted: Query) -> FailureReport:
    """Group the failures of the experiments that a filter lets through; interrupted ones have not failed."""
    with reader.selected(wanted) as selected:
        names, configs = selected.experiments.names, _configs(selected)
        owners, (hosts,) = selected.rows(_ENDED)
        ended = {
            names[index]: configs[index] if host is None else {"host": str(host), **configs[index]}
            for index, host in sorted(zip(owners.tolist(), hosts, strict=True), key=itemgetter(0))
        }
        failed, columns = selected.rows(_LAST)
        rows = zip([names[index] for index in failed.tolist()], *columns[:-1], repeat(""))
        report = group_failures(map(FailedExperiment._make, rows), ended)
        index_of = {names[index]: index for index in failed.tolist()}
        groups = []
        for group in report.groups:  # only the traceback of the first failure is read
            ((traceback,),) = selected.rows_of(index_of[group.first.id], _TRACEBACK)
            groups.append(replace(group, first=group.first._replace(traceback=traceback)))
    return replace(report, groups=tuple(groups))


def _configs(selected: Selected) -> list[dict[str, str]]:
    """Return parameter to text of each config; only equal values have equal texts."""
    rows: list[dict[str, str]] = [{} for _ in range(len(selected.experiments))]
    for column in selected.config_table().columns(lambda _: True):
        numbers, options = distinct_values(column)
        texts = different([option.alias for option in options])
        for row, number in zip(rows, numbers.tolist(), strict=True):
            if number >= 0:
                row[column.parameter.name] = texts[number]
    return rows
