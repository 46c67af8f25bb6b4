"""Whether research.db is still the file that was opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from research_results.disk.connections import BUSY_S, beside
from research_results.disk.files import kind_of
from research_results.disk.read_only import reading
from research_results.disk.schema import FORMAT, research_id_of, schema_version
from research_results.disk.sqlite_errors import translated
from research_results.errors import DamagedError, OldFormatError, StorageAccessError, StorageLostError


class FileWatch:
    """Notices when the database of a research is removed, replaced or overwritten."""

    def __init__(self, path: Path, research_id: str) -> None:
        self._path = path
        self._research_id = research_id
        self._identity: tuple[int, int] | None = None
        self._log: tuple[int, int] | None = None
        self._loss: StorageLostError | None = None

    def check(self) -> None:
        """Check that the file is still there and the same; once it is not, every call raises."""
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
        self._log = _identity(beside(self._path, "-wal"))

    def check_log(self) -> None:
        """Check that the log is still there; SQLite folds it into the database at the end."""
        if self._log is not None and _identity(beside(self._path, "-wal")) != self._log:
            reason = "research.db-wal was removed or replaced while it was written"
            raise StorageAccessError(str(self._path.parent), reason)

    def check_content(self, busy_s: float = BUSY_S) -> None:
        """Check also that the file is that of the research, and of a format that is written.

        If it cannot be read now it is waited for `busy_s` seconds.
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


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the identity of a file, independent of its name; None if it does not exist."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
