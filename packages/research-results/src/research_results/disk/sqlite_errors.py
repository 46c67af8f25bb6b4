"""Errors of SQLite and of the operating system, translated into errors of this package."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from research_results.errors import (
    DamagedError,
    ResultsError,
    StorageAccessError,
    StorageBusyError,
    StorageFullError,
)

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def translated(error: Exception, path: str) -> ResultsError:
    """Return what an error of SQLite or the operating system means for a research."""
    if isinstance(error, UnicodeDecodeError):  # in a message of SQLite about names in the file
        return DamagedError(f"{path!r}", "its list of tables is no text")
    text = str(error)
    code = getattr(error, "sqlite_errorcode", None)
    errno_full = isinstance(error, OSError) and error.errno in _FULL
    folder = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112, PTH120  (of any length)
    if code == sqlite3.SQLITE_FULL or errno_full:
        return StorageFullError(path, _free_bytes(folder))
    if code is not None and code & 0xFF == sqlite3.SQLITE_IOERR and _free_bytes(folder) < 1 << 17:
        return StorageFullError(path, _free_bytes(folder))
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or isinstance(error, sqlite3.IntegrityError):
        return DamagedError(f"{path!r}", text)
    if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageBusyError(path)
    return StorageAccessError(path, text)


def _free_bytes(folder: str) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


@contextlib.contextmanager
def translating(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into ours."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ResultsError):
            raise
        raise translated(error, str(folder)) from error


@contextlib.contextmanager
def translating_sqlite(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into ours."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise translated(error, str(path)) from error
