"""What learning curves are drawn from: numbers of variables, and which parameters tell experiments apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from research_results.plotting.curves import CurveData, CurveParameter, CurveVariable, shortened
from research_results.reading.distinct import different, distinct_values
from research_results.reading.numbers import as_floats

if TYPE_CHECKING:
    from research_results.reading.columns import Column
    from research_results.reading.configs import ConfigColumn
    from research_results.reading.filters import Query
    from research_results.reading.gather import Ints
    from research_results.reading.reader import Reader

__all__ = ["read_curves"]

_ABSENT = "nan"


def read_curves(reader: Reader, wanted: Query) -> CurveData:
    """Read what a filter lets through as curves are drawn from it."""
    with reader.selected(wanted) as (connection, experiments):
        columns = reader.columns(connection, experiments, wanted)
        table = reader.config_table(connection, experiments)
        parameters = [_parameter(column) for column in table.columns(lambda _: True)]
    owners = [column.experiments for column in columns.values()]
    present = np.unique(np.concatenate([np.empty(0, np.int64), *owners]))
    return CurveData(
        len(present),
        {name: _variable(column, present) for name, column in columns.items()},
        [replace(parameter, codes=parameter.codes[present]) for parameter in parameters],
    )


def _variable(column: Column, present: Ints) -> CurveVariable | None:
    """Return numbers of the experiments that have values at all, under their numbers among these."""
    values = as_floats(column.values)
    if values is None:
        return None
    return CurveVariable(np.searchsorted(present, column.experiments), column.iterations, values)


def _parameter(column: ConfigColumn) -> CurveParameter:
    """Return a parameter with a number and a label for each of its values that differ."""
    codes, shown = distinct_values(column)
    name, alias = column.parameter.name, column.parameter.alias
    labels = (*different([shortened(option.alias) for option in shown]), _ABSENT)
    return CurveParameter(name, alias, column.parameter.is_auxiliary, codes, labels)
