"""Rows of the database, checked before anything is made of them.

SQLite keeps whatever is written into a column, of any type, and a damaged file holds anything. A value of a
type that its column does not have is damage, and this is the place to say so: whatever else goes wrong while
results are read is an error of ours or of pandas, and not the folder's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from research_results.errors import DamagedError

Types: TypeAlias = "frozenset[type[Any]]"

_NONE: type[Any] = type(None)
INT: Types = frozenset((int,))
TEXT: Types = frozenset((str,))
BYTES: Types = frozenset((bytes,))
OPTIONAL_INT: Types = frozenset((int, _NONE))
OPTIONAL_NUMBER: Types = frozenset((int, float, _NONE))
OPTIONAL_TEXT: Types = frozenset((str, _NONE))
OPTIONAL_BYTES: Types = frozenset((bytes, _NONE))


def check_column(table: str, name: str, values: Iterable[Any], kinds: Types) -> None:
    """Refuse values of other types than a column has."""
    strange = set(map(type, values)) - kinds
    if strange:
        raise _damaged(f"table {table}", name, strange.pop())


_TYPES: dict[str, type[Any]] = {"integer": int, "text": str, "blob": bytes, "null": _NONE, "real": float}


def strange_type(name: str, kinds: Types) -> str:
    """Return an aggregate of SQL: NULL, or what SQLite calls a type that a column does not have."""
    tests = [f"typeof({name}) <> {word!r}" for word, kind in _TYPES.items() if kind in kinds]
    return f"max(CASE WHEN {' AND '.join(tests)} THEN typeof({name}) END)"


def check_types(table: str, found: Mapping[str, str | None]) -> None:
    """Refuse values of other types than a column has, given what `strange_type` says of each."""
    for name, word in found.items():
        if word is not None:
            raise _damaged(f"table {table}", name, _TYPES[word])


def check_row(where: str, kinds: Mapping[str, Types], row: Iterable[Any]) -> None:
    """Refuse a row whose values do not have the types of its columns; `where` names the row."""
    for value, (name, expected) in zip(row, kinds.items(), strict=True):
        if type(value) not in expected:
            raise _damaged(where, name, type(value))


def _damaged(where: str, name: str, kind: type) -> DamagedError:
    return DamagedError(where, f"column {name} holds a value of type {kind.__name__}")


_PAGE = 256
"""Rows that exist as tuples at once: few enough for the collector of garbage to stay out of it."""


def columns_of(cursor: sqlite3.Cursor) -> tuple[list[Any], ...]:
    """Return all rows that a question finds, column by column."""
    columns: tuple[list[Any], ...] = tuple([] for _ in cursor.description)
    while page := cursor.fetchmany(_PAGE):
        for column, values in zip(columns, zip(*page, strict=True), strict=True):
            column.extend(values)
    return columns
