"""What ``research.log`` says about the events of a run."""

from __future__ import annotations

from typing import Final

from research_experiment import Failure
from research_experiment.careful_logging import careful_logger
from research_runner.scheduling.events import (
    Event,
    ExperimentEnded,
    ExperimentLost,
    TaskReturned,
    UnitFailed,
    WorkerLeaves,
)

__all__ = ["RunLog"]

_ROOT: Final = careful_logger("research")
_TRACEBACKS: Final = 1000
"""Different tracebacks that are remembered."""


class RunLog:
    """Logs what a reader of ``research.log`` looks for: failures, and at debug level every end.

    A traceback that came before is not repeated.
    """

    def __init__(self) -> None:
        self._tracebacks: dict[str, str] = {}

    def _traceback(self, failure: Failure) -> str:
        """Return the traceback of a failure, or whose it equals."""
        text = failure.traceback.rstrip("\n")
        first = self._tracebacks.get(text)
        if first is not None:
            return f"with the traceback of experiment {first}"
        if len(self._tracebacks) < _TRACEBACKS:
            self._tracebacks[text] = failure.experiment_id
        return text

    def handle(self, event: Event) -> None:
        """Log an event."""
        match event:
            case UnitFailed(_, failure, _, place):
                where = "" if place is None else f"; on {place}"
                _ROOT.error("%s%s\n%s", failure, where, self._traceback(failure))
            case WorkerLeaves(reason):
                _ROOT.warning("a worker is replaced by a fresh one: %s", reason)
            case TaskReturned(_, str(reason)):
                _ROOT.warning("a task goes back to the queue: %s", reason)
            case ExperimentLost(experiment_id, attempt, failure, retry):
                fate = "it will be tried again" if retry else "it has failed"
                _ROOT.error(
                    "experiment %s, attempt %d: %s; %s", experiment_id, attempt, failure.message, fate
                )
            case ExperimentEnded(experiment_id, iterations, elapsed_s, failure):
                state = "done" if failure is None else "failed"
                _ROOT.debug("experiment %s %s: %d it, %.3f s", experiment_id, state, iterations, elapsed_s)
            case _:
                pass
