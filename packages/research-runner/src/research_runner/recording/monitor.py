"""The monitor: counts and times of a research while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from research_runner.scheduling.events import (
    AttemptDone,
    Event,
    ExperimentAbandoned,
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentReturned,
    ExperimentStarted,
    Progressed,
    UnitFailed,
    ValueShown,
)


class Listener(Protocol):
    """Receives events of some kinds, in order, in the thread of the coordinator."""

    @property
    def kinds(self) -> tuple[type[Any], ...]:
        """Kinds of events that it receives; read when the run begins."""

    def handle(self, event: Event) -> None:
        """Process an event."""


class Monitor:
    """Counts of a research; what ``research.monitor`` gives.

    Parameters
    ----------
    expected : callable
        Returns how many experiments there will be, None if unknown.
    done, failed : int
        Experiments that are kept from an earlier run.

    Attributes
    ----------
    exceptions : list of dict
        One per failed unit and lost attempt: id, name (of the unit), it (the iteration), pid, exception.
    finished_experiments : int
        Experiments that have ended, failed ones included.
    failed_experiments : int
        Those among them that failed.
    generated_experiments : int
        Experiments taken from the domain so far.
    latest : str or None
        The latest value of the variable that is to be shown, as a text.
    """

    kinds = (
        AttemptDone,
        ExperimentQueued,
        ExperimentStarted,
        ExperimentEnded,
        Progressed,
        ValueShown,
        UnitFailed,
        ExperimentLost,
        ExperimentAbandoned,
        ExperimentReturned,
    )

    def __init__(
        self, expected: Callable[[], int | None] = lambda: None, done: int = 0, failed: int = 0
    ) -> None:
        self.exceptions: list[Mapping[str, Any]] = []
        self.finished_experiments = done + failed
        self.failed_experiments = failed
        self.generated_experiments = 0
        self.latest: str | None = None
        self._expected = expected
        self._ended_iterations = 0
        self._running: dict[str, int] = {}
        self._longest = 0

    @property
    def finished_iterations(self) -> int:
        """Iterations done by all experiments so far."""
        return self._ended_iterations + self.running_iterations

    @property
    def running_iterations(self) -> int:
        """Iterations done by the experiments that run now."""
        return sum(self._running.values())

    @property
    def begun_experiments(self) -> float:
        """The progress of running experiments together, in quarters of an experiment.

        An experiment is taken to be as long as the longest that is done, or whose generators tell how
        long they are; this is 0 as long as there is none.
        """
        if not self._longest:
            return 0.0
        return sum(min(4 * done // self._longest, 3) for done in self._running.values()) / 4

    @property
    def in_progress(self) -> int:
        """Experiments that run now."""
        return len(self._running)

    @property
    def in_queue(self) -> int:
        """Experiments that wait for a worker."""
        return self.generated_experiments - self.finished_experiments - self.in_progress

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known; None if the domain is infinite."""
        return self._expected()

    @property
    def remained_experiments(self) -> int | None:
        """Experiments that have not ended, as far as is known; None if the domain is infinite."""
        expected = self.expected
        return None if expected is None else max(expected - self.finished_experiments, self.in_progress)

    def handle(self, event: Event) -> None:
        """Count an event."""
        if type(event) is AttemptDone:
            iterations = event.iterations
            self.finished_experiments += 1
            self._ended_iterations += iterations
            if iterations > self._longest:
                self._longest = iterations
            return
        if type(event) is ExperimentQueued:
            self.generated_experiments = max(self.generated_experiments, event.number + 1)
            return
        match event:
            case ExperimentStarted():
                self._running[event.experiment_id] = 0
            case Progressed(experiment_id, iterations, of):
                self._running[experiment_id] = iterations
                self._longest = max(self._longest, of)
            case ValueShown(_, text):
                self.latest = text
            case UnitFailed(experiment_id, failure, pid):
                self._note(experiment_id, failure.unit, failure.iteration, pid, failure)
            case ExperimentLost(experiment_id, _, failure, retry):
                self._note(experiment_id, failure.unit, failure.iteration, None, failure)
                self._ended_iterations += self._running.pop(experiment_id, 0)
                if not retry:
                    self._count(failed=True)
            case ExperimentEnded(experiment_id, iterations, _, failure):
                self._running.pop(experiment_id, None)
                self._end(iterations, failed=failure is not None)
            case ExperimentAbandoned(experiment_id, _) | ExperimentReturned(experiment_id):
                self._ended_iterations += self._running.pop(experiment_id, 0)

    def _end(self, iterations: int, *, failed: bool) -> None:
        self._ended_iterations += iterations
        if not failed and iterations > self._longest:
            self._longest = iterations
        self._count(failed=failed)

    def _count(self, *, failed: bool) -> None:
        self.finished_experiments += 1
        self.failed_experiments += failed

    def _note(
        self, experiment_id: str, unit: str | None, iteration: int, pid: int | None, failure: Any
    ) -> None:
        note = {"id": experiment_id, "name": unit, "it": iteration, "pid": pid, "exception": failure}
        self.exceptions.append(note)
