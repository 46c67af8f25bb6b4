"""Errors of searches; each keeps its data as attributes and survives pickling."""

from __future__ import annotations

from research_runner import RunnerError

__all__ = ["NothingFeasibleError"]


class NothingFeasibleError(RunnerError):
    """All that a search could think of was rejected by a filter of the domain."""

    predicate: str
    """What rejected it."""
    count: int
    """How many proposals in a row."""

    def __str__(self) -> str:
        return (
            f"{self.predicate} has rejected {self.count} proposals in a row; "
            "let the parameters have ranges of which more is allowed"
        )
