"""Rows of a question as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

__all__ = ["columns_of"]

_PAGE = 256
"""Rows that exist as tuples at once: few enough for the collector of garbage to stay out of it."""


def columns_of(cursor: sqlite3.Cursor) -> tuple[list[Any], ...]:
    """Return all rows that a question finds, column by column."""
    columns: tuple[list[Any], ...] = tuple([] for _ in cursor.description)
    while page := cursor.fetchmany(_PAGE):
        for column, values in zip(columns, zip(*page, strict=True), strict=True):
            column.extend(values)
    return columns
