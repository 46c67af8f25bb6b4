"""Connections to research.db, and how it keeps its commits."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

JournalMode: TypeAlias = Literal["auto", "wal", "truncate"]

BUSY_S = 30.0
"""Seconds to wait for another program that keeps the file locked."""

_NETWORK = (
    *("nfs", "cifs", "smb", "lustre", "gpfs", "beegfs"),
    *("ceph", "afs", "9p", "fuse.", "glusterfs", "pvfs"),
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


def connect(path: Path, mode: str, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """Open a file without implicit transactions; `mode` as in URIs of SQLite."""
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)


def set_journal(connection: sqlite3.Connection, path: Path, journal: JournalMode) -> None:
    """Keep commits in a write-ahead log, or where there can be none in a rollback journal."""
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


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that SQLite keeps beside a database."""
    return path.with_name(path.name + suffix)
