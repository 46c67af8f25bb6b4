"""Storages in a folder that lasts, and how it is removed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from research_domain.texts import encode_text
from research_results.disk.connections import JournalMode
from research_results.disk.database import create_database
from research_results.disk.fail_points import fail_point
from research_results.disk.files import write_file
from research_results.disk.lock import WriteLock
from research_results.disk.meta import Description, now_text, read_description, write_description
from research_results.disk.names import check_file_name, folder_name, research_path
from research_results.disk.outputs import FolderOutputs
from research_results.disk.sqlite_errors import translating
from research_results.errors import ExistsError, NotAResearchError
from research_results.reading.source import DATABASE
from research_results.storage.base import BaseStorage
from research_results.writing.opened import OpenFolder

if TYPE_CHECKING:
    from research_results.results import ResearchResults


class FolderStorage(BaseStorage):
    """Results in a folder that lasts.

    Made by `create` or `open`; while it is open no other process can write to the folder, all can read it.

    Parameters
    ----------
    path : str or Path
        The folder of a research.
    take_over : bool
        Take the lock of a holder on another host, which you know to be dead.
    journal : {'auto', 'wal', 'truncate'}
        How the database keeps its commits; ``'auto'`` knows.
    allow_pickle : bool
        Let :attr:`results` run the code of opaque values: you trust the origin of the folder.
    """

    _busy_s = 2.0
    """Seconds to wait in one call for another program that locks the database."""

    def __init__(
        self,
        path: str | Path,
        *,
        take_over: bool = False,
        journal: JournalMode = "auto",
        allow_pickle: bool = False,
    ) -> None:
        self._opened: OpenFolder = OpenFolder(
            research_path(path),
            take_over=take_over,
            journal=journal,
            trusted=allow_pickle is True,
            busy_s=self._busy_s,
        )
        super().__init__(self._opened, FolderOutputs(self.path))

    @classmethod
    def create(
        cls,
        path: str | Path | None,
        meta: Mapping[str, Any] | None = None,
        *,
        journal: JournalMode = "auto",
        allow_pickle: bool = False,
    ) -> Self:
        """Make the folder of a new research and open it for writing.

        Parameters
        ----------
        path : str or Path
            The folder; nothing may be there.
        meta : mapping, optional
            Options, entropy, times: what JSON can hold.
        journal, allow_pickle
            See :class:`FolderStorage`.

        Raises
        ------
        ExistsError
            If something is there.
        StorageAccessError, StorageFullError
            If it cannot be written.
        """
        folder = research_path(path or "")
        _make_folder(folder, meta or {}, journal)
        return cls(folder, journal=journal, allow_pickle=allow_pickle)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        take_over: bool = False,
        journal: JournalMode = "auto",
        allow_pickle: bool = False,
    ) -> Self:
        """Open the folder of a research to go on writing.

        Parameters
        ----------
        path : str or Path
            The folder.
        take_over, journal, allow_pickle
            See :class:`FolderStorage`.

        Raises
        ------
        LockedError
            If it is open for writing; a dead holder's lock is taken over.
        NotAResearchError, FormatError, StorageAccessError, StorageFullError
            If it cannot be opened.
        """
        return cls(path, take_over=take_over, journal=journal, allow_pickle=allow_pickle)

    @classmethod
    def is_there(cls, path: str | Path) -> bool:
        """Tell whether something is at a path already.

        Raises
        ------
        NameRefusedError
            If no research can be made there, because its path is too long.
        """
        return os.path.lexists(research_path(path))

    @classmethod
    def read(cls, path: str | Path, *, allow_pickle: bool = False) -> ResearchResults:
        """Return a reader of a folder; it runs no code of the folder's unless `allow_pickle` is True."""
        from research_results.results import ResearchResults  # late: few runs read while they write

        return ResearchResults(path, allow_pickle=allow_pickle)

    @property
    def path(self) -> Path:
        """Folder of the research."""
        return self._opened.path

    @property
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the research."""
        return dict(self._opened.description.meta)

    @property
    def past(self) -> ResearchResults:
        """Reader of all that was stored, also of what was removed since: what a search has to know again."""
        source = replace(self._opened.source, shows_removed=True)
        from research_results.results import ResearchResults  # late: few runs read while they write

        return ResearchResults.of(source, self._opened)

    def update_meta(self, **values: Any) -> None:
        """Keep some more about the whole research, in research.json and research.txt."""
        self._opened.update_meta(values)

    def experiment_path(self, experiment_id: str) -> Path:
        """Return experiments/<id>, made on first use."""
        folder = self.path / "experiments" / folder_name(experiment_id)
        with translating(self.path):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put_environment(self, name: str, text: str) -> None:
        """Keep a text as env/<name>."""
        self._writer.database.check_owner()
        path = self.path / "env" / check_file_name("an environment text", name)
        with translating(self.path):
            path.parent.mkdir(exist_ok=True)
            write_file(path, encode_text(text))


class ResearchStorage(FolderStorage):
    """A folder for the results of your own loop: made if it is not there, continued if it is.

    Parameters
    ----------
    path : str or Path
        The folder.
    meta : mapping, optional
        Kept in research.json.
    take_over, journal, allow_pickle
        See :class:`FolderStorage`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp() + '/research'
    >>> with ResearchStorage(folder) as storage:
    ...     storage.put('a', {'loss': {0: 0.5}})
    >>> with ResearchStorage(folder) as storage:
    ...     storage.put('a', {'loss': {1: 0.25}})
    ...     storage.results.df
      id  iteration  loss
    0  a          0  0.50
    1  a          1  0.25
    """

    _busy_s = 30.0

    def __init__(
        self,
        path: str | Path,
        meta: Mapping[str, Any] | None = None,
        *,
        take_over: bool = False,
        journal: JournalMode = "auto",
        allow_pickle: bool = False,
    ) -> None:
        folder = research_path(path)
        if not folder.exists():
            _make_folder(folder, meta or {}, journal)
        super().__init__(folder, take_over=take_over, journal=journal, allow_pickle=allow_pickle)
        if meta:
            self.update_meta(**meta)


def remove_research(path: str | Path, *, force: bool = False) -> None:
    """Remove the folder of a research with everything in it.

    Parameters
    ----------
    path : str or Path
        The folder.
    force : bool
        Also if it is no research, is of a newer format, or is open for writing.

    Raises
    ------
    NotAResearchError, FormatError
        If it is no research that this version knows.
    LockedError
        If it is open for writing.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp() + '/research'
    >>> ResearchStorage(folder).close()
    >>> remove_research(folder)
    >>> Path(folder).exists()
    False
    """
    folder = research_path(path)
    if not folder.is_dir() or folder.is_symlink():
        raise NotAResearchError(str(folder), "it is no folder" if folder.exists() else "nothing is there")
    lock = WriteLock(folder / "research.lock")
    with translating(folder):
        if not force:
            read_description(folder)
            lock.acquire()
        try:
            shutil.rmtree(folder)
        finally:
            lock.release()


def _make_folder(folder: Path, meta: Mapping[str, Any], journal: JournalMode) -> None:
    """Make a folder that says what it is and can be read from its first moment on, or none."""
    description = Description(created=now_text(), id=uuid.uuid4().hex).updated(meta)
    with translating(folder):
        if folder.exists() or folder.is_symlink():
            raise ExistsError(str(folder))
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".research-", dir=folder.parent))
        try:
            mask = os.umask(0o077)
            os.umask(mask)
            made.chmod(0o777 & ~mask)
            write_description(made, description)
            create_database(made / DATABASE, description.id, journal)
            fail_point("folder-made")
            made.rename(folder)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
                raise ExistsError(str(folder)) from None
            raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
