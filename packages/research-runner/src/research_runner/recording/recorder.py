"""The only writer: events into the storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from research_experiment import Storage
from research_runner.recording.folder import set_aside
from research_runner.scheduling.events import (
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
    """Writes what happens into the storage of the research.

    Parameters
    ----------
    storage : Storage
        Owned by the thread that calls.
    known : iterable of str
        Experiments of an earlier run, whose values have to go when they begin anew.
    code : str, optional
        The version of the code that experiments run with.
    """

    def __init__(self, storage: Storage, known: Iterable[str] = (), code: str | None = None) -> None:
        self._storage = storage
        self._code = code
        self._again = set(known)

    def write(self, news: Sequence[Event]) -> None:
        """Write events in their order; an experiment that began and ended among them is marked once."""
        ended = {event.experiment_id for event in news if isinstance(event, ExperimentEnded)}
        begun: dict[str, dict[str, Any]] = {}
        for event in news:
            if isinstance(event, ExperimentStarted):
                details = {**_start_details(event), "code": self._code}
                if event.experiment_id in ended and event.experiment_id not in self._again:
                    begun[event.experiment_id] = details
                else:
                    self._storage.mark(event.experiment_id, "running", **details)
            elif isinstance(event, ExperimentEnded):
                self._end(event, begun.pop(event.experiment_id, {}))
            else:
                self._handle(event)

    def _end(self, event: ExperimentEnded, details: Mapping[str, Any]) -> None:
        self._storage.mark(
            event.experiment_id,
            "done" if event.failure is None else "failed",
            iterations=event.iterations,
            elapsed_s=event.elapsed_s,
            failure=event.failure,
            **details,
        )

    def _handle(self, event: Event) -> None:
        storage = self._storage
        match event:
            case ExperimentQueued(experiment_id, config, number, digest):
                storage.add(experiment_id, config, index=number, digest=digest)
            case ValuesSaved(experiment_id, encoded):
                storage.put_encoded(experiment_id, encoded)
            case OutputCaptured(experiment_id, stream, text):
                storage.put_output(experiment_id, stream, text)
            case ExperimentLost(experiment_id, _, failure, retry):
                storage.mark(experiment_id, "queued" if retry else "failed", failure=failure)
                if retry:
                    self._begin_again(experiment_id)
            case ExperimentReturned(experiment_id):
                storage.mark(experiment_id, "queued")
                self._begin_again(experiment_id)
            case ExperimentAbandoned(experiment_id, failure):
                storage.mark(experiment_id, "lost", failure=failure)
            case _:
                pass

    def _begin_again(self, experiment_id: str) -> None:
        """Let the next attempt begin with an empty folder and without the values of this one."""
        self._again.add(experiment_id)
        if self._storage.path is not None:
            set_aside(self._storage.path, experiment_id)


def _start_details(event: ExperimentStarted) -> dict[str, Any]:
    return {
        "attempt": event.attempt,
        "worker": event.slot,
        "host": event.host,
        "device": event.device,
        "started": event.started,
    }
