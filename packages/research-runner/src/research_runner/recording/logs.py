"""What ``research.log`` says about the events of a run."""

from __future__ import annotations

from typing import Final

from research_experiment.careful_logging import careful_logger
from research_runner.scheduling.events import Event, ExperimentEnded, ExperimentLost, TaskReturned, UnitFailed

__all__ = ["RunLog"]

_ROOT: Final = careful_logger("research")


class RunLog:
    """Logs what a reader of ``research.log`` looks for: failures, and at debug level every end."""

    def handle(self, event: Event) -> None:
        """Log an event."""
        match event:
            case UnitFailed(_, failure):
                _ROOT.error("%s", failure)
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
