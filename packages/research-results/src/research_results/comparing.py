"""Comparison of researches and experiments, wherever they are."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research_results.errors import ArgumentError, NotAResearchError
from research_results.results import ResearchResults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from research_results.answers.comparison import Comparison
    from research_results.answers.objectives import At, Mode

__all__ = ["compare"]


def compare(
    *studies: Any,
    variables: str | Sequence[str] | None = None,
    at: At = "last",
    mode: Mode = "min",
    over: str | Sequence[str] | None = "repetition",
    **kwargs: Any,
) -> Comparison:
    """Compare researches or experiments: which parameters differ, variables by how much, code, environment.

    Parameters
    ----------
    *studies : str, Path, ResearchResults or Research
        At least two: folders of researches, ``'folder/ID'`` for an experiment, results, or what has results.
    variables, at, mode, over, **kwargs
        As of `ResearchResults.compare`.

    Returns
    -------
    Comparison
        To be printed. A config that is in several researches is one row of its ``df``.

    Raises
    ------
    NotAResearchError
        If a folder is none of ours.
    UnknownVariableError, UnknownParameterError, UnknownExperimentError
        If there is nothing of such a name.
    ArgumentError
        If there are less than two sides, or one of them twice.

    Examples
    --------
    >>> from research_results import ResearchResults
    >>> old, new = (ResearchResults('memory', dump_results=False) for _ in range(2))
    >>> for repetition in range(2):
    ...     config = {'lr': 0.1, 'repetition': repetition}
    ...     old.put(str(repetition), {'loss': {0: 0.5 + repetition / 10}}, config)
    ...     new.put(str(repetition), {'loss': {0: 0.25 + repetition / 10}}, config | {'depth': 3})
    >>> print(compare(old, new))
    research     memory    memory (2)
    experiments  2 queued  2 queued
    configs      1         1
    <BLANKLINE>
    parameter  memory  memory (2)
    depth           -  3
    <BLANKLINE>
    variable  configs  mean  difference  std      sem  research
    loss            1  0.55           -    -        -  memory
    loss            1   0.3       -0.25    -  0.07071  memory (2)
    <BLANKLINE>
    loss by config
    memory            memory (2)       difference  config
    0.55 ± 0.071 (2)  0.3 ± 0.071 (2)       -0.25  all
    <BLANKLINE>
    no difference in code, environment
    """
    from research_results.answers.groups import names_of  # late, as readers are
    from research_results.answers.objectives import check_at
    from research_results.answers.sides import compare_sides
    from research_results.reading.together import put_together

    parts = [part for study in studies for part in _opened(study)._parts()]
    if len(parts) < 2:
        raise ArgumentError("compare", f"takes at least two researches or experiments, got {len(parts)}")
    reader = put_together(parts, name_experiments=True)
    return compare_sides(reader, kwargs, variables, check_at(at), mode, names_of("over", over))


def _opened(study: Any) -> ResearchResults:
    """Return the results that are meant."""
    if isinstance(study, ResearchResults):
        return study
    if isinstance(study, str | PathLike):
        return _opened_folder(Path(study))
    results = getattr(study, "results", None)
    if isinstance(results, ResearchResults):
        return results
    raise ArgumentError("compare", f"takes folders and results, got a {type(study).__name__}")


def _opened_folder(path: Path) -> ResearchResults:
    """Return the results of a folder, or of the experiment of a folder that its last part names."""
    try:
        return ResearchResults(path)
    except NotAResearchError as error:
        try:
            above = ResearchResults(path.parent)
        except NotAResearchError:
            raise error from None
        above.filter(experiment_id=path.name)
        return ResearchResults(path.parent, experiment_id=path.name)
