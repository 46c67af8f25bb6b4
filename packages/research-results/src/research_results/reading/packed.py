"""Rows of packed numbers, read for the table: a few integers and the data of each row.

SQLite's module takes most of its time for each value that it hands over, whatever that is. What is small in
a row therefore comes as parts of two integers, which are taken apart for all rows at once. Rows that do not
fit into this form are not read here: values that are no numbers, lists of iterations, rows without a
checksum, and whatever is damaged in a way that shows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from research_results.codec.encoding import NUMBER_KINDS
from research_results.reading.experiments import Experiments, select_in
from research_results.reading.gather import Ints
from research_results.reading.rows import columns_of

KINDS = ("float", "int", "bool", "complex", *sorted(NUMBER_KINDS - {"float", "int", "bool", "complex"}))
"""Kinds of numbers; a row has the index of its kind."""

_KIND_BITS, _VARIABLE_BITS, _STEP_BITS, _FIRST_BITS = 5, 20, 10, 28
"""Parts of one integer of 63 bits, the lowest first."""

_CHECKSUM_BITS = 32
_EXPERIMENT_BITS = 31

_CASES = " ".join(f"WHEN '{kind}' THEN {index}" for index, kind in enumerate(KINDS))
_LIMITS = {
    "checksum": _CHECKSUM_BITS,
    "experiment": _EXPERIMENT_BITS,
    "first": _FIRST_BITS,
    "step": _STEP_BITS,
    "variable": _VARIABLE_BITS,
}
_FITS = " AND ".join(f"{column} BETWEEN 0 AND {2**bits - 1}" for column, bits in _LIMITS.items())
_STEP_AT = _KIND_BITS + _VARIABLE_BITS
_FIRST_AT = _STEP_AT + _STEP_BITS
_SPAN = (
    f"CASE WHEN iterations IS NULL AND typeof(data) = 'blob' AND {_FITS} THEN (first << {_FIRST_AT}) | "
    f"(step << {_STEP_AT}) | (variable << {_KIND_BITS}) | CASE kind {_CASES} END END"
)
_WHOSE = f"(experiment << {_CHECKSUM_BITS}) | checksum"
_DATA = f"CASE kind {' '.join(f'WHEN {kind!r} THEN data' for kind in KINDS)} END"

IS_PACKED = f"({_SPAN}) NOT NULL"
"""The condition of rows that `read_packed` reads."""


class PackedRows(NamedTuple):
    """Rows of numbers, column by column, in the order of writing."""

    numbers: Ints
    experiments: Ints
    variables: Ints
    kinds: Ints
    firsts: Ints
    steps: Ints
    checksums: Ints
    """Number of the row, keys of its experiment and variable, index of its kind in `KINDS`, first iteration,
    step from one to the next, and checksum; length N.
    """
    data: list[bytes]
    """The numbers of each row; length N."""


def chunks_where(
    columns: str, condition: str, experiments: Experiments, variables: Sequence[int] | None
) -> tuple[str, list[int]]:
    """Return the statement that reads rows of the table of values, and its arguments."""
    keys = None if experiments.complete else experiments.keys.tolist()
    by_experiment, some = select_in("experiment", keys)
    by_variable, others = select_in("variable", variables)
    where = f"{condition} AND {by_experiment} AND {by_variable}"
    sql = f"SELECT {columns} FROM chunks WHERE {where} ORDER BY chunk"  # noqa: S608  (only our words)
    return sql, [*some, *others]


def read_packed(
    connection: sqlite3.Connection, experiments: Experiments, variables: Sequence[int] | None
) -> tuple[PackedRows, bool]:
    """Read rows of numbers, of some variables or all, and tell whether there are others.

    Where many experiments are asked for, rows of others may be among them.
    """
    wanted = chunks_where(f"chunk, {_WHOSE}, {_SPAN}, {_DATA}", "1", experiments, variables)
    columns = columns_of(connection.execute(*wanted))
    *_, spans, _ = columns
    there_are_others = None in spans
    if there_are_others:
        kept = [index for index, span in enumerate(spans) if span is not None]
        columns = tuple([column[index] for index in kept] for column in columns)
    numbers, whose, spans, data = columns
    span, who = np.array(spans, np.int64), np.array(whose, np.int64)
    rows = PackedRows(
        np.array(numbers, np.int64),
        who >> _CHECKSUM_BITS,
        span >> _KIND_BITS & 2**_VARIABLE_BITS - 1,
        span & 2**_KIND_BITS - 1,
        span >> _FIRST_AT,
        span >> _STEP_AT & 2**_STEP_BITS - 1,
        who & 2**_CHECKSUM_BITS - 1,
        data,
    )
    return rows, there_are_others
