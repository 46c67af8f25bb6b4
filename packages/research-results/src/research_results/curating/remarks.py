"""Tags and notes on a research and on its experiments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from research_domain.texts import clean_text
from research_results.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from research_results.disk.curation import Remarks
    from research_results.reading.filters import Query
    from research_results.reading.reader import Reader
    from research_results.reading.together import ReaderOfSeveral


class _Said:
    """Remarks on the experiments that filters select, or on the research."""

    def __init__(
        self, reader: Reader | ReaderOfSeveral, wanted: Callable[[Mapping[str, Any]], Query]
    ) -> None:
        self._reader = reader
        self._wanted = wanted

    def _of_research(self) -> Remarks:
        return self._reader.source.curation.read().research

    def _of_experiments(self) -> dict[str, Remarks]:
        said = self._reader.source.curation.read().experiments
        return {name: said[name] for name in self._reader.ids(self._wanted({})) if name in said}

    def _change(self, filters: Mapping[str, Any], change: Callable[[Remarks], Remarks]) -> None:
        wanted = self._wanted(filters)
        ids = self._reader.ids(wanted) if filters else None
        if ids is not None and not ids:
            which = f" has {wanted.describe()}" if wanted.describe() else " passes the filters"
            raise ArgumentError("filters", f"no experiment{which}; nothing was changed")
        self._reader.source.curation.edit(lambda now: now.with_remarks(ids, change))


class Tags(_Said):
    """Tags of a research and of its experiments: ``results.tags``.

    They are kept in the folder, and may be changed while the research runs. ``tags=`` is a filter.

    Examples
    --------
    >>> from research_results import ResearchResults
    >>> results = ResearchResults('memory', dump_results=False)
    >>> for lr in (0.1, 0.2):
    ...     results.put(f'e{lr}', {'loss': {0: lr}}, {'lr': lr})
    >>> results.tags.add('baseline', lr=0.1)
    >>> results.tags.add('paper')
    >>> results.tags
    Tags(research=('paper',), experiments={'e0.1': ('baseline',)})
    >>> results.to_df(tags='baseline')
         id   lr  iteration  loss
    0  e0.1  0.1          0   0.1
    """

    @property
    def research(self) -> tuple[str, ...]:
        """Tags of the whole research, sorted."""
        return self._of_research().tags

    @property
    def experiments(self) -> dict[str, tuple[str, ...]]:
        """Experiment → its tags; experiments without tags are missing."""
        return {name: each.tags for name, each in self._of_experiments().items() if each.tags}

    def add(self, *tags: str, **filters: Any) -> None:
        """Add tags to the experiments that filters let through; without filters to the research itself.

        Parameters
        ----------
        *tags : str
            Of a letter or more, without commas and new lines.
        **filters
            See `ResearchResults.filter`.

        Raises
        ------
        ArgumentError
            If a text is no tag, or no experiment passes the filters.
        """
        given = _checked(tags)
        self._change(filters, lambda each: replace(each, tags=tuple(sorted({*each.tags, *given}))))

    def remove(self, *tags: str, **filters: Any) -> None:
        """Remove tags if they are set; parameters as in `add`."""
        given = _checked(tags)
        self._change(
            filters, lambda each: replace(each, tags=tuple(tag for tag in each.tags if tag not in given))
        )

    def set(self, *tags: str, **filters: Any) -> None:
        """Replace all tags by these; parameters as in `add`."""
        given = _checked(tags)
        self._change(filters, lambda each: replace(each, tags=tuple(sorted(given))))

    def __repr__(self) -> str:
        return f"Tags(research={self.research!r}, experiments={self.experiments!r})"


def _checked(tags: tuple[str, ...]) -> set[str]:
    for tag in tags:
        if not isinstance(tag, str) or tag != tag.strip() or not tag or {*tag} & {*",\n\r"}:
            raise ArgumentError("tags", f"a tag is a text without commas and spaces around it, got {tag!r}")
    return set(map(clean_text, tags))


class Notes(_Said):
    """Notes on a research and on its experiments: ``results.notes``.

    Examples
    --------
    >>> from research_results import ResearchResults
    >>> results = ResearchResults('memory', dump_results=False)
    >>> results.put('a', {'loss': {0: 0.5}}, {'lr': 0.1})
    >>> results.notes.set('diverges after the warm-up', experiment_id='a')
    >>> results.notes.set('for the appendix')
    >>> results.notes
    Notes(research='for the appendix', experiments={'a': 'diverges after the warm-up'})
    """

    @property
    def research(self) -> str:
        """Note on the whole research; empty if there is none."""
        return self._of_research().note

    @property
    def experiments(self) -> dict[str, str]:
        """Experiment → its note; experiments without a note are missing."""
        return {name: each.note for name, each in self._of_experiments().items() if each.note}

    def set(self, text: str, **filters: Any) -> None:
        """Write a note on the experiments that filters let through; without filters on the research itself.

        Parameters
        ----------
        text : str
            It takes the place of an earlier one; an empty text removes that.
        **filters
            See `ResearchResults.filter`.
        """
        if not isinstance(text, str):
            raise ArgumentError("text", f"a note is a text, got {text!r}")
        note = clean_text(text)
        self._change(filters, lambda each: replace(each, note=note))

    def __repr__(self) -> str:
        return f"Notes(research={self.research!r}, experiments={self.experiments!r})"
