"""What happens inside a worker: tasks in, events out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from research_experiment import Failure, Hook, RunningExperiment, Surroundings
from research_experiment.protocols import Encoded, Values
from research_runner.events import (
    ExperimentEnded,
    Progressed,
    TaskEnded,
    TaskStarted,
    UnitFailed,
    ValuesSaved,
)
from research_runner.plan import WorkerPlan
from research_runner.pool import Channel
from research_runner.tasks import Task

__all__ = ["SLOT_VARIABLE", "Outbox", "Serve", "run_task"]

SLOT_VARIABLE: Final = "RESEARCH_WORKER"
"""Environment variable with the number of the worker's slot."""

_REPORT_EVERY_S: Final = 0.1


class Outbox:
    """Gathers events and sends them together: at once when asked to, and now and then by itself.

    Parameters
    ----------
    send : callable
        Sends a tuple of events.
    """

    def __init__(self, send: Callable[[tuple[Any, ...]], None]) -> None:
        self._send = send
        self._events: list[Any] = []
        self._sent = time.monotonic()
        self._lock = Lock()

    def add(self, event: Any) -> None:
        """Add an event; send all of them if the last sending was a while ago."""
        with self._lock:
            self._events.append(event)
            if time.monotonic() - self._sent > _REPORT_EVERY_S:
                self._flush()

    def flush(self) -> None:
        """Send what there is."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        events, self._events = tuple(self._events), []
        self._sent = time.monotonic()
        if events:
            self._send(events)


class EncodingSink:
    """Encodes values where they were made, so that the coordinator only has to write them.

    Parameters
    ----------
    emit : callable
        Takes the events.
    encode : callable
        The encoder of the storage.
    """

    def __init__(self, emit: Callable[[Any], None], encode: Callable[[Values], Encoded]) -> None:
        self._emit = emit
        self._encode = encode

    def put(self, experiment_id: str, values: Values) -> None:
        self._emit(ValuesSaved(experiment_id, self._encode(values)))


class Reporter(Hook):
    """Turns what happens to experiments into events.

    Parameters
    ----------
    emit : callable
        Takes the events.
    """

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit
        self._started = time.perf_counter()
        self._reported = time.monotonic()

    def iterated(self, experiment: RunningExperiment) -> None:
        """Report progress, not more often than anybody can read."""
        now = time.monotonic()
        if now - self._reported > _REPORT_EVERY_S:
            self._reported = now
            for branch in experiment.branches:
                self._emit(Progressed(branch.id, branch.iteration + 1))

    def failed(self, experiment: RunningExperiment, failure: Failure) -> None:
        """Report a failed unit."""
        self._emit(UnitFailed(experiment.id, failure, os.getpid()))

    def ended(self, experiment: RunningExperiment) -> None:
        """Report the end; all values have been put before."""
        elapsed_s = time.perf_counter() - self._started
        self._emit(ExperimentEnded(experiment.id, experiment.iteration + 1, elapsed_s, experiment.failure))


def run_task(
    plan: WorkerPlan,
    slot: int,
    task: Task,
    emit: Callable[[Any], None],
    catch: tuple[type[BaseException], ...] = (Exception, SystemExit),
) -> None:
    """Run a task to its end.

    Parameters
    ----------
    plan : WorkerPlan
        What to run and how.
    slot : int
        The slot of the worker.
    task : Task
        The experiments.
    emit : callable
        Takes the events.
    catch : tuple of exception classes
        What counts as a failure of a unit.
    """
    place, execution = plan.places[slot], plan.execution
    branches = None
    if place.branches:
        branches = [place.branches[spec.branch] for spec in task.experiments]
    options: dict[str, Any] = {}
    if plan.path_of is not None:
        options["path_of"] = plan.path_of
    if plan.results is not None:
        options["results"] = plan.results
    execution.executor_class(
        plan.experiment,
        configs=[spec.config for spec in task.experiments],
        branches_configs=branches,
        executor_config=place.config,
        target=execution.target,
        n_iters=execution.n_iters,
        finalize=execution.finalize,
        debug=execution.debug,
        sink=EncodingSink(emit, plan.encode),
        hooks=(Reporter(emit),),
        identities=[spec.identity for spec in task.experiments],
        surroundings=Surroundings(entropy=plan.entropy, **options),
        catch=catch,
        flush_every_s=execution.flush_every_s,
    ).run()


@dataclass(frozen=True, slots=True)
class Serve:
    """Serves tasks in a worker process until the coordinator has no more.

    Parameters
    ----------
    plan : WorkerPlan
        What to run and how.
    """

    plan: WorkerPlan

    def __call__(self, channel: Channel) -> None:
        """Run tasks as they come; each is acknowledged before the next begins."""
        slot = int(os.environ[SLOT_VARIABLE])
        outbox = Outbox(channel.send)
        while True:
            for task in channel.recv():
                started = time.time()
                outbox.add(TaskStarted(task.index, started))
                outbox.flush()
                begun = time.perf_counter()
                run_task(self.plan, slot, task, outbox.add, catch=(BaseException,))
                outbox.add(TaskEnded(task.index, time.perf_counter() - begun))
            if not channel.poll(0):
                outbox.flush()
