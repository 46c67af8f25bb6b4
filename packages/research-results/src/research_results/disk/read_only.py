"""The reading connection to research.db: it never writes, and trusts the file as little as any download."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from research_results.disk.connections import BUSY_S, beside, connect
from research_results.disk.files import kind_of
from research_results.disk.schema import APPLICATION_ID, fill_in, schema_version
from research_results.disk.sqlite_errors import translating, translating_sqlite
from research_results.errors import DamagedError, StorageLostError


@contextlib.contextmanager
def reading(
    path: Path, busy_s: float = BUSY_S, removed: Collection[str] = ()
) -> Iterator[sqlite3.Connection]:
    """Open the database read-only for the time of one question; removed experiments are not to be seen.

    Where a killed writer left a database that only somebody with the right to write could open, with a log to
    fold in or to begin, a private copy is read instead.
    """
    _check_files(path)
    with translating_sqlite(path), contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(contextlib.closing(connect(path, "ro", busy_s)))
            _check_reader(connection, path, removed)
        except sqlite3.OperationalError as error:
            unfinished = any(beside(path, suffix).exists() for suffix in ("-wal", "-journal"))
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            sealed = error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN and path.is_file()
            if busy or not (unfinished or sealed):
                raise
            copy = _copy_aside(path, stack)
            connection = stack.enter_context(contextlib.closing(connect(copy, "rw", busy_s)))
            _check_reader(connection, path, removed)
        connection.execute("BEGIN")
        yield connection


def _check_files(path: Path) -> None:
    """Refuse a missing database, and links, pipes and devices, which SQLite would follow or wait for."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = beside(path, suffix)
        kind = kind_of(file)
        if kind not in ("a file", None):
            raise DamagedError(f"{str(file)!r}", f"it is {kind}, not a file")
        if kind is None and not suffix:
            raise StorageLostError(str(path.parent), f"{path.name} is missing")


def _check_reader(connection: sqlite3.Connection, path: Path, removed: Collection[str]) -> None:
    """Refuse a file in which reading could do more than read tables; fill in what an older one lacks."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID or not schema_version(connection):
        raise DamagedError(f"{str(path)!r}", "it is not the database of a research")
    fill_in(connection, removed)
    for pragma in ("query_only = 1", "trusted_schema = 0", "cell_size_check = 1"):
        connection.execute(f"PRAGMA {pragma}")
    strange = "SELECT count(*) FROM sqlite_master WHERE rootpage = 0 OR type NOT IN ('table', 'index')"
    (count,) = connection.execute(strange).fetchone()
    if count:
        raise DamagedError(
            f"{str(path)!r}", f"{count} views, triggers or virtual tables that no research has"
        )


def _copy_aside(path: Path, stack: contextlib.ExitStack) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="research-read-")))
    for suffix in ("", "-wal", "-journal"):
        with translating(path), contextlib.suppress(FileNotFoundError):
            shutil.copyfile(beside(path, suffix), folder / (path.name + suffix))
    os.chmod(folder / path.name, 0o600)  # noqa: PTH101
    return folder / path.name
