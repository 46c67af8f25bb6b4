"""Blobs: large values as files that are named by a hash of their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from pathlib import Path

from research_results.disk.fail_points import fail_point
from research_results.disk.files import is_own_file, read_own, write_file
from research_results.disk.sqlite_errors import translating
from research_results.errors import DamagedError

BLOB_LIMIT_BYTES = 64 * 1024
"""Values up to this size stay in the database."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A folder of values, each in a file named by the hash of its bytes; made on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, data: bytes) -> str:
        """Keep a value, once, and return its name; when this returns it is on disk."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not is_own_file(path):
            with translating(self.folder.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, data)
                fail_point("between-blob-and-row")
        return digest

    def read(self, digest: str) -> bytes:
        """Return the value of a name; DamagedError if there is none, or its content has changed."""
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise DamagedError("a reference to blobs/", f"{str(digest)[:80]!r} is not the name of a blob")
        path = self._path(digest)
        try:
            data = read_own(path)
        except OSError as error:
            raise DamagedError(f"blobs/{digest}", f"cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedError(f"blobs/{digest}", "its content is not that of its name")
        return data

    def sweep(self, used: Container[str]) -> None:
        """Remove unused files."""
        for path in self.folder.glob("*/*"):
            if path.name not in used and _DIGEST.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what killed writers left half written, here and beside."""
        for path in (*self.folder.glob("*/*.tmp"), *self.folder.parent.glob("research.*.tmp")):
            path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest
