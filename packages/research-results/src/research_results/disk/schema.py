"""The tables of research.db, and how an older file becomes one of today."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = [
    "APPLICATION_ID",
    "FAILURE_COLUMNS",
    "FORMAT",
    "MIGRATIONS",
    "MINIMUM_READER",
    "migrate",
    "schema_version",
    "select_list",
]

APPLICATION_ID = 0x52534348
"""What `file` and SQLite tools see in the header: RSCH."""

_VERSION_1 = """
CREATE TABLE experiments (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    position INTEGER NOT NULL,
    config BLOB NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER,
    worker INTEGER,
    device TEXT,
    started REAL,
    elapsed_s REAL,
    iterations INTEGER
);
CREATE TABLE failures (
    number INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL,
    attempt INTEGER,
    cause TEXT,
    type TEXT,
    message TEXT,
    traceback TEXT,
    unit TEXT,
    iteration INTEGER
);
CREATE TABLE parameters (
    parameter INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    alias TEXT NOT NULL
);
CREATE TABLE options (
    option INTEGER PRIMARY KEY,
    parameter INTEGER NOT NULL,
    alias TEXT NOT NULL,
    kind TEXT NOT NULL,
    type TEXT,
    text TEXT,
    data BLOB,
    blob TEXT
);
CREATE TABLE variables (
    variable INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE chunks (
    chunk INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL,
    variable INTEGER NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,
    step INTEGER NOT NULL,
    iterations BLOB,
    type TEXT,
    text TEXT,
    data BLOB,
    blob TEXT
);
CREATE INDEX failures_by_experiment ON failures (experiment);
CREATE INDEX chunks_by_experiment ON chunks (experiment);
"""

_VERSION_2 = """
ALTER TABLE experiments ADD COLUMN digest BLOB;
ALTER TABLE options ADD COLUMN digest BLOB;
ALTER TABLE options ADD COLUMN given INTEGER;
ALTER TABLE options ADD COLUMN lasting_name TEXT;
"""
"""Identities of experiments and of values.

A value may not change under an alias that was ``given`` by somebody, nor under its ``lasting_name``, by which
a module knows a function or class.
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2)
"""Script by script from an empty file to the newest version; scripts only ever add tables and columns."""

FAILURE_COLUMNS: dict[str, type[str | int]] = {
    "cause": str,
    "type": str,
    "message": str,
    "unit": str,
    "iteration": int,
    "traceback": str,
}
"""What is kept of a failure besides its attempt: its attributes, columns of the table and of the frame.

A new one needs a script in `MIGRATIONS` as well; it is None in files that do not have it.
"""

FORMAT = len(MIGRATIONS)
"""The version that is written."""

MINIMUM_READER = 1
"""The oldest reader that understands what is written."""


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of an open file, 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def select_list(connection: sqlite3.Connection, table: str, columns: Iterable[str]) -> str:
    """Return what to select for these columns, NULL for those that an older file does not have."""
    known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    return ", ".join(f"{table}.{name}" if name in known else "NULL" for name in columns)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file that is open for writing to the newest version, all or nothing."""
    version = schema_version(connection)
    if version >= len(MIGRATIONS):
        return
    steps = "".join(MIGRATIONS[version:])
    connection.executescript(
        f"PRAGMA application_id = {APPLICATION_ID}; BEGIN IMMEDIATE; {steps} "
        f"PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;"
    )
