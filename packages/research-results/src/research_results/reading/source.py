"""Sources of results: a folder, or the memory of this process."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from research_results.disk.blobs import Blobs
from research_results.disk.curation import Curated, FolderCuration, MemoryCuration
from research_results.disk.database import Database
from research_results.disk.files import is_own_file, is_own_folder
from research_results.disk.meta import read_description
from research_results.disk.names import folder_name
from research_results.disk.read_only import reading
from research_results.disk.schema import hiding
from research_results.errors import DamagedError

DATABASE = "research.db"


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Results in a folder; nothing is kept open between questions."""

    path: Path
    trusted: bool = False
    """False: a folder may come from anywhere; True: who reads has said that it may run its code."""
    shows_removed: bool = False
    """Whether what was removed is there to be read, as far as it is not deleted."""

    @property
    def name(self) -> str:
        """The folder as text."""
        return str(self.path)

    @property
    def meta(self) -> Mapping[str, Any]:
        """What research.json keeps."""
        return read_description(self.path).meta

    @property
    def curation(self) -> Curated:
        """What curation.json says."""
        return FolderCuration(self.path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open research.db read-only for one question; it does not change meanwhile."""
        removed = () if self.shows_removed else self.curation.read().removed
        with reading(self.path / DATABASE, removed=removed) as connection:
            yield connection

    def blob(self, digest: str) -> bytes:
        """Return the content of a file of blobs/."""
        return Blobs(self.path / "blobs").read(digest)

    def folder(self, experiment_id: str) -> Path | None:
        """Return experiments/<id> if it is there and is not a way out."""
        folder = self.path / "experiments" / folder_name(experiment_id)
        return folder if is_own_folder(folder.parent) and is_own_folder(folder) else None

    def folders(self, experiment_id: str) -> list[Path]:
        """Return the folders with files of an experiment, those of interrupted attempts too."""
        name = folder_name(experiment_id)
        interrupted = (self.path / "interrupted").glob(f"{glob.escape(name)}-*")
        found = [self.path / "experiments" / name]
        found += [path for path in interrupted if path.name.removeprefix(f"{name}-").isdigit()]
        return [path for path in found if is_own_folder(path.parent) and is_own_folder(path)]

    def size_bytes(self) -> int:
        """Return what all files of the folder take."""
        return sum(path.lstat().st_size for path in self.path.rglob("*") if is_own_file(path))


class TemporaryFolder:
    """A folder that is made when it is needed and goes with this object, or with the process that made it."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def make(self) -> Path:
        """Return the folder, made now or before."""
        if self.path is None:
            self.path = Path(tempfile.mkdtemp(prefix="research-memory-"))
            weakref.finalize(self, _remove, self.path, os.getpid())
        return self.path


def _remove(folder: Path, owner: int) -> None:
    """Remove a folder in the process that made it; a forked one has only a copy of the object."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Results in the memory of this process, shared with their writer."""

    database: Database
    meta: Mapping[str, Any]
    files: TemporaryFolder
    curation: Curated = field(default_factory=MemoryCuration)

    @property
    def name(self) -> str:
        """The word by which errors name it."""
        return "memory"

    @property
    def path(self) -> Path | None:
        """None: results in memory have no folder."""
        return None

    @property
    def trusted(self) -> bool:
        """The values were made by this process and its workers."""
        return True

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the writer back for one question."""
        with self.database.guard:
            self.database.flush()
            with hiding(self.database.connection, self.curation.read().removed):
                yield self.database.connection

    def blob(self, digest: str) -> bytes:
        """Refuse: in memory there are no files."""
        raise DamagedError("memory", f"refers to a blob {digest!r}")

    def folder(self, experiment_id: str) -> Path | None:
        """Return the temporary folder of an experiment if it has one."""
        if self.files.path is None:
            return None
        folder = self.files.path / folder_name(experiment_id)
        return folder if folder.is_dir() else None

    def folders(self, experiment_id: str) -> list[Path]:
        """Return the temporary folder of an experiment if it has one."""
        folder = self.folder(experiment_id)
        return [] if folder is None else [folder]

    def size_bytes(self) -> int:
        """Return None: memory takes no space on disk."""
        return 0


Source: TypeAlias = FolderSource | MemorySource
"""What a reader needs of a research, whatever holds it."""
