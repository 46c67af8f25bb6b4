"""Rows of packed numbers, read for the table: columns of integers, and the data of each row.

Rows that do not fit into this form are not read here: values that are no numbers, lists of iterations, rows
without a checksum, and whatever is damaged in a way that shows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from research_results.codec.encoding import NUMBER_KINDS, number_dtype
from research_results.disk.checksums import head_checksums, intact_rows
from research_results.reading.experiments import Experiments, select_in
from research_results.reading.gather import Ints, Mask
from research_results.reading.joined import integers, joined_bytes, map_pages

KINDS = ("float", "int", "bool", "complex", *sorted(NUMBER_KINDS - {"float", "int", "bool", "complex"}))
"""Kinds of numbers; a row has the index of its kind."""

_ITEM_BYTES = np.array([number_dtype(kind).itemsize for kind in KINDS])


def _by_kind(numbers: Sequence[int]) -> str:
    """Return an expression of SQL for the number that belongs to the kind of a row; NULL for other kinds."""
    cases = (f"WHEN {kind!r} THEN {number}" for kind, number in zip(KINDS, numbers, strict=True))
    return f"CASE kind {' '.join(cases)} END"


_KIND, _DATA_BYTES = _by_kind(range(len(KINDS))), f"count * {_by_kind(_ITEM_BYTES.tolist())}"
_INTEGERS = ("chunk", "experiment", "variable", "count", "first", "step", "checksum")

IS_PACKED = " AND ".join(
    (
        *(f"typeof({name}) = 'integer'" for name in _INTEGERS),
        f"iterations IS NULL AND typeof(data) = 'blob' AND (length(data) = {_DATA_BYTES}) IS TRUE",
    )
)
"""The condition of rows that `read_packed` reads."""

_COLUMNS = ", ".join(
    ("count(iterations)", joined_bytes("data"), *(f"group_concat({each})" for each in (_KIND, *_INTEGERS)))
)
_IN_INTEGERS = b"-,0123456789"


class PackedRows(NamedTuple):
    """Rows of numbers, column by column, those of each experiment in the order of writing."""

    kinds: Ints
    numbers: Ints
    experiments: Ints
    variables: Ints
    counts: Ints
    firsts: Ints
    steps: Ints
    """Index of the kind in `KINDS`, number of the row, keys of its experiment and variable, number of values,
    first iteration, and step from one to the next; length N.
    """
    intact: Mask
    """Whether it is what was written; length N."""
    data: np.ndarray[Any, np.dtype[np.uint8]]
    """The numbers of all rows, one after another."""

    def numbers_of(self, rows: Ints) -> Any:
        """Return the bytes of the numbers of some rows."""
        lengths = self.counts * _ITEM_BYTES[self.kinds]
        if len(rows) and (lengths == lengths[0]).all():
            return self.data.reshape(len(lengths), lengths[0])[rows]
        begins, ends = (np.cumsum(lengths) - lengths)[rows].tolist(), np.cumsum(lengths)[rows].tolist()
        return b"".join(map(self.data.data.__getitem__, map(slice, begins, ends)))


_NONE = PackedRows._make([*[np.empty(0, np.int64)] * 7, np.empty(0, np.bool_), np.empty(0, np.uint8)])


def chunks_where(condition: str, experiments: Experiments, variables: Sequence[int] | None) -> str:
    """Return the condition of rows of the table of values; rows of other experiments may be among them."""
    keys = None if experiments.complete else experiments.keys.tolist()
    return f"{condition} AND {select_in('experiment', keys)} AND {select_in('variable', variables)}"


def read_packed(
    connection: sqlite3.Connection, experiments: Experiments, variables: Sequence[int] | None
) -> tuple[PackedRows, bool]:
    """Read rows of numbers, of some variables or all, and tell whether there are others.

    Where many experiments are asked for, rows of others may be among them.
    """

    def pages(condition: str) -> list[PackedRows]:
        where = chunks_where(condition, experiments, variables)
        return map_pages(_page, connection, "chunks", "chunk", _COLUMNS, where)

    try:
        found, there_are_others = pages("1"), False  # to test each row takes SQLite half as long again
    except _OtherRowsError:
        found, there_are_others = pages(IS_PACKED), True
    return PackedRows._make(map(np.concatenate, zip(_NONE, *found, strict=True))), there_are_others


class _OtherRowsError(Exception):
    """A page has rows that are not packed numbers."""


def _page(listed: int, joined: bytes | None, *texts: str | None) -> PackedRows:
    """Return the rows of a page, in which SQLite leaves out NULL."""
    if "".join(filter(None, texts)).encode().translate(None, _IN_INTEGERS):
        raise _OtherRowsError
    *columns, checksums = map(integers, texts)
    kinds, *heads = columns
    if listed or joined is None or {len(column) for column in columns} != {len(checksums)}:
        raise _OtherRowsError
    lengths = heads[3] * _ITEM_BYTES[kinds]
    if lengths.sum() != len(joined) or (lengths < 0).any():
        raise _OtherRowsError
    begun = np.empty(len(kinds), np.uint32)
    for kind in np.unique(kinds).tolist():
        own = kinds == kind
        begun[own] = head_checksums([each[own] for each in heads], (KINDS[kind], None, None, None, None))
    intact = intact_rows(joined, lengths, begun, checksums)
    return PackedRows._make([*columns, intact, np.frombuffer(joined, np.uint8)])
