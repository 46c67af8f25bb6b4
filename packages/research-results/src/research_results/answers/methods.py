"""What people ask of results: why experiments failed, which config is best, mean and spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_results.frames.methods import ResultsFrames

if TYPE_CHECKING:
    from research_domain import FailureReport

__all__ = ["ResultsAnswers"]


class ResultsAnswers(ResultsFrames):
    """Answers from the results that a reader finds, under filters that always hold."""

    def failure_report(self, **kwargs: Any) -> FailureReport:
        """Return the failures, grouped by what they share; ``print`` it.

        Parameters
        ----------
        **kwargs
            Filters, see `filter`.

        Returns
        -------
        FailureReport
            Each group has its error, unit and iteration, the parameters that all of it have and the other
            experiments do not, the ids of its experiments and one traceback.

        Examples
        --------
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage()
        >>> for width in (8, 16):
        ...     try:
        ...         with storage.experiment({'width': width}, experiment_id=f'w{width}') as experiment:
        ...             experiment.put(loss=1 / (16 - width))
        ...     except ZeroDivisionError:
        ...         pass
        >>> print(storage.results.failure_report().headline)
        1 of 2 failed: ZeroDivisionError: division by zero, at iteration 0; with width=16
        """
        from research_results.answers.failures import failure_report

        return failure_report(self._reader, self._wanted(kwargs))
