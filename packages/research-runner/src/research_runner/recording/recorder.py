"""The recorder: the only writer of a run, which turns events into rows of the storage."""

from __future__ import annotations

from collections.abc import Sequence

from research_experiment import Storage
from research_runner.recording.folder import set_aside
from research_runner.scheduling.events import (
    AttemptDone,
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

__all__ = ["Recorder"]


class Recorder:
    """Writes what happens into the storage of the research, in the thread that owns the storage."""

    def __init__(self, storage: Storage, code: str | None = None) -> None:
        self._storage = storage
        self._code = code
        self._put_attempt = getattr(storage, "put_attempt", None)

    def write(self, events: Sequence[Event]) -> None:
        """Write events in their order."""
        for event in events:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        storage = self._storage
        match event:
            case AttemptDone():
                self._write_attempt(event)
            case ExperimentQueued(experiment_id, config, number, digest):
                storage.add(experiment_id, config, index=number, digest=digest)
            case ExperimentStarted(experiment_id, attempt, worker, host, device, started):
                details = {"host": host, "device": device, "started": started, "code": self._code}
                storage.mark(experiment_id, "running", attempt=attempt, worker=worker, **details)
            case ExperimentEnded():
                self._end(event)
            case ValuesSaved(experiment_id, encoded):
                storage.put_encoded(experiment_id, encoded)
            case OutputCaptured(experiment_id, stream, text):
                storage.put_output(experiment_id, stream, text)
            case ExperimentLost(experiment_id, _, failure, retry):
                storage.mark(experiment_id, "queued" if retry else "failed", failure=failure)
                if retry:
                    self._clear(experiment_id)
            case ExperimentReturned(experiment_id):
                storage.mark(experiment_id, "queued")
                self._clear(experiment_id)
            case ExperimentAbandoned(experiment_id, failure):
                storage.mark(experiment_id, "lost", failure=failure)
            case _:
                pass

    def _write_attempt(self, event: AttemptDone) -> None:
        """Write a whole attempt, in one call if the storage has one for it."""
        experiment_id, attempt, worker, host, device, started, iterations, elapsed_s, encoded = event
        if self._put_attempt is not None:
            self._put_attempt(
                experiment_id,
                encoded,
                attempt=attempt,
                worker=worker,
                host=host,
                device=device,
                code=self._code,
                started=started,
                iterations=iterations,
                elapsed_s=elapsed_s,
            )
            return
        self._handle(ExperimentStarted(*event[:6]))
        if encoded:
            self._storage.put_encoded(experiment_id, encoded)
        self._end(ExperimentEnded(experiment_id, iterations, elapsed_s, None))

    def _end(self, event: ExperimentEnded) -> None:
        early = {} if event.stopped is None else {"stopped": event.stopped}
        self._storage.mark(
            event.experiment_id,
            "done" if event.failure is None else "failed",
            iterations=event.iterations,
            elapsed_s=event.elapsed_s,
            failure=event.failure,
            **early,
        )

    def _clear(self, experiment_id: str) -> None:
        """Let the next attempt begin with an empty folder."""
        if self._storage.path is not None:
            set_aside(self._storage.path, experiment_id)
