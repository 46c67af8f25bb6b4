"""Tasks in the process of the coordinator: for debugging, notebooks, and systems without worker processes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, current_thread
from typing import Any

from research_experiment.careful_logging import careful_logger
from research_experiment.execution.global_random import ScriptRandom
from research_runner.backends.protocol import Capabilities, RunEnvironment
from research_runner.backends.registry import refuse_address
from research_runner.pool.launch import cuda_user
from research_runner.scheduling.events import BackendEvent, TaskStarted, WorkerDied, WorkerReady
from research_runner.scheduling.tasks import Task
from research_runner.system.death import Death
from research_runner.system.libraries import without_what_is_set
from research_runner.system.open_files import finish_files
from research_runner.system.place import Place
from research_runner.worker.plan import WorkerPlan
from research_runner.worker.reporting import Outbox
from research_runner.worker.serving import TaskRunner

_LOG = careful_logger("research.devices")


class InlineBackend:
    """Runs queued tasks in :meth:`poll`, one after another as long as `report` says so.

    `report` takes events while a task runs, so that long experiments can be watched, and when it has ended.
    The environment variables of the worker, which show it its devices, are set while tasks run; a process in
    which CUDA is already in use keeps the devices that it has, and a warning is logged.

    The script's global generators of random numbers are put back when no task is queued: their states are
    large, and short tasks would take longer to keep them than to run.
    """

    slots = 1  # tasks run one at a time in this process

    def __init__(self, plan: WorkerPlan, report: Callable[[Sequence[BackendEvent]], bool]) -> None:
        self._report = report
        self._goes_on = False  # whether the next task may begin, as the last report was answered
        self._has_run = False
        self._events: list[BackendEvent] = []
        self._tasks: deque[Task] = deque()
        self._thread = current_thread()
        self._reporting = Lock()
        self._answers: dict[str, bool] = {}
        self._outbox = Outbox(self._take)
        self._script_random = ScriptRandom() if plan.execution.seed_globals else None
        self._runner = TaskRunner(plan, 0, self._outbox, self._wait_for_answer, own_process=False)
        self._place = Place.here(plan.setups[0].device_names)
        self._environment = without_what_is_set(plan.setups[0].environment, forked=True)
        if self._environment and (user := cuda_user()):
            _LOG.warning("devices cannot be chosen any more, because %s; use parallel=True", user)

    def start(self, slot: int) -> None:
        """Report the worker as ready."""
        self._events.append(BackendEvent(slot, WorkerReady(slot, os.getpid(), self._place)))

    def submit(self, slot: int, tasks: Sequence[Task]) -> None:
        """Queue tasks; :meth:`poll` runs them."""
        self._tasks.extend(tasks)

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Run queued tasks, report them, and return what has happened besides."""
        if self._tasks and not self._events:
            self._has_run = True
            if self._script_random is not None:
                self._script_random.keep()
            with _variables(self._environment), self._runner.prepared():
                self._run_queued()
            if not self._tasks:
                self.rest()
        events, self._events = self._events, []
        return events

    def _run_queued(self) -> None:
        """Run tasks; the beginning of the first one, which may be long, is reported at once."""
        outbox, runner = self._outbox, self._runner
        outbox.flush(TaskStarted(self._tasks[0].index, time.time()))
        while True:
            task, begun = self._tasks.popleft(), time.perf_counter()
            try:
                runner.run(task)
                outbox.end(task.index, time.perf_counter() - begun)
            finally:
                outbox.flush()
            if not (self._tasks and self._goes_on):
                return
            outbox.hold(TaskStarted(self._tasks[0].index, time.time()))

    def rest(self) -> None:
        """Give the script the global generators of random numbers as it left them."""
        if self._script_random is not None:
            self._script_random.put_back()

    def _take(self, events: Sequence[Any]) -> None:
        with self._reporting:
            self._events += [BackendEvent(0, event) for event in events]
            if current_thread() is self._thread:
                self._report_all()

    def _report_all(self) -> None:
        taken, self._events = self._events, []
        self._goes_on = self._report(taken)

    def answer(self, slot: int, experiment_id: str, ends: bool) -> None:
        """Keep the answer for the thread that has just reported."""
        self._answers[experiment_id] = ends

    def _wait_for_answer(self, experiment_id: str) -> bool:
        """Report what has happened, in the thread of any branch, and return the answer to it."""
        with self._reporting:
            if self._events:
                self._report_all()
            return self._answers.pop(experiment_id)

    def stop(self, slot: int) -> None:
        """Report the worker as stopped; no process ends."""
        self._events.append(BackendEvent(slot, WorkerDied(slot, os.getpid(), Death("stopped"))))

    def kill(self, slot: int, cause: str) -> None:
        """Drop the queued tasks; a task that is running cannot be interrupted."""
        self._tasks.clear()

    def close(self, force: bool = False) -> None:
        """Drop the queued tasks; write what files that units have left open still hold."""
        self._tasks.clear()
        self.rest()
        self._runner.close()
        if self._has_run:
            finish_files(close=False)


@dataclass(frozen=True, slots=True)
class InlineFactory:
    """Makes an :class:`InlineBackend`; what ``run(backend='inline')`` means."""

    address: str | None = None

    def __post_init__(self) -> None:
        refuse_address("inline", self.address)

    @property
    def capabilities(self) -> Capabilities:
        """One task after another in this process, with the devices of this machine."""
        return Capabilities(parallel=False, chooses_devices=False)

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> InlineBackend:
        """Return the backend; nothing has to travel."""
        return InlineBackend(plan, environment.report)


@contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the time of the block."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
