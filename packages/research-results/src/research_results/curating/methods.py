"""Tags, notes, and what is removed, as methods of results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from research_results.curating.remarks import Notes, Tags
from research_results.disk.meta import now_text
from research_results.errors import ArgumentError
from research_results.reading.methods import ResultsReading
from research_results.reading.versions import Versions, versions_in


class ResultsCuration(ResultsReading):
    """What people say of the results that a reader finds, and in what surroundings they came about."""

    @property
    def tags(self) -> Tags:
        """Tags of the research and of its experiments, to be read, added, removed and set."""
        return Tags(self._reader, self._wanted)

    @property
    def notes(self) -> Notes:
        """Notes on the research and on its experiments, to be read and set."""
        return Notes(self._reader, self._wanted)

    @property
    def versions(self) -> tuple[Versions, ...]:
        """Python, imported packages and commit of the first run, and of each that had others than the last.

        Empty where nothing was kept: in memory, in own loops, and in older folders.
        """
        return versions_in(self._reader.source.meta)

    @property
    def removed(self) -> tuple[str, ...]:
        """Experiments that were removed, sorted by name."""
        return tuple(sorted(self._reader.source.curation.read().removed))

    @property
    def gone(self) -> tuple[str, ...]:
        """Those among `removed` whose values `gc` has deleted, sorted by name."""
        said = self._reader.source.curation.read().experiments
        return tuple(sorted(name for name, remarks in said.items() if remarks.is_gone))

    def remove(self, experiment_id: str | list[str] | None = None, **filters: Any) -> list[str]:
        """Remove experiments from all tables, pictures, answers, counts and exports.

        Nothing is deleted before `gc` is called: `restore` brings them back. A resume does not run them
        again. An experiment that runs at this moment goes on, unseen.

        Parameters
        ----------
        experiment_id : str or list of str, optional
            Experiments.
        **filters
            See `filter`.

        Returns
        -------
        list of str
            Those that were removed.

        Raises
        ------
        ArgumentError
            If nothing says which.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> for lr in (0.1, 0.2, 9.9):
        ...     results.put(f'e{lr}', {'loss': {0: lr}}, {'lr': lr})
        >>> results.remove(lr=9.9)
        ['e9.9']
        >>> results.df
             id   lr  iteration  loss
        0  e0.1  0.1          0   0.1
        1  e0.2  0.2          0   0.2
        >>> results.restore()
        ['e9.9']
        >>> len(results.df)
        3
        """
        given = filters if experiment_id is None else {"experiment_id": experiment_id, **filters}
        if not given:
            raise ArgumentError(
                "experiment_id", "say which experiments to remove, by their ids or by filters such as lr=0.1"
            )
        ids, when = self._reader.ids(self._wanted(given)), now_text()
        self._reader.source.curation.edit(
            lambda now: now.with_remarks(ids, lambda each: replace(each, removed=each.removed or when))
        )
        return ids

    def restore(self, experiment_id: str | list[str] | None = None) -> list[str]:
        """Bring removed experiments back.

        Parameters
        ----------
        experiment_id : str or list of str, optional
            Some of `removed`, by default all whose values have not been deleted by `gc`.

        Returns
        -------
        list of str
            Those that are back.

        Raises
        ------
        ArgumentError
            If one of them was not removed, or was deleted.
        """
        curation = self._reader.source.curation
        said = curation.read().experiments
        if experiment_id is None:
            ids = [name for name in self.removed if not said[name].is_gone]
        else:
            ids = [experiment_id] if isinstance(experiment_id, str) else list(experiment_id)
        for name in ids:
            if name not in said or not said[name].removed:
                raise ArgumentError("experiment_id", f"{name!r} was not removed; see results.removed")
            if said[name].is_gone:
                raise ArgumentError("experiment_id", f"{name!r} is gone for good: gc deleted its values")
        curation.edit(
            lambda now: now.with_remarks(
                ids, lambda each: each if each.is_gone else replace(each, removed="")
            )
        )
        return ids
