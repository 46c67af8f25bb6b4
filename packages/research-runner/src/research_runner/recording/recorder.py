"""The recorder: the only writer of a run, which turns events into rows of the storage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

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

_WAIT_S: Final = 0.2


class Recorder:
    """Writes what happens into the storage of the research, in the thread that owns the storage.

    With `gathers`, a queued experiment is written when it begins, or has been waiting for a while: a short
    one is written once, when it has ended.
    """

    def __init__(self, storage: Storage, code: str | None = None, *, gathers: bool = False) -> None:
        self._storage = storage
        self._code = code
        self._put_attempts = getattr(storage, "put_attempts", None)
        self._wait_s = _WAIT_S if gathers else 0.0
        self._queued: dict[str, ExperimentQueued] = {}  # not written yet
        self._left = self._queued
        self._long: Sequence[str] = ()  # those of them that were there when the last waiting time ended
        self._ends = 0.0  # monotonic time at which this one ends, in seconds

    def is_due(self, now: float) -> bool:
        """Whether experiments have been waiting for long."""
        return bool(self._queued) and now >= self._ends

    def write(self, events: Iterable[Event], now: float = math.inf) -> None:
        """Write events in their order; `now`, the monotonic time in seconds, says which need not wait longer.

        Call :meth:`settle` when the transaction has ended; before, the same events can be written again.
        """
        queued, attempts = dict(self._queued), []
        for event in events:
            if type(event) is AttemptDone:
                attempts.append(event)
            elif type(event) is ExperimentQueued:
                queued[event.experiment_id] = event
            else:
                self._put(attempts, queued)
                self._add(queued, event[:1])
                self._handle(event)
        self._put(attempts, queued)
        if now >= self._ends:
            self._add(queued, self._long if now < self._ends + self._wait_s else list(queued))
        self._left = queued

    def settle(self, now: float) -> None:
        """Record that all written rows are committed."""
        self._queued = self._left
        if now >= self._ends:
            self._long, self._ends = list(self._queued), now + self._wait_s

    def _add(self, queued: dict[str, ExperimentQueued], names: Iterable[Any]) -> None:
        """Write experiments as queued, as far as they have not been written."""
        for name in names:
            event = queued.pop(name, None)
            if event is not None:
                self._storage.add(name, event.config, index=event.number, digest=event.digest)

    def _put(self, attempts: list[AttemptDone], queued: dict[str, ExperimentQueued]) -> None:
        """Write whole attempts, in one call if the storage has one for it."""
        if attempts and self._put_attempts is not None:
            self._put_attempts(attempts, queued, self._code)
            for attempt in attempts:
                queued.pop(attempt[0], None)
        else:
            for attempt in attempts:
                self._add(queued, attempt[:1])
                self._handle(ExperimentStarted(*attempt[:6]))
                if attempt.encoded:
                    self._storage.put_encoded(attempt.experiment_id, attempt.encoded)
                self._end(ExperimentEnded(attempt.experiment_id, attempt.iterations, attempt.elapsed_s, None))
        attempts.clear()

    def _handle(self, event: Event) -> None:
        storage = self._storage
        match event:
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
