"""Columns of the table of experiments, each handed over in one piece.

Rows are joined by SQLite (`reading.joined`). Where floats are among them, numbers are packed by a function of
SQL that is a method of `struct.Struct`, and numpy reads the bytes; of texts the different ones are read, and
each row has the number of its own.

The functions of SQL are written in C. In one of Python a signal could raise its exception, which SQLite's
module would turn into an error of the database.
"""

from __future__ import annotations

import sqlite3
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from research_results.disk.checksums import CHANGED, head_checksums, intact_rows
from research_results.errors import DamagedError
from research_results.reading.gather import Array, Ints, Mask
from research_results.reading.joined import integers, joined_bytes, map_pages
from research_results.reading.rows import (
    BYTES,
    INT,
    OPTIONAL_BYTES,
    OPTIONAL_INT,
    OPTIONAL_NUMBER,
    check_column,
    check_types,
    columns_of,
    strange_type,
)

_NO_INT, _NO_FLOAT = -(2**63), -sys.float_info.max
"""What stands for NULL among packed numbers."""

_NOTHING = np.empty(0, np.int64)


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

    @classmethod
    def together(cls, columns: Sequence[Coded]) -> Coded:
        """Return several columns as one, rows one after another."""
        begins = np.cumsum([0, *(len(column.values) for column in columns)]).tolist()
        codes = [column.codes + begin for column, begin in zip(columns, begins, strict=False)]
        return cls([value for column in columns for value in column.values], np.concatenate(codes))


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
            {name: Coded.together([part.texts[name] for part in parts]) for name in first.texts},
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


_CONFIG_KINDS = {"position": INT, "config": BYTES, "digest": OPTIONAL_BYTES, "checksum": OPTIONAL_INT}
_ID, _DIGEST, _NO_CHECKSUM = "CAST(id AS BLOB)", "coalesce(digest, '')", -1
_CONFIGS = (
    joined_bytes("config"),
    joined_bytes(f"{_ID} || config || {_DIGEST}"),
    "group_concat(length(config))",
    f"group_concat(length({_ID}) + length(config) + length({_DIGEST}))",
    f"group_concat(coalesce(checksum, {_NO_CHECKSUM}))",
)


def read_experiment_rows(
    connection: sqlite3.Connection, condition: str, given: Mapping[str, Any], *, configs: bool
) -> tuple[Ints, list[str], Ints, Ints]:
    """Return keys and ids of experiments, in the order of the domain, length N, and their options.

    These are the number of each option and the index of its experiment, length M; none without `configs`.
    """
    kinds = _CONFIG_KINDS if configs else {"position": INT}
    columns = (
        *(strange_type(name, kind) for name, kind in kinds.items()),
        "group_concat(id, char(0)), group_concat(key), group_concat(position)",
        *(_CONFIGS if configs else ()),
    )

    def page(*values: Any) -> tuple[list[str], Ints, Ints, Ints, Ints]:
        check_types("experiments", dict(zip(kinds, values, strict=False)))
        names, keys, positions, *own = values[len(kinds) :]
        ids, order = names.split("\0"), integers(positions)
        counts, options = _configs(ids, order, *own) if configs else (np.zeros_like(order), _NOTHING)
        return ids, integers(keys), order, counts, options

    pages = map_pages(page, connection, "experiments", "key", ", ".join(columns), condition, given)
    parts = zip(([], *[_NOTHING] * 4), *pages, strict=True)
    ids = list(chain.from_iterable(next(parts)))
    keys, positions, counts, options = map(np.concatenate, parts)
    if len(ids) != len(keys):  # somebody has chosen an id with this character
        select = f"SELECT key, id FROM experiments WHERE {condition}"  # noqa: S608  (only our words)
        id_of = dict(connection.execute(select, given))
        ids = [id_of[key] for key in keys.tolist()]
    order = np.lexsort((keys, positions))
    owners = np.repeat(np.argsort(order), counts)
    if (np.diff(order) > 0).all():
        return keys, ids, options, owners
    moved = np.argsort(owners, kind="stable")
    return keys[order], [ids[index] for index in order.tolist()], options[moved], owners[moved]


def _configs(
    ids: Sequence[str], positions: Ints, joined: bytes, hashed: bytes, *texts: str
) -> tuple[Ints, Ints]:
    """Return for each experiment how many options its config has, and the options of all."""
    lengths, hashed_lengths, checksums = map(integers, texts)
    intact = intact_rows(hashed, hashed_lengths, head_checksums([positions], ()), checksums)
    intact |= checksums == _NO_CHECKSUM  # as in older formats
    if not intact.all():
        raise DamagedError(f"the config of experiment {ids[int(np.argmin(intact))]!r}", CHANGED)
    if (lengths % 4).any():
        raise DamagedError("table experiments", "a config is no list of options")
    return lengths // 4, np.frombuffer(joined, "<i4").astype(np.int64)


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
    for name, kind in numbers.items():
        columns[name] = (f"coalesce({name}, :no_{kind.__name__})", "q" if kind is int else "d")
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
    none = {"no_int": _NO_INT, "no_float": _NO_FLOAT}
    joined = joined_bytes(f"pack({', '.join(given)})")
    pages = map_pages(bytes, connection, "experiments", "key", joined, given=none)
    dtype = [(name, "<i8" if code == "q" else "<f8") for name, code in zip(columns, codes, strict=True)]
    return np.frombuffer(b"".join(pages), dtype)
