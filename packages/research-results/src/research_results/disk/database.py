"""The writing connection to research.db."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from research_results.disk.connections import BUSY_S, JournalMode, connect, set_journal
from research_results.disk.fail_points import fail_point
from research_results.disk.file_watch import FileWatch
from research_results.disk.files import sync_file
from research_results.disk.schema import add_columns, create_tables
from research_results.disk.sqlite_errors import translated, translating_sqlite
from research_results.errors import (
    ClosedError,
    ForkedError,
    ResultsError,
    StorageAccessError,
    StorageBusyError,
    StorageFullError,
    StorageLostError,
)

_NO_SYNC = "PRAGMA synchronous = OFF"
"""Nothing waits for the disk: for a file that nobody knows yet."""


def create_database(path: Path, research_id: str, journal: JournalMode = "auto") -> None:
    """Make the database of a new research, with empty tables; parameters as those of `connect_writer`."""
    with translating_sqlite(path), contextlib.closing(connect(path, "rwc")) as connection:
        connection.execute("PRAGMA page_size = 8192")  # rows of 100 floats fit several a page
        connection.execute(_NO_SYNC)
        set_journal(connection, path, journal)
        connection.execute(_NO_SYNC)
        create_tables(connection, research_id)
    sync_file(path)


def connect_writer(
    path: Path, research_id: str, journal: JournalMode = "auto", busy_s: float = BUSY_S
) -> Database:
    """Open a database for its only writer.

    Parameters
    ----------
    path : Path
        The file.
    research_id : str
        What tells this research from all others, in hexadecimal digits; the file has to say so.
    journal : {'auto', 'wal', 'truncate'}
        The write-ahead log lets readers and the writer work at once but needs shared memory; ``'auto'`` falls
        back to a rollback journal on network file systems and wherever the log cannot be made.
    busy_s : float
        Seconds to wait for another program that keeps the file locked.

    Raises
    ------
    StorageLostError
        If it is not there, or is not that of the research.
    OldFormatError
        If it was made by an older version.
    StorageFullError, StorageAccessError, StorageBusyError, DamagedError
        If it cannot be opened for writing.
    """
    watch = FileWatch(path, research_id)
    watch.check_content()
    with translating_sqlite(path), contextlib.ExitStack() as opened:
        connection = opened.enter_context(contextlib.closing(connect(path, "rw")))
        set_journal(connection, path, journal)
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * busy_s)}")
        watch.check()
        add_columns(connection)
        watch.remember_log()
        opened.pop_all()
    return Database(connection, str(path.parent), watch)


@dataclass(slots=True)
class _Process:
    """Which process this is; a fork learns that it is another one, so that asking needs no system call."""

    pid: int = field(default_factory=os.getpid)

    def become(self) -> None:
        """Note that this is a new process."""
        self.pid = os.getpid()


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.become)


class Database:
    """The connection of the writer: calls inside of ``with database:`` are one commit.

    Blocks nest; inner ones join the outermost. One thread may be inside at a time, others wait. Processes
    that are forked from the one that opened it cannot write. `name` is the path, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, watch: FileWatch | None = None) -> None:
        self.name = name
        self.guard = threading.RLock()
        self.before_commit: Callable[[], None] = lambda: None
        self.when_committed: Callable[[], None] = lambda: None
        self.when_rolled_back: Callable[[], None] = lambda: None
        self._connection: sqlite3.Connection | None = connection
        self._watch = watch
        self._owner = _process.pid
        self._depth = 0
        self._failed: ResultsError | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection; ClosedError once closed."""
        if self._connection is None:
            raise ClosedError(self.name)
        return self._connection

    @property
    def is_open(self) -> bool:
        """Whether this process can write to it."""
        return self._connection is not None and self._owner == _process.pid

    def check_owner(self) -> None:
        """Refuse a process that was forked from the one that opened it."""
        if self._owner != _process.pid:
            raise ForkedError(self.name, self._owner)

    def check(self) -> None:
        """Check that the file is still that of the research; StorageLostError if not."""
        self.check_owner()
        if self._watch is not None:
            with contextlib.suppress(StorageBusyError, StorageAccessError, StorageFullError):
                self._watch.check_content(busy_s=0)
            self._watch.check_log()

    def __enter__(self) -> None:
        if self._owner != _process.pid:
            self.check_owner()
        self.guard.acquire()
        if self._depth == 0:
            try:
                self._failed = None
                if self._watch is not None:
                    self._watch.check()
                    self._watch.check_log()
                self.execute("BEGIN IMMEDIATE")
            except BaseException:
                self.guard.release()
                raise
        self._depth += 1

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._depth -= 1
        if self._depth:
            self.guard.release()
            return
        try:
            if kind is not None or self._failed is not None:
                self._roll_back()
                if kind is None and self._failed is not None:
                    raise self._failed
                return
            try:
                self.before_commit()
                fail_point("before-database-commit")
                self.execute("COMMIT")
                fail_point("after-database-commit")
            except ResultsError:
                self._roll_back()
                raise
            self.when_committed()
        finally:
            self.guard.release()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; a failure fails the whole transaction, and every later statement in it."""
        self.check_owner()
        if self._failed is not None and self._depth:
            raise self._failed
        try:
            return self.connection.execute(sql, parameters)
        except sqlite3.DatabaseError as error:
            self._failed = self._diagnosed(error)
            raise self._failed from error

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row; a failure is that of `execute`."""
        self.check_owner()
        try:
            return self.connection.executemany(sql, rows)
        except sqlite3.DatabaseError as error:
            self._failed = self._diagnosed(error)
            raise self._failed from error

    def flush(self) -> None:
        """Write rows that wait for the end of a transaction, so that a reader can see them before."""
        if self._depth:
            self.before_commit()

    def _diagnosed(self, error: sqlite3.DatabaseError) -> ResultsError:
        """Return the error to raise: that the file is lost, if so, or the original one."""
        try:
            if self._watch is not None:
                self._watch.check()
        except StorageLostError as lost:
            return lost
        return translated(error, self.name)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        self.when_rolled_back()

    def close(self, *, tidy: bool = False) -> None:
        """Close; with `tidy` fold the log into the file first, so that it is the only one.

        What lies where the file was before is left alone.
        """
        if self._owner != _process.pid:
            return
        with self.guard:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            if not self.is_there():
                _abandon(connection)
                return
            if tidy:
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA busy_timeout = 2000")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    fail_point("log-folded")
                    connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()

    def is_there(self) -> bool:
        """Tell whether the file is where it was."""
        try:
            if self._watch is not None:
                self._watch.check()
        except ResultsError:
            return False
        return True


def _abandon(connection: sqlite3.Connection) -> None:
    """Abandon a connection to a lost file: closing it would write the log into the new file."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        connection.close()
    else:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # never closed, not at exit either
