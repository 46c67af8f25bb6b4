"""SQLite: flat tables with primary keys and plain types, as Datasette and other programs show them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from research_results.errors import ArgumentError
from research_results.exporting.tables import Table, quoted, tables_of

_LARGEST = 2**63 - 1


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are filters and ``use_alias``."""
    tables = tables_of(results, options, lambda column: False)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")  # what is not whole is thrown away
            connection.execute("BEGIN")
            for table in tables:
                _write_table(connection, table)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise ArgumentError("path", f"SQLite says {error}; choose variables with name=[...]") from error


def _write_table(connection: sqlite3.Connection, table: Table) -> None:
    columns = [_cells(column) for _, column in table.frame.items()]
    types = [_type(column) for column in columns]
    parts = [f"{quoted(name)} {kind}" for name, kind in zip(table.frame.columns, types, strict=True)]
    parts.append(f"PRIMARY KEY ({_listed(table.key)})")
    if table.experiment:
        own_key = _listed(table.experiment)
        parts.append(f"FOREIGN KEY ({own_key}) REFERENCES experiments ({own_key})")
    connection.execute(f"CREATE TABLE {table.name} ({', '.join(parts)})")
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608  (a name of ours)
    connection.executemany(insert, zip(*columns, strict=True))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, names))


def _cells(column: pd.Series[Any]) -> list[Any]:
    """Return values as SQLite takes them; of a column with an int that is too large all are texts."""
    cells: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    if column.dtype.kind == "u" and any(cell is not None and cell > _LARGEST for cell in cells):
        return [None if cell is None else str(cell) for cell in cells]
    return cells


def _type(cells: list[Any]) -> str:
    kinds = {type(cell) for cell in cells if cell is not None}
    return "INTEGER" if kinds <= {int, bool} and kinds else "REAL" if kinds == {float} else "TEXT"
