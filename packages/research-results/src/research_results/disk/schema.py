"""The schema of research.db: its tables, and the columns that older files lack."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Protocol

APPLICATION_ID = 0x52534348
"""What `file` and SQLite tools see in the header: RSCH."""


class Executes(Protocol):
    """A connection, or what runs statements on one."""

    def execute(self, sql: str, /) -> sqlite3.Cursor:
        """Run a statement."""


FORMAT = 2
"""The version that is written; files of other versions are read, those of older ones never written to."""

MINIMUM_READER = 1
"""The oldest reader that understands what is written."""

# No row takes the number of another one that was there before. Rows of `changes` and of `chunks` take theirs
# from one counter that only grows: the revision.
#
# The value of an option may not change under an alias that was `given` by somebody, nor under its
# `lasting_name`, by which a module knows a function or class. An `auxiliary` parameter says how a config is
# run, not what it is. That no two experiments have one id is seen to by who writes, and `index_experiments`.
SCHEMA = """
CREATE TABLE research (
    id TEXT NOT NULL
);
CREATE TABLE experiments (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    config BLOB NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER,
    worker INTEGER,
    host TEXT,
    device TEXT,
    code TEXT,
    started REAL,
    elapsed_s REAL,
    iterations INTEGER,
    stopped INTEGER,
    digest BLOB,
    checksum INTEGER
);
CREATE TABLE changes (
    revision INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL,
    change TEXT NOT NULL,
    attempt INTEGER
);
CREATE TABLE failures (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment INTEGER NOT NULL,
    attempt INTEGER,
    cause TEXT,
    type TEXT,
    message TEXT,
    traceback TEXT,
    unit TEXT,
    iteration INTEGER,
    host TEXT,
    device TEXT
);
CREATE TABLE parameters (
    parameter INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    auxiliary INTEGER NOT NULL
);
CREATE TABLE options (
    option INTEGER PRIMARY KEY AUTOINCREMENT,
    parameter INTEGER NOT NULL,
    alias TEXT NOT NULL,
    kind TEXT NOT NULL,
    type TEXT,
    text TEXT,
    data BLOB,
    blob TEXT,
    digest BLOB,
    given INTEGER,
    lasting_name TEXT,
    checksum INTEGER
);
CREATE TABLE variables (
    variable INTEGER PRIMARY KEY AUTOINCREMENT,
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
    blob TEXT,
    checksum INTEGER
);
CREATE INDEX failures_by_experiment ON failures (experiment);
CREATE INDEX chunks_by_experiment ON chunks (experiment);
"""

FAILURE_COLUMNS: dict[str, type[str | int]] = {
    "cause": str,
    "type": str,
    "message": str,
    "unit": str,
    "iteration": int,
    "host": str,
    "device": str,
    "traceback": str,
}
"""What is kept of a failure besides its attempt: its attributes, columns of the table and of the frame.

A new one needs a column in `SCHEMA` as well; it is None in files that do not have it.
"""


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of an open file, 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def research_id_of(connection: sqlite3.Connection) -> str | None:
    """Return the unique id of the research in an open file; None in older files."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'research'").fetchone():
        return None
    row = connection.execute("SELECT id FROM research").fetchone()
    return None if row is None else str(row[0])


def newest_revision(connection: Executes) -> int:
    """Return the revision of the newest change of a status or value; 0 if there is none."""
    newest = "SELECT (SELECT max(revision) FROM main.changes), (SELECT max(chunk) FROM main.chunks)"
    return max(int(revision or 0) for revision in connection.execute(newest).fetchone())


def create_tables(connection: sqlite3.Connection, research_id: str) -> None:
    """Make the tables in an empty file, all or none; `research_id` stands in research.json as well."""
    own_id = f"INSERT INTO research VALUES ('{int(research_id, 16):032x}');"  # noqa: S608  (digits only)
    connection.executescript(
        f"PRAGMA application_id = {APPLICATION_ID}; BEGIN IMMEDIATE; {SCHEMA} {own_id} "
        f"PRAGMA user_version = {FORMAT}; COMMIT;"
    )


def fill_in(connection: sqlite3.Connection, removed: Collection[str] = ()) -> list[str]:
    """Let statements name all tables and columns of today, and see no experiment that was removed.

    What an older file does not have is empty, and what is of a removed experiment is left out, in temporary
    views that stand before the tables of the file; their names are returned. A column that was added later
    makes no new format.
    """
    if removed:
        connection.execute("CREATE TEMP TABLE removed (key INTEGER PRIMARY KEY)")
        ids = list(removed)
        for few in (ids[start : start + _FEW] for start in range(0, len(ids), _FEW)):
            marks = ", ".join("?" * len(few))
            select = f"SELECT key FROM main.experiments WHERE id IN ({marks})"  # noqa: S608  (marks only)
            connection.execute(f"INSERT INTO temp.removed {select}", few)
    views = []
    for table, columns in _tables().items():
        known = _columns_of(connection, table)
        is_seen = _IS_SEEN.get(table, "") if removed else ""
        if not is_seen and known.keys() >= columns.keys():
            continue
        names = ", ".join(name if name in known else f"NULL AS {name}" for name in columns)
        rows = f"FROM main.{table} {is_seen}" if known else "WHERE 0"
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {names} {rows}")
        views.append(table)
    return views


def index_experiments(connection: Executes) -> None:
    """Let experiments be found by their ids, which stand in no order.

    The index is made when it is needed, at the latest when writing ends: where each commit adds to it, it
    takes most of the time of a research of a million experiments.
    """
    if not connection.execute(_HAS_INDEX).fetchone():
        connection.execute("CREATE UNIQUE INDEX main.experiments_by_id ON experiments (id)")


_HAS_INDEX = """SELECT 1 FROM main.sqlite_master WHERE type = 'index' AND tbl_name = 'experiments'
AND (name = 'experiments_by_id' OR name LIKE 'sqlite_autoindex%')"""


@contextmanager
def hiding(connection: sqlite3.Connection, removed: Collection[str]) -> Iterator[None]:
    """Hide removed experiments from statements for the time of a block, on a connection that also writes."""
    if not removed or connection.execute("SELECT 1 FROM temp.sqlite_master").fetchone():
        yield  # nothing to hide, or hidden by a block around this one
        return
    views = fill_in(connection, removed)
    try:
        yield
    finally:
        for view in views:
            connection.execute(f"DROP VIEW temp.{view}")
        connection.execute("DROP TABLE temp.removed")


_FEW = 500
_IS_SEEN = {
    "experiments": "WHERE key NOT IN temp.removed",
    **dict.fromkeys(("changes", "failures", "chunks"), "WHERE experiment NOT IN temp.removed"),
    "variables": "AS own WHERE EXISTS (SELECT 1 FROM main.chunks AS each "
    "WHERE each.variable = own.variable AND each.experiment NOT IN temp.removed)",
}
"""Which rows of a table are still seen while experiments are removed."""


def hides_some(connection: sqlite3.Connection) -> bool:
    """Tell whether experiments are hidden from the statements of a connection."""
    return (
        connection.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'removed'").fetchone() is not None
    )


def add_columns(connection: sqlite3.Connection) -> None:
    """Add the columns of today to the tables of a file that is open for writing; they are empty."""
    for table, columns in _tables().items():
        known = _columns_of(connection, table)
        for name in columns if known else ():
            if name not in known:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")


@lru_cache(maxsize=1)
def _tables() -> dict[str, dict[str, str]]:
    """Return the columns of each table of today, and their types."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        return {name: _columns_of(connection, name) for (name,) in connection.execute(tables)}


def _columns_of(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the columns of a table of a file, and their types; none if there is no such table."""
    return {name: kind for _, name, kind, *_ in connection.execute(f"PRAGMA main.table_info({table})")}
