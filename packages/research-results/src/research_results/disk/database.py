"""Connections to research.db: one that writes, any number that only read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from research_results.disk.fail_points import fail_point
from research_results.disk.files import kind_of
from research_results.disk.schema import (
    APPLICATION_ID,
    FORMAT,
    add_columns,
    create_tables,
    fill_in,
    research_id_of,
    schema_version,
)
from research_results.disk.sqlite_errors import translated, translating, translating_sqlite
from research_results.errors import (
    ClosedError,
    DamagedError,
    ForkedError,
    OldFormatError,
    ResultsError,
    StorageAccessError,
    StorageBusyError,
    StorageFullError,
    StorageLostError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from types import TracebackType

__all__ = ["Database", "FileWatch", "JournalMode", "connect_writer", "create_database", "reading"]

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
        mounts = os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).splitlines()
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


def create_database(path: Path, research_id: str, journal: JournalMode = "auto") -> None:
    """Make the database of a new research, with empty tables.

    Parameters
    ----------
    path : Path
        Where nothing is.
    research_id : str
        What tells this research from all others, in hexadecimal digits.
    journal : {'auto', 'wal', 'truncate'}
        See `connect_writer`.

    Raises
    ------
    StorageFullError, StorageAccessError
        If it cannot be made.
    """
    with translating_sqlite(path), contextlib.closing(_connect(path, "rwc")) as connection:
        connection.execute("PRAGMA page_size = 8192")  # rows of 100 floats fit several a page
        _set_journal(connection, path, journal)
        create_tables(connection, research_id)


def connect_writer(
    path: Path, research_id: str, journal: JournalMode = "auto", busy_s: float = _BUSY_S
) -> Database:
    """Open a database for its only writer.

    Parameters
    ----------
    path : Path
        The file.
    research_id : str
        What the file has to say that it is.
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
        connection = opened.enter_context(contextlib.closing(_connect(path, "rw")))
        _set_journal(connection, path, journal)
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * busy_s)}")
        watch.check()
        add_columns(connection)
        watch.remember_log()
        opened.pop_all()
    return Database(connection, str(path.parent), watch)


def _connect(path: Path, mode: str, busy_s: float = _BUSY_S) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)


def _set_journal(connection: sqlite3.Connection, path: Path, journal: JournalMode) -> None:
    mode = ("truncate" if on_network(path.parent) else "wal") if journal == "auto" else journal
    if mode == "truncate" or not _try_log(connection):
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")


def _try_log(connection: sqlite3.Connection) -> bool:
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            raise
        return False
    return bool(mode == "wal")


class FileWatch:
    """Notices when the database of a research is removed, replaced or overwritten.

    Parameters
    ----------
    path : Path
        The file.
    research_id : str
        What the file has to say that it is.
    """

    def __init__(self, path: Path, research_id: str) -> None:
        self._path = path
        self._research_id = research_id
        self._identity: tuple[int, int] | None = None
        self._log: tuple[int, int] | None = None
        self._loss: StorageLostError | None = None

    def check(self) -> None:
        """Look whether the file is still there and the same; StorageLostError if not, once and for all."""
        if self._loss is not None:
            raise self._loss
        try:
            status = os.lstat(self._path)
        except FileNotFoundError:
            raise self._lost("research.db was removed") from None
        except OSError as error:
            raise translated(error, str(self._path.parent)) from error
        if not stat.S_ISREG(status.st_mode):
            raise self._lost(f"research.db is {kind_of(self._path)}, not a file")
        if not status.st_size:
            raise self._lost("research.db is empty")
        identity = (status.st_dev, status.st_ino)
        if self._identity is None:
            self._identity = identity
        elif self._identity != identity:
            raise self._lost("research.db was replaced by another file")

    def remember_log(self) -> None:
        """Watch the write-ahead log as well, if there is one now."""
        self._log = _identity(_beside(self._path, "-wal"))

    def check_log(self) -> None:
        """Look whether the log is still there; what is in it goes into the database when that is closed."""
        if self._log is not None and _identity(_beside(self._path, "-wal")) != self._log:
            reason = "research.db-wal was removed or replaced while it was written"
            raise StorageAccessError(str(self._path.parent), reason)

    def check_content(self, busy_s: float = _BUSY_S) -> None:
        """Look also whether the file says what it has to say.

        Raises
        ------
        StorageLostError
            If it does not.
        OldFormatError
            If it was made by an older version.
        StorageBusyError, StorageAccessError
            If it cannot be read now; it is waited for `busy_s` seconds.
        """
        self.check()
        try:
            with reading(self._path, busy_s) as connection:
                version, found = schema_version(connection), research_id_of(connection)
        except DamagedError as error:
            raise self._lost(f"research.db is damaged or none of a research ({error.reason})") from error
        if version < FORMAT:
            raise OldFormatError(str(self._path.parent), version, FORMAT)
        if found != self._research_id:
            raise self._lost("research.db is that of another research")

    def _lost(self, reason: str) -> StorageLostError:
        self._loss = StorageLostError(str(self._path.parent), reason)
        return self._loss


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
    that are forked from the one that opened it cannot write.

    Parameters
    ----------
    connection : sqlite3.Connection
        Without implicit transactions.
    name : str
        The path, for errors.
    watch : FileWatch, optional
        Watches the file, if there is one.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, watch: FileWatch | None = None) -> None:
        self.name = name
        self.guard = threading.RLock()
        self.before_commit: Callable[[], None] = lambda: None
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
        """Look whether the file is still that of the research.

        Raises
        ------
        StorageLostError
            If it was removed, replaced or overwritten.
        """
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
                self._begin()
            except BaseException:
                self.guard.release()
                raise
        self._depth += 1

    def _begin(self) -> None:
        self._failed = None
        if self._watch is not None:
            self._watch.check()
            self._watch.check_log()
        self.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        """Write what waits for the end of a transaction, for somebody who reads in the middle of it."""
        if self._depth:
            self.before_commit()

    def _diagnosed(self, error: sqlite3.DatabaseError) -> ResultsError:
        """Return what an error means: that the file is lost, if it is, whatever SQLite makes of it."""
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


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is, whatever it is called; None if there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _abandon(connection: sqlite3.Connection) -> None:
    """Let go of a connection to a lost file: closing it would fold the log into whatever is there now."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        connection.close()
    else:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # never closed, not at exit either


@contextlib.contextmanager
def reading(
    path: Path, busy_s: float = _BUSY_S, removed: Collection[str] = ()
) -> Iterator[sqlite3.Connection]:
    """Open the database read-only for the time of one question; removed experiments are not to be seen.

    Where a killed writer left a database that only somebody with the right to write could open, with a log to
    fold in or to begin, a private copy is read instead.

    Raises
    ------
    StorageAccessError, DamagedError
        If it cannot be read, or is no database of ours.
    """
    _check_files(path)
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(contextlib.closing(_connect(path, "ro", busy_s)))
            _check_reader(connection, path, removed)
        except sqlite3.OperationalError as error:
            unfinished = any(_beside(path, suffix).exists() for suffix in ("-wal", "-journal"))
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            sealed = error.sqlite_errorcode == sqlite3.SQLITE_CANTOPEN and path.is_file()
            if busy or not (unfinished or sealed):
                raise translated(error, str(path)) from error
            copy = _copy_aside(path, stack)
            connection = stack.enter_context(contextlib.closing(_connect(copy, "rw", busy_s)))
            _check_reader(connection, path, removed)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise translated(error, str(path)) from error
        try:
            connection.execute("BEGIN")
            yield connection
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise translated(error, str(path)) from error


def _check_files(path: Path) -> None:
    """Refuse what SQLite would follow or wait for: links, pipes and devices in the place of its files."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = _beside(path, suffix)
        kind = kind_of(file)
        if kind not in ("a file", None):
            raise DamagedError(f"{str(file)!r}", f"it is {kind}, not a file")


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


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _copy_aside(path: Path, stack: contextlib.ExitStack) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="research-read-")))
    for suffix in ("", "-wal", "-journal"):
        with translating(path), contextlib.suppress(FileNotFoundError):
            shutil.copyfile(_beside(path, suffix), folder / (path.name + suffix))
    os.chmod(folder / path.name, 0o600)  # noqa: PTH101
    return folder / path.name
