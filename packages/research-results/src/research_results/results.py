"""Results of experiments: read, filter, make DataFrames."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from research_results.curating.methods import ResultsCuration
from research_results.disk.meta import read_description
from research_results.disk.names import research_path
from research_results.errors import ArgumentError
from research_results.exporting.methods import ResultsExports
from research_results.plotting.methods import ResultsPictures
from research_results.reading.source import FolderSource, Source, TemporaryFolder
from research_results.writing.methods import ResultsWriting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from research_results.reading.together import ReaderOfSeveral
    from research_results.writing.opened import OpenResearch

__all__ = ["ResearchResults"]


class ResearchResults(ResultsPictures, ResultsExports, ResultsCuration, ResultsWriting):
    """Results of a research, or of several as one table, read as they are at the time of each call.

    Opening, listing, filtering and making a DataFrame run no code that a folder holds: what is more than
    plain data comes as an `Opaque` stand-in, unless `allow_pickle` is True, or the reader is that of a
    research which this very process ran, or whose values it keeps in its memory.

    Parameters
    ----------
    name : str, Path or list of str, Path or ResearchResults
        Folder of the research. A list of several makes one table of them: tables have a column ``research``,
        which is the name of the folder, or as much of its path as tells it from the others. In filters and in
        ``by=`` it is like a parameter, and what is looked up by experiment has the key ``'research/id'``.
    dump_results : bool
        False for results in the memory of this process, to be `put` here.
    allow_pickle : bool
        Let opaque values run their code: you trust the origin of the folder.
    **kwargs
        Filters for everything that is read: `experiment_id`, `iterations`, `config`, `alias`, `domain`,
        `tags`, and parameters with their values.

    Raises
    ------
    NotAResearchError, FormatError
        If a folder is not one of ours.
    ArgumentError
        If a list has nothing in it, or one folder twice.

    Examples
    --------
    >>> results = ResearchResults('memory', dump_results=False)
    >>> results.put('a', {'loss': {0: 0.5, 1: 0.25}}, {'lr': 0.1})
    >>> results.put('b', {'loss': {0: 0.75}}, {'lr': 0.2})
    >>> results.df
      id   lr  iteration  loss
    0  a  0.1          0  0.50
    1  a  0.1          1  0.25
    2  b  0.2          0  0.75
    >>> results.to_df(lr=0.2, include_config=False)
      id  iteration  loss
    0  b          0  0.75

    Several in one table:

    >>> more = ResearchResults('memory', dump_results=False)
    >>> more.put('a', {'loss': {0: 0.125}}, {'lr': 0.1})
    >>> both = ResearchResults([results, more])
    >>> both.to_df(lr=0.1, iterations=0)
         research id   lr  iteration   loss
    0      memory  a  0.1          0  0.500
    1  memory (2)  a  0.1          0  0.125
    """

    def __init__(
        self,
        name: str | Path | Sequence[str | Path | ResearchResults],
        dump_results: bool = True,
        *,
        allow_pickle: bool = False,
        **kwargs: Any,
    ) -> None:
        # late, here and below: who only writes needs no reader
        from research_results.reading.reader import Reader

        self._filters, self._opened = kwargs, None
        if not isinstance(name, str | PathLike):
            self._reader = _together(name, dump_results, allow_pickle)
        elif dump_results:
            folder = FolderSource(research_path(name), trusted=allow_pickle is True)
            read_description(folder.path)
            self._reader = Reader(folder)
        else:
            from research_results.writing.opened import OpenMemory

            self._opened = OpenMemory({}, TemporaryFolder())
            self._reader = Reader(self._opened.source)
        self._wanted({})

    @classmethod
    def of(cls, source: Source, opened: OpenResearch) -> ResearchResults:
        """Return a reader of a research that is open for writing."""
        from research_results.reading.reader import Reader

        results = cls.__new__(cls)
        results._reader, results._opened, results._filters = Reader(source), opened, {}
        return results

    def __repr__(self) -> str:
        names = [part.label for part in self._parts()]
        filters = "".join(f", {name}={value!r}" for name, value in self._filters.items())
        return f"ResearchResults({(names[0] if len(names) == 1 else names)!r}{filters})"


def _together(
    given: Sequence[str | Path | ResearchResults], dump_results: bool, allow_pickle: bool
) -> ReaderOfSeveral:
    """Return a reader of several researches."""
    from research_results.reading.together import put_together

    if not isinstance(given, list | tuple) or not given:
        raise ArgumentError("name", f"is a folder, or a list of at least one folder, got {given!r}")
    if not dump_results:
        raise ArgumentError("dump_results", "is for one research; give ResearchResults of memory in the list")
    opened = [
        each if isinstance(each, ResearchResults) else ResearchResults(each, allow_pickle=allow_pickle)
        for each in given
    ]
    return put_together([part for each in opened for part in each._parts()])
