"""Connections to research.db: one that writes, any number that only read."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from research_results.disk.fail_points import fail_point
from research_results.disk.schema import migrate
from research_results.disk.sqlite_errors import translated, translating
from research_results.errors import ClosedError, DamagedError, ResultsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

__all__ = ["Database", "JournalMode", "connect_writer", "reading"]

JournalMode: TypeAlias = Literal["auto", "wal", "truncate"]

_BUSY_S = 30.0
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "afs",
    "9p",
    "fuse.",
    "glusterfs",
    "pvfs",
)


def on_network(path: Path) -> bool:
    """Tell whether a path is on a file system of another machine, as far as the system says (Linux only)."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        target = str(path.resolve())
    except OSError:
        return False
    best, kind = "", ""
    for line in mounts:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind.startswith(_NETWORK)


def connect_writer(path: Path, journal: JournalMode = "auto") -> sqlite3.Connection:
    """Open the database for the only writer and bring its tables up to date.

    Parameters
    ----------
    path : Path
        The file; made if it is not there.
    journal : {'auto', 'wal', 'truncate'}
        The write-ahead log lets readers and the writer work at once but needs shared memory; ``'auto'`` falls
        back to a rollback journal on network file systems and wherever the log cannot be made.

    Raises
    ------
    StorageFullError, StorageAccessError, DamagedError
        If it cannot be opened for writing.
    """
    mode = ("truncate" if on_network(path.parent) else "wal") if journal == "auto" else journal
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA page_size = 8192")  # of a new file; rows of 100 floats fit several a page
        if mode == "truncate" or not _try_log(connection):
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, str(path)) from error
    return connection


def _try_log(connection: sqlite3.Connection) -> bool:
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise
        return False
    return bool(mode == "wal")


class Database:
    """The connection of the writer: calls inside of ``with database:`` are one commit.

    Blocks nest; inner ones join the outermost. One thread may be inside at a time, others wait.

    Parameters
    ----------
    connection : sqlite3.Connection
        Without implicit transactions.
    name : str
        The path, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.name = name
        self.guard = threading.RLock()
        self.when_rolled_back: Callable[[], None] = lambda: None
        self._connection: sqlite3.Connection | None = connection
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
        """Whether it can be written to."""
        return self._connection is not None

    def __enter__(self) -> None:
        self.guard.acquire()
        try:
            if self._depth == 0:
                self._failed = None
                self.execute("BEGIN IMMEDIATE")
        except BaseException:
            self.guard.release()
            raise
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._depth -= 1
            if self._depth:
                return
            if kind is not None or self._failed is not None:
                self._roll_back()
                if kind is None and self._failed is not None:
                    raise self._failed
                return
            try:
                fail_point("before-database-commit")
                self.execute("COMMIT")
                fail_point("after-database-commit")
            except ResultsError:
                self._roll_back()
                raise
        finally:
            self.guard.release()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; a failure fails the whole transaction, and every later statement in it."""
        if self._failed is not None and self._depth:
            raise self._failed
        try:
            return self.connection.execute(sql, parameters)
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            self._failed = translated(error, self.name)
            raise self._failed from error

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        self.when_rolled_back()

    def close(self, *, tidy: bool = False) -> None:
        """Close; with `tidy` fold the log into the file first, so that it is the only one."""
        with self.guard:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            if tidy:
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA busy_timeout = 2000")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    fail_point("log-folded")
                    connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database read-only for the time of one question.

    Where a killed writer left a database that only somebody with the right to write could open, with a log to
    fold in or to begin, a private copy is read instead.

    Raises
    ------
    StorageAccessError, DamagedError
        If it cannot be read, or is no database of ours.
    """
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(contextlib.closing(_connect_reader(path, "ro")))
            _check_reader(connection, path)
        except sqlite3.OperationalError as error:
            unfinished = any(_beside(path, suffix).exists() for suffix in ("-wal", "-journal"))
            if not (unfinished or (error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN and path.is_file())):
                raise translated(error, str(path)) from error
            copy = _copy_aside(path, stack)
            connection = stack.enter_context(contextlib.closing(_connect_reader(copy, "rw")))
            _check_reader(connection, path)
        except sqlite3.DatabaseError as error:
            raise translated(error, str(path)) from error
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.DatabaseError as error:
            raise translated(error, str(path)) from error


def _connect_reader(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def _check_reader(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file in which reading could do more than read tables."""
    for pragma in ("query_only = 1", "trusted_schema = 0", "cell_size_check = 1"):
        connection.execute(f"PRAGMA {pragma}")
    strange = "SELECT count(*) FROM sqlite_master WHERE rootpage = 0 OR type NOT IN ('table', 'index')"
    try:
        (count,) = connection.execute(strange).fetchone()
    except UnicodeDecodeError as error:  # in the message about a schema that is no text
        raise DamagedError(f"{str(path)!r}", "its list of tables is no text") from error
    if count:
        raise DamagedError(
            f"{str(path)!r}", f"{count} views, triggers or virtual tables that no research has"
        )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _copy_aside(path: Path, stack: contextlib.ExitStack) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="research-read-")))
    for suffix in ("", "-wal", "-journal"):
        with translating(path), contextlib.suppress(FileNotFoundError):
            shutil.copyfile(_beside(path, suffix), folder / (path.name + suffix))
    os.chmod(folder / path.name, 0o600)  # noqa: PTH101
    return folder / path.name
