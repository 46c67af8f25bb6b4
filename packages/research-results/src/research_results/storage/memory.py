"""A storage in the memory of this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from research_results.disk.meta import check_meta
from research_results.disk.names import check_file_name, folder_name
from research_results.disk.outputs import MemoryOutputs
from research_results.errors import StorageAccessError
from research_results.reading.source import TemporaryFolder
from research_results.storage.base import BaseStorage
from research_results.writing.opened import OpenMemory

if TYPE_CHECKING:
    from research_results.results import ResearchResults


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
        self._meta = check_meta(meta or {})
        self._files = TemporaryFolder()
        super().__init__(OpenMemory(self._meta, self._files), MemoryOutputs())
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
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the research."""
        return dict(self._meta)

    @property
    def environment(self) -> Mapping[str, str]:
        """Texts about the environment."""
        return dict(self._environment)

    def update_meta(self, **values: Any) -> None:
        """Keep some more about the whole research."""
        self.check()
        self._meta.update(check_meta(values))

    def experiment_path(self, experiment_id: str) -> Path:
        """Return a temporary folder, kept as long as the results are."""
        folder = self._files.make() / folder_name(experiment_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put_environment(self, name: str, text: str) -> None:
        """Keep a text about the environment."""
        self._environment[check_file_name("an environment text", name)] = text
