"""A storage in the memory of this process."""

from __future__ import annotations

import sqlite3
import uuid
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research_results.disk.database import Database
from research_results.disk.meta import check_meta
from research_results.disk.names import check_file_name, folder_name
from research_results.disk.outputs import MemoryOutputs
from research_results.disk.schema import create_tables
from research_results.errors import StorageAccessError
from research_results.reading.source import MemorySource, TemporaryFolder
from research_results.results import ResearchResults
from research_results.storage.base import BaseStorage
from research_results.storage.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from research_results.disk.curation import Curated

__all__ = ["MemoryStorage"]


class MemoryStorage(BaseStorage):
    """Results in the memory of this process; gone with it.

    Examples
    --------
    >>> storage = MemoryStorage.create()
    >>> storage.put('a', {'loss': {0: 0.5, 1: 0.25}})
    >>> storage.results.df
      id  iteration  loss
    0  a          0  0.50
    1  a          1  0.25
    """

    def __init__(self, meta: Mapping[str, Any] | None = None) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        create_tables(connection, uuid.uuid4().hex)
        database = Database(connection, "memory")
        weakref.finalize(database, connection.close)
        super().__init__(Writer(database, None), MemoryOutputs())
        self._meta = check_meta(meta or {})
        self._source = MemorySource(database, self._meta, TemporaryFolder())
        self._environment: dict[str, str] = {}

    @classmethod
    def create(cls, path: str | Path | None = None, meta: Mapping[str, Any] | None = None) -> Self:
        """Return an empty storage; a path is ignored."""
        return cls(meta)

    @classmethod
    def open(cls, path: str | Path | None = None) -> Self:
        """Refuse: memory cannot be opened again."""
        raise StorageAccessError(str(path or "memory"), "results in memory end with their process")

    @classmethod
    def read(cls, path: str | Path | None = None) -> ResearchResults:
        """Refuse: memory cannot be read from elsewhere."""
        raise StorageAccessError(str(path or "memory"), "results in memory are read with storage.results")

    @property
    def path(self) -> Path | None:
        """None: results in memory have no folder."""
        return None

    @property
    def meta(self) -> Mapping[str, Any]:
        """What is kept about the whole research."""
        return dict(self._meta)

    @property
    def environment(self) -> Mapping[str, str]:
        """Texts about the environment."""
        return dict(self._environment)

    @property
    def results(self) -> ResearchResults:
        """Reader of what is stored so far; it stays good after `close`."""
        return ResearchResults.of(self._source, self)

    @property
    def curation(self) -> Curated:
        """What people have said of the research and its experiments."""
        return self._source.curation

    def folders(self, experiment_id: str) -> list[Path]:
        """Return the temporary folder of an experiment, if there is one."""
        folder = self._source.folder(experiment_id)
        return [] if folder is None else [folder]

    def update_meta(self, **values: Any) -> None:
        """Keep some more about the whole research."""
        self.check()
        self._meta.update(check_meta(values))

    def experiment_path(self, experiment_id: str) -> Path:
        """Return a temporary folder, kept as long as the results are."""
        folder = self._source.files.make() / folder_name(experiment_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put_environment(self, name: str, text: str) -> None:
        """Keep a text about the environment."""
        self._environment[check_file_name("an environment text", name)] = text

    def close(self) -> None:
        """Do nothing: what is in memory stays until nobody refers to it."""
