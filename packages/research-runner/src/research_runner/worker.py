"""What happens inside a worker: tasks in, events out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from research_experiment import Failure, Hook, RunningExperiment, Surroundings
from research_experiment.protocols import Encoded, Values
from research_runner.capturing import STREAMS, branch_capture, process_capture, targets_of, task_label
from research_runner.events import (
    ExperimentEnded,
    OutputCaptured,
    Profiled,
    Progressed,
    TaskEnded,
    TaskReturned,
    TaskStarted,
    UnitFailed,
    ValuesSaved,
)
from research_runner.logs import experiment_log, research_log
from research_runner.output.branches import BranchCapture
from research_runner.plan import WorkerPlan
from research_runner.pool import Channel
from research_runner.profiling import profile_rows
from research_runner.tasks import Task

__all__ = ["SLOT_VARIABLE", "Outbox", "Serve", "TaskRunner"]

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
        if experiment.profile_info:
            epoch = time.time() - time.perf_counter()
            rows = profile_rows(experiment.id, experiment.profile_info, experiment.profile_details, epoch)
            self._emit(Profiled(experiment.id, tuple(rows)))
        elapsed_s = time.perf_counter() - self._started
        self._emit(ExperimentEnded(experiment.id, experiment.iteration + 1, elapsed_s, experiment.failure))


class TaskRunner:
    """Runs tasks in this process.

    Parameters
    ----------
    plan : WorkerPlan
        What to run and how.
    slot : int
        The slot of the worker.
    emit : callable
        Takes the events.
    own_process : bool
        Whether the process belongs to the tasks alone: then everything that is raised is a failure of a unit,
        and output is caught at the level of file descriptors.
    """

    def __init__(
        self, plan: WorkerPlan, slot: int, emit: Callable[[Any], None], *, own_process: bool = True
    ) -> None:
        self._plan = plan
        self._place = plan.places[slot]
        self._emit = emit
        self._own_process = own_process
        self._output = process_capture(plan, slot) if own_process else None

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Open logs and the capture of output for the time of the block."""
        plan = self._plan
        with ExitStack() as stack:
            if plan.log_level is not None and plan.folder is not None:
                if self._own_process:
                    stack.enter_context(research_log(plan.folder, plan.log_level))
                stack.enter_context(experiment_log(plan.path_of, plan.log_level))
            if self._output is not None:
                stack.enter_context(self._output)
            yield

    def devices_are_free(self) -> str | None:
        """Wait for free memory on the devices; return why a task cannot begin, None if it can."""
        gate = self._plan.gate
        if gate is None:
            return None
        verdict = gate.wait(self._place.devices)
        return None if verdict.passed else str(verdict)

    def run(self, task: Task) -> None:
        """Run a task to its end; what it prints is kept where it was asked for."""
        if self._output is None:
            branches = branch_capture(self._plan)
            self._execute(task, branches)
        else:
            branches = None if len(task.experiments) == 1 else branch_capture(self._plan)
            with self._output.task(task_label(task), targets_of(self._plan, task)) as captured:
                self._execute(task, branches)
            for fd, text in captured.items():
                self._hand_over(task_label(task), fd, text.text)
        if branches is not None:
            for (experiment_id, fd), kept in branches.finish().items():
                self._hand_over(experiment_id, fd, kept)

    def _hand_over(self, experiment_id: str, fd: int, text: str) -> None:
        if text:
            self._emit(OutputCaptured(experiment_id, STREAMS[fd], text))

    def _execute(self, task: Task, capture: BranchCapture | None) -> None:
        plan, execution = self._plan, self._plan.execution
        options: dict[str, Any] = {} if plan.results is None else {"results": plan.results}
        execution.executor_class(
            plan.experiment,
            configs=[self._place.complete(spec) for spec in task.experiments],
            target=execution.target,
            n_iters=execution.n_iters,
            finalize=execution.finalize,
            debug=execution.debug,
            sink=EncodingSink(self._emit, plan.encode),
            hooks=(Reporter(self._emit),),
            identities=[spec.identity for spec in task.experiments],
            surroundings=Surroundings(entropy=plan.entropy, path_of=plan.path_of, **options),
            catch=(BaseException,) if self._own_process else (Exception, SystemExit),
            flush_every_s=execution.flush_every_s,
            capture=capture,
            profile=execution.profile,
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
        outbox = Outbox(channel.send)
        runner = TaskRunner(self.plan, int(os.environ[SLOT_VARIABLE]), outbox.add)
        with runner.prepared():
            while True:
                for task in channel.recv():
                    self._serve(task, runner, outbox)
                if not channel.poll(0):
                    outbox.flush()

    def _serve(self, task: Task, runner: TaskRunner, outbox: Outbox) -> None:
        reason = runner.devices_are_free()
        if reason is not None:
            outbox.add(TaskReturned(task.index, reason))
            return
        outbox.add(TaskStarted(task.index, time.time()))
        outbox.flush()
        begun = time.perf_counter()
        runner.run(task)
        outbox.add(TaskEnded(task.index, time.perf_counter() - begun))
