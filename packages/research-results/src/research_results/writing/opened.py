"""Researches that are open for writing: what storages and results write through."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from research_domain import ConfigAlias
from research_results.codec.encoding import Values, encode
from research_results.disk.blobs import Blobs
from research_results.disk.connections import JournalMode
from research_results.disk.database import Database, connect_writer
from research_results.disk.fail_points import fail_point
from research_results.disk.lock import WriteLock
from research_results.disk.meta import read_description, write_description, write_text
from research_results.disk.schema import FORMAT, create_tables, hiding
from research_results.disk.sqlite_errors import translating
from research_results.errors import (
    ArgumentError,
    OldFormatError,
    ResultsError,
    StorageAccessError,
    StorageBusyError,
    StorageFullError,
    StorageLostError,
)
from research_results.reading.source import DATABASE, FolderSource, MemorySource, Source, TemporaryFolder
from research_results.writing.writer import Writer


class OpenResearch:
    """A research that is open for writing."""

    writer: Writer
    source: Source
    """Where it is read, and where its files and what people say of it are."""

    def __init__(self, writer: Writer, source: Source) -> None:
        self.writer, self.source = writer, source

    @property
    def is_open(self) -> bool:
        """Whether this process can write to it."""
        return self.writer.database.is_open

    @property
    def removed(self) -> frozenset[str]:
        """Removed experiments."""
        return self.source.curation.read().removed

    def check_there(self, experiment_id: str) -> None:
        """Refuse to write values of a removed experiment."""
        if experiment_id in self.removed:
            raise ArgumentError(
                "experiment_id",
                f"{experiment_id!r} was removed; results.restore({experiment_id!r}) brings it back, or take "
                "another name",
            )

    def put(self, experiment_id: str, values: Values) -> None:
        """Write values of an experiment; one that is not there gets an empty config."""
        encoded = encode(values)
        with self.writer.database:
            if not self.writer.known(experiment_id):
                self.writer.add(experiment_id, ConfigAlias(), None)
            self.writer.put(experiment_id, encoded)

    def collect(self, *, ended_only: bool) -> list[str]:
        """Delete the values and files of removed experiments; with `ended_only`, of ended ones."""
        curation = self.source.curation
        statuses, waiting = self.writer.statuses(), ("queued", "running") if ended_only else ()
        ids = [name for name in sorted(self.removed) if statuses.get(name, "queued") not in waiting]
        before = curation.read().experiments
        curation.edit(  # first, so that what a killed process has deleted cannot be restored
            lambda now: now.with_remarks(ids, lambda each: replace(each, is_gone=bool(each.removed)))
        )
        said = curation.read().experiments
        gone = [name for name in ids if name in statuses and said[name].is_gone]
        with self.writer.database:
            for name in gone:
                self.writer.drop(name)
        for folder in (folder for name in gone for folder in self.source.folders(name)):
            shutil.rmtree(folder)
        self.writer.shrink()
        return [name for name in gone if not before[name].is_gone]

    def close(self) -> None:
        """End writing; reading goes on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class OpenMemory(OpenResearch):
    """A research in the memory of this process, open as long as it is referred to."""

    def __init__(self, meta: Mapping[str, Any], files: TemporaryFolder) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        create_tables(connection, uuid.uuid4().hex)
        database = Database(connection, "memory")
        weakref.finalize(database, connection.close)
        super().__init__(Writer(database, None), MemorySource(database, meta, files))


class OpenFolder(OpenResearch):
    """A research in a folder, whose lock is held until it is closed; parameters as of `FolderStorage`."""

    source: FolderSource

    def __init__(
        self,
        path: Path,
        *,
        take_over: bool = False,
        journal: JournalMode = "auto",
        trusted: bool = False,
        busy_s: float = 30.0,
    ) -> None:
        self.path = path
        self.description = read_description(path)
        if self.description.format < FORMAT:
            raise OldFormatError(str(path), self.description.format, FORMAT)
        self._lock = WriteLock(path / "research.lock")
        with translating(path):
            self._lock.acquire(take_over=take_over)
        fail_point("locked")
        with contextlib.ExitStack() as opened:
            opened.callback(self._lock.release)
            database = connect_writer(path / DATABASE, self.description.id, journal, busy_s)
            opened.callback(database.close)
            self._blobs = Blobs(path / "blobs")
            super().__init__(Writer(database, self._blobs), FolderSource(path, trusted))
            self._blobs.tidy()
            fail_point("opened")
            self.update_meta({})
            opened.pop_all()  # nothing failed: they stay until close()

    def update_meta(self, values: Mapping[str, Any]) -> None:
        """Keep some more about the whole research, in research.json and research.txt."""
        self.writer.database.check()
        description = self.description.updated(values)
        with translating(self.path):
            write_description(self.path, description, self.description)
            self.description = description
            self._write_text()

    def close(self) -> None:
        """End writing and leave one database file; does nothing the second time."""
        database = self.writer.database
        if not database.is_open:
            return
        try:
            if self.writer.dropped and database.is_there():
                self._blobs.sweep(set(self.writer.used_blobs()))
            with contextlib.suppress(ResultsError), translating(self.path):
                database.check()
                self._write_text()
            with contextlib.suppress(
                StorageAccessError, StorageBusyError, StorageFullError, StorageLostError
            ):
                self.writer.index()
        finally:
            database.close(tidy=True)
            fail_point("database-closed")
            self._lock.release()

    def _write_text(self) -> None:
        database = self.writer.database
        with database.guard, hiding(database.connection, self.removed):
            write_text(self.path, self.description, self.writer.counts())
