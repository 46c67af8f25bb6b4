"""Columns of the table of experiments, each handed over in one piece.

SQLite's module takes most of its time for each row and each value that it hands over. Here SQLite joins all
rows: numbers are packed by a function of SQL that is a method of `struct.Struct`, and numpy reads the bytes;
of texts the different ones are read, and each row has the number of its own.

The functions of SQL are written in C. In one of Python a signal could raise its exception, which SQLite's
module would turn into an error of the database.
"""

from __future__ import annotations

import sqlite3
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from research_results.reading.gather import Array, Ints, Mask
from research_results.reading.rows import INT, OPTIONAL_INT, OPTIONAL_NUMBER, check_column, columns_of

_NO_INT, _NO_FLOAT = -(2**63), -sys.float_info.max
"""What stands for NULL among packed numbers."""

_PAGE = 2**17
"""Experiments in a piece: SQLite joins at most 10^9 bytes."""

_CODES = {int: "q", float: "d"}


@dataclass(frozen=True, slots=True)
class Coded:
    """A column in which few values differ."""

    values: Sequence[Any]
    """The different ones."""
    codes: Ints
    """For each row the index of its value; length N."""

    @classmethod
    def of(cls, values: Sequence[Any]) -> Coded:
        """Return the values of rows."""
        code_of = {value: code for code, value in enumerate(dict.fromkeys(values))}
        return cls(list(code_of), np.fromiter(map(code_of.__getitem__, values), np.int64, len(values)))


@dataclass(frozen=True, slots=True)
class ExperimentRows:
    """What the table of experiments holds, column by column."""

    keys: Ints
    """Their numbers in the database; length N."""
    numbers: Mapping[str, Array]
    """Integers and floats by the name of their column; length N each."""
    texts: Mapping[str, Coded]
    """Texts by the name of their column; length N each."""

    @classmethod
    def together(cls, parts: Sequence[ExperimentRows]) -> ExperimentRows:
        """Return the rows of several researches, one after another."""
        first, *_ = parts
        return cls(
            np.concatenate([part.keys for part in parts]),
            {name: np.concatenate([part.numbers[name] for part in parts]) for name in first.numbers},
            {name: _joined([part.texts[name] for part in parts]) for name in first.texts},
        )

    def of(self, keys: Ints) -> ExperimentRows:
        """Return the rows of some experiments, in their order."""
        if np.array_equal(keys, self.keys):
            return self
        order = np.argsort(self.keys)
        found = order[np.searchsorted(self.keys, keys, sorter=order)]
        return ExperimentRows(
            keys,
            {name: column[found] for name, column in self.numbers.items()},
            {name: Coded(column.values, column.codes[found]) for name, column in self.texts.items()},
        )

    def integers(self, name: str) -> tuple[Ints, Mask]:
        """Return integers, and where there is none; 0 stands there."""
        missing = self.numbers[name] == _NO_INT
        return np.where(missing, 0, self.numbers[name]), missing

    def floats(self, name: str) -> Array:
        """Return floats, NaN where there is none."""
        return np.where(self.numbers[name] == _NO_FLOAT, np.nan, self.numbers[name])


def _joined(columns: Sequence[Coded]) -> Coded:
    begins = np.cumsum([0, *(len(column.values) for column in columns)]).tolist()
    return Coded(
        [value for column in columns for value in column.values],
        np.concatenate([column.codes + begin for column, begin in zip(columns, begins, strict=False)]),
    )


def read_ids(connection: sqlite3.Connection) -> tuple[Ints, list[str]]:
    """Return the keys and ids of all experiments, in the order of the domain."""
    strange = "max(typeof(position) != 'integer')"
    parts = [np.empty((2, 0), np.int64)]
    ids: list[str] = []
    for names, *numbers, is_strange in _pages(
        connection, f"group_concat(id, char(0)), group_concat(key), group_concat(position), {strange}"
    ):
        if is_strange:
            (positions,) = columns_of(connection.execute("SELECT position FROM experiments"))
            check_column("experiments", "position", positions, INT)
        ids += names.split("\0")
        parts.append(np.array([np.fromstring(text, np.int64, sep=",") for text in numbers]))
    keys, positions = np.concatenate(parts, axis=1)
    if len(ids) != len(keys):  # somebody has chosen an id with this character
        (ids,) = columns_of(connection.execute("SELECT id FROM experiments ORDER BY key"))
    order = np.lexsort((keys, positions))
    is_sorted = bool((np.diff(order) > 0).all())
    return keys[order], ids if is_sorted else [ids[index] for index in order.tolist()]


def read_rows(
    connection: sqlite3.Connection, numbers: Mapping[str, type[float]], texts: Mapping[str, str]
) -> ExperimentRows:
    """Read columns of all experiments.

    Parameters
    ----------
    numbers : mapping
        Columns of numbers to int or float.
    texts : mapping
        What texts are called to the expressions of SQL that they are; few of their values differ.
    """
    found = columns_of(connection.execute(f"SELECT DISTINCT {', '.join(texts.values())} FROM experiments"))  # noqa: S608
    different = {name: list(dict.fromkeys(values)) for name, values in zip(texts, found, strict=True)}
    columns = {"key": ("key", "q")}
    columns |= {
        name: (f"coalesce({name}, :no_{kind.__name__})", _CODES[kind]) for name, kind in numbers.items()
    }
    for name, values in different.items():
        if len(values) > 1:
            code_of = {value: code for code, value in enumerate(values)}
            connection.create_function(f"code_of_{name}", 1, code_of.__getitem__)
            columns[f"code_of_{name}"] = (f"code_of_{name}({texts[name]})", "q")
    try:
        rows = _packed(connection, columns)
    except sqlite3.OperationalError:
        for name, kind in numbers.items():
            (values,) = columns_of(connection.execute(f"SELECT {name} FROM experiments"))  # noqa: S608
            check_column("experiments", name, values, OPTIONAL_INT if kind is int else OPTIONAL_NUMBER)
        raise
    only = np.zeros(len(rows), np.int64)
    return ExperimentRows(
        rows["key"],
        {name: rows[name] for name in numbers},
        {
            name: Coded(values, rows[f"code_of_{name}"] if len(values) > 1 else only)
            for name, values in different.items()
        },
    )


def _packed(connection: sqlite3.Connection, columns: Mapping[str, tuple[str, str]]) -> Array:
    """Return numbers of all experiments: expressions of SQL, and their codes in `struct`."""
    given, codes = zip(*columns.values(), strict=True)
    layout = struct.Struct(f"<{''.join(codes)}")
    connection.create_function("pack", len(codes), layout.pack)
    pages = list(_pages(connection, f"CAST(group_concat(pack({', '.join(given)}), '') AS BLOB)"))
    dtype = [(name, "<i8" if code == "q" else "<f8") for name, code in zip(columns, codes, strict=True)]
    return np.frombuffer(b"".join(data for (data,) in pages), dtype)


def _pages(connection: sqlite3.Connection, joined: str) -> Iterator[tuple[Any, ...]]:
    """Yield what expressions of SQL make of all experiments of a page, in the order of the keys."""
    begin, most = -(2**63), 2**63 - 1
    while begin <= most:
        (begin,) = connection.execute("SELECT min(key) FROM experiments WHERE key >= ?", (begin,)).fetchone()
        if begin is None:
            return
        end = min(begin + _PAGE, most)
        given = {"begin": begin, "end": end, "no_int": _NO_INT, "no_float": _NO_FLOAT}
        yield connection.execute(
            f"SELECT {joined} FROM experiments WHERE key BETWEEN :begin AND :end",  # noqa: S608
            given,
        ).fetchone()
        begin = end + 1
