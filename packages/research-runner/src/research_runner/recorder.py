"""The only writer: events into the storage."""

from __future__ import annotations

from research_experiment import Storage
from research_experiment.protocols import Status
from research_runner.events import (
    Event,
    ExperimentAbandoned,
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentReturned,
    ExperimentStarted,
    OutputCaptured,
    ValuesSaved,
)
from research_runner.past import set_aside

__all__ = ["Recorder"]


class Recorder:
    """Writes what happens into the storage of the research.

    Parameters
    ----------
    storage : Storage
        Owned by the thread that calls.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def handle(self, event: Event) -> None:
        """Write one event."""
        storage = self._storage
        match event:
            case ExperimentQueued(experiment_id, config, place):
                storage.add(experiment_id, config, index=place)
            case ExperimentStarted(experiment_id, attempt, slot, device, started):
                storage.mark(
                    experiment_id, "running", attempt=attempt, worker=slot, device=device, started=started
                )
            case ValuesSaved(experiment_id, encoded):
                storage.put_encoded(experiment_id, encoded)
            case OutputCaptured(experiment_id, stream, text):
                storage.put_output(experiment_id, stream, text)
            case ExperimentEnded(experiment_id, iterations, elapsed_s, failure):
                status: Status = "done" if failure is None else "failed"
                storage.mark(
                    experiment_id, status, iterations=iterations, elapsed_s=elapsed_s, failure=failure
                )
            case ExperimentLost(experiment_id, _, failure, retry):
                storage.mark(experiment_id, "queued" if retry else "failed", failure=failure)
                if retry:
                    self._set_aside(experiment_id)
            case ExperimentReturned(experiment_id):
                storage.mark(experiment_id, "queued")
                self._set_aside(experiment_id)
            case ExperimentAbandoned(experiment_id, failure):
                storage.mark(experiment_id, "lost", failure=failure)
            case _:
                pass

    def _set_aside(self, experiment_id: str) -> None:
        """Let the next attempt begin with an empty folder."""
        if self._storage.path is not None:
            set_aside(self._storage.path, experiment_id)
