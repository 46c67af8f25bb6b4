"""Writing to what results are read from, as methods of results."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from research_domain import ConfigAlias
from research_results.reading.methods import ResultsReading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from research_results.writing.opened import OpenResearch


class ResultsWriting(ResultsReading):
    """Methods of results that write and delete."""

    _opened: OpenResearch | None

    def put(self, experiment_id: str, results: Mapping[str, Mapping[int, Any]], config: Any = None) -> None:
        """Store values of an experiment; a folder is opened for writing for this one call.

        Parameters
        ----------
        experiment_id : str
            The experiment.
        results : mapping of str to mapping of int to object
            Variable to iteration to value.
        config : mapping or ConfigAlias, optional
            Its parameters.
        """
        with self._writing() as opened, opened.writer.database:
            opened.check_there(experiment_id)
            if config is not None:
                alias = config if isinstance(config, ConfigAlias) else ConfigAlias(config)
                opened.writer.add(experiment_id, alias, None)
            opened.put(experiment_id, results)

    def gc(self) -> list[str]:
        """Delete the values and files of removed experiments permanently, which frees space.

        Those that wait or run in this process stay removed, and can still be restored.

        Returns
        -------
        list of str
            Those that are gone.

        Raises
        ------
        LockedError
            If another process runs the research.

        Examples
        --------
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage()
        >>> with storage.experiment({'lr': 0.1}, experiment_id='a') as run:
        ...     run.put(loss=0.5)
        >>> storage.results.remove('a')
        ['a']
        >>> storage.results.gc()
        ['a']
        """
        with self._writing() as opened:
            return opened.collect(ended_only=opened is self._opened)

    @contextmanager
    def _writing(self) -> Iterator[OpenResearch]:
        """Yield the open research, or open the folder temporarily."""
        path = self._reader.source.path
        if self._opened is not None and (self._opened.is_open or path is None):
            yield self._opened
        elif path is not None:
            from research_results.writing.opened import OpenFolder  # late: who only reads needs no writer

            with OpenFolder(path) as opened:
                yield opened
