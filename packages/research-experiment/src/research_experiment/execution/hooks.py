"""Hook: what watches experiments while they run.

Hooks are called in the thread of the branch that they are told about and must return quickly. What a hook
raises is logged and never reaches the experiment, except for :meth:`Hook.ends`, which decides on it.
"""

from __future__ import annotations

from research_experiment.execution.running import RunningExperiment
from research_experiment.failures import Failure


class Hook:
    """Watches experiments; every method does nothing until it is overridden.

    Only overridden methods cost anything.

    Examples
    --------
    >>> class Count(Hook):
    ...     def iterated(self, experiment):
    ...         print(experiment.id, experiment.iteration)
    """

    def started(self, experiment: RunningExperiment) -> None:
        """Tell that the experiment is about to run its first unit."""

    def calling(self, experiment: RunningExperiment, unit: str) -> None:
        """Tell that a unit is about to run; for a root unit the experiment is the root."""

    def called(self, experiment: RunningExperiment, unit: str, started_s: float, elapsed_s: float) -> None:
        """Tell that one unit ran (or failed).

        Parameters
        ----------
        experiment : RunningExperiment
            The branch; for a root unit the root.
        unit : str
            Name of the unit.
        started_s : float
            When it started, seconds of ``time.perf_counter``.
        elapsed_s : float
            Time it took in seconds.
        """

    def iterated(self, experiment: RunningExperiment) -> None:
        """Tell that an iteration has ended; ``experiment.iteration`` is its number."""

    def ends(self, experiment: RunningExperiment) -> bool:
        """Return whether the experiment is to end after the iteration that has ended.

        It is asked after :meth:`iterated`, unless that iteration was known to be the last one. Units due at
        ``'last'`` do not run for an experiment that is ended so; everything that it saved is put. What this
        raises is a failure of the experiment.
        """
        return False

    def failed(self, experiment: RunningExperiment, failure: Failure) -> None:
        """Tell that a unit failed; only the first failure of an experiment is its cause."""

    def ended(self, experiment: RunningExperiment) -> None:
        """Tell that the experiment has ended and that all its values have been put.

        A run that is interrupted, by an exception that is no failure of a unit, does not tell this.
        """
