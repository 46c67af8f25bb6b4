"""Tasks in supervised worker processes on this machine."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from research_runner.backends.gathering import Gathering
from research_runner.backends.protocol import Capabilities, RunEnvironment
from research_runner.backends.registry import refuse_address
from research_runner.pool.errors import TravelError, WireError
from research_runner.pool.events import Message, PoolEvent
from research_runner.pool.launch import StartMethod
from research_runner.pool.trial_travel import preflight
from research_runner.pool.worker_pool import WorkerPool
from research_runner.scheduling.events import (
    BackendEvent,
    TaskEnded,
    TaskFinished,
    TaskReturned,
    TaskStarted,
    WorkerDied,
    WorkerReady,
    unpack_report,
)
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.tasks import Task, new
from research_runner.system.fail_points import fail_point
from research_runner.system.place import Place
from research_runner.worker.capturing import forget_spools, recover
from research_runner.worker.plan import WorkerPlan
from research_runner.worker.serving import Serve
from research_runner.worker.starting import PRELOAD, start_early, worker_environments

_OF_TASKS: Final = (TaskStarted, TaskFinished, TaskEnded, TaskReturned)
_FIRST: Final = 0
"""The slot whose worker shows that the plan can travel."""


class ProcessBackend:
    """One worker process per slot; raises `TravelError` if a part of the plan cannot travel to a worker.

    `code` returns the user's modules as workers import them; with `keep`, what workers are started from stays
    for the next run of this process. See :class:`~research_runner.pool.worker_pool.WorkerPool`.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        start_method: StartMethod = "auto",
        code: Callable[[], bytes] = bytes,
        *,
        keep: bool = False,
    ) -> None:
        self.slots = len(plan.setups)
        self._plan = plan
        self._code = code
        self._start_method: StartMethod = start_method
        self._given: dict[int, deque[Task]] = {slot: deque() for slot in range(len(plan.setups))}
        self._running: dict[int, Task | None] = {}
        self._distrusted: set[int] = set()
        self._early: list[PoolEvent] = []
        self._gathering = Gathering()
        try:
            self._pool = WorkerPool(
                len(plan.setups),
                Serve(plan),
                start_method=start_method,
                environments=worker_environments([setup.environment for setup in plan.setups], start_method),
                preload=PRELOAD,
                code=code,
                keep=keep,
            )
        except TravelError:
            self._blame()
            raise

    def check(self) -> None:
        """Start the first worker and wait until it has loaded the plan; raise `TravelError` if it cannot."""
        self._pool.start(_FIRST)
        while not self._early:
            self._early.extend(self._pool.poll())
        if isinstance(self._early[0], WorkerDied):
            self._blame()

    def _blame(self) -> None:
        """Raise the error that names the part that cannot travel."""
        environment: Mapping[str, str] = self._plan.setups[_FIRST].environment
        preflight(self._plan.parts(), self._start_method, environment, self._code)

    def watch(self, fd: int) -> None:
        """Let `poll` return as soon as a file descriptor is readable."""
        self._pool.watch(fd)

    def has_worker(self, slot: int) -> bool:
        """Whether there is a worker whose death was not reported."""
        return slot in self._pool.alive

    def start(self, slot: int) -> None:
        """Start a worker."""
        if slot not in self._pool.alive:
            self._pool.start(slot)
            fail_point("worker-started")

    def submit(self, slot: int, tasks: Sequence[Task]) -> None:
        """Send tasks to a worker."""
        self._given[slot].extend(tasks)
        self._pool.submit(slot, [task.pack() for task in tasks])
        fail_point("tasks-sent")

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Wait for events of the workers; while all have short tasks to do, several come together."""
        rest_s = self._gathering.rest_s(min(map(len, self._given.values())), self._pool.most_read)
        if rest_s > 0 and self._plan.watch is None:  # nobody waits for an answer
            time.sleep(min(rest_s, timeout_s))
        early, self._early = self._early, []
        events: list[BackendEvent] = []
        for event in early or self._pool.poll(timeout_s):
            if not isinstance(event, Message):
                events.append(self._noted(event))
            elif event.slot not in self._distrusted:
                try:
                    events += self._open(event.slot, event.payload)
                except (TypeError, ValueError, LookupError, AttributeError) as error:
                    self._distrusted.add(event.slot)
                    self._pool.distrust(event.slot, f"{type(error).__name__}: {error}")
        return events

    def answer(self, slot: int, experiment_id: str, ends: bool) -> None:
        """Tell an experiment whether it is to end."""
        if slot in self._pool.alive:
            self._pool.answer(slot, experiment_id, ends)

    def stop(self, slot: int) -> None:
        """Let a worker go when it is through."""
        self._pool.stop(slot)

    def kill(self, slot: int, cause: str) -> None:
        """Kill a worker with all its children."""
        self._pool.kill(slot, cause)

    def close(self, force: bool = False) -> None:
        """Let all workers go, or kill them."""
        self._pool.close(force=force)
        for slot in self._given:
            self._recover(slot)
        forget_spools(self._plan)

    def _noted(self, event: WorkerReady | WorkerDied) -> BackendEvent:
        """Record that a worker is there, or is gone."""
        slot = event.slot
        if isinstance(event, WorkerReady):
            return BackendEvent(slot, event._replace(place=Place.here(self._plan.setups[slot].device_names)))
        self._distrusted.discard(slot)
        self._recover(slot)
        return BackendEvent(slot, event)

    def _open(self, slot: int, payload: Any) -> list[BackendEvent]:
        """Return the events of a message, and track which task runs; any error says that it is no message."""
        if isinstance(payload, WireError):
            raise ValueError(str(payload))
        given, events = self._given[slot], []
        for event in unpack_report(payload):
            kind = type(event)
            if kind in _OF_TASKS:
                if event.task != given[0].index:
                    raise ValueError(f"task {event.task} in the place of task {given[0].index}")
                if kind is not TaskStarted:
                    given.popleft()
                    if kind is not TaskReturned:
                        self._gathering.measure(event[1])
                starts = kind is TaskStarted or (kind is TaskFinished and event.next_started is not None)
                self._running[slot] = given[0] if starts else None
            events.append(new(BackendEvent, (slot, event)))
        return events

    def _recover(self, slot: int) -> None:
        recover(self._plan, slot, self._running.pop(slot, None))
        self._given[slot].clear()


@dataclass(frozen=True, slots=True)
class ProcessFactory:
    """Makes a :class:`ProcessBackend`; what ``run(backend='processes')`` means."""

    address: str | None = None

    def __post_init__(self) -> None:
        refuse_address("processes", self.address)

    @property
    def capabilities(self) -> Capabilities:
        """Supervised processes, with the devices of this machine."""
        return Capabilities(chooses_devices=False)

    def prepare(self, setups: Sequence[WorkerSetup], start_method: StartMethod) -> None:
        """Begin what takes time and needs no plan: the process that workers are started from."""
        start_early([setup.environment for setup in setups], start_method)

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> ProcessBackend:
        """Start the first worker, to see that the plan can travel."""
        backend = ProcessBackend(plan, environment.start_method, environment.code, keep=True)
        try:
            backend.check()
        except BaseException:
            backend.close(force=True)
            raise
        return backend
