"""What ``research.log`` says about the events of a run."""

from __future__ import annotations

import logging
from typing import Any, Final

from research_experiment import Failure
from research_experiment.careful_logging import careful_logger
from research_runner.scheduling.events import (
    AttemptDone,
    Event,
    ExperimentEnded,
    ExperimentLost,
    TaskReturned,
    UnitFailed,
    WorkerLeaves,
)

_ROOT: Final = careful_logger("research")
_TRACEBACKS: Final = 1000
"""Different tracebacks that are remembered."""


class RunLog:
    """Logs what a reader of ``research.log`` looks for: failures, and at debug level every end.

    A traceback that came before is not repeated.
    """

    def __init__(self) -> None:
        self._tracebacks: dict[str, str] = {}

    @property
    def kinds(self) -> tuple[type[Any], ...]:
        """Kinds of events that it logs at the level of now."""
        ends = (AttemptDone, ExperimentEnded) if _ROOT.isEnabledFor(logging.DEBUG) else ()
        return (UnitFailed, WorkerLeaves, TaskReturned, ExperimentLost, *ends)

    def _traceback(self, failure: Failure) -> str:
        """Return the traceback of a failure, or a reference to an equal one."""
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
            case AttemptDone() | ExperimentEnded(failure=None):
                self._log_end(event, "done")
            case ExperimentEnded():
                self._log_end(event, "failed")
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

    def _log_end(self, event: AttemptDone | ExperimentEnded, state: str) -> None:
        _ROOT.debug(
            "experiment %s %s: %d it, %.3f s", event.experiment_id, state, event.iterations, event.elapsed_s
        )
