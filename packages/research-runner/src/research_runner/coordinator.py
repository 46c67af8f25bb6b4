"""The coordinator: plain state that decides what runs where, from what has been reported.

It is single-threaded, starts nothing, writes nothing and knows no clock: decisions come out as commands, news
as events. That is why it can be tested without a process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from research_experiment import Failure
from research_runner.errors import WorkersDieError
from research_runner.events import (
    Event,
    ExperimentAbandoned,
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentStarted,
    TaskEnded,
    TaskReturned,
    TaskStarted,
    WorkerDied,
    WorkerReady,
)
from research_runner.plan import Place
from research_runner.pool.death import Death
from research_runner.tasks import ExperimentSpec, Task, TaskSource

__all__ = ["Command", "Coordinator", "Kill", "Limits", "Send", "Start", "Stop"]


class Start(NamedTuple):
    """Start a worker in a slot."""

    slot: int


class Send(NamedTuple):
    """Send tasks to the worker in a slot."""

    slot: int
    tasks: tuple[Task, ...]


class Stop(NamedTuple):
    """Let the worker in a slot go when it is through."""

    slot: int


class Kill(NamedTuple):
    """Kill the worker in a slot; its death gets this cause."""

    slot: int
    cause: str


Command: TypeAlias = Start | Send | Stop | Kill


@dataclass(frozen=True, slots=True)
class Limits:
    """What the coordinator keeps to.

    Parameters
    ----------
    max_attempts : int
        How often an experiment may take its worker with it.
    timeout_s : float or None
        Seconds that a task may take.
    tasks_per_worker : int or None
        Tasks after which a worker is replaced by a fresh one.
    batch_s : float
        How much work, in seconds, is sent ahead to a worker.
    batch_max : int
        How many tasks are sent ahead at most.
    idle_deaths : int
        How many workers in a row may die without having begun a task.
    """

    max_attempts: int = 2
    timeout_s: float | None = None
    tasks_per_worker: int | None = None
    batch_s: float = 0.05
    batch_max: int = 64
    idle_deaths: int = 3


@dataclass(slots=True)
class _Outstanding:
    """A task that a worker has, and which of its experiments have not ended."""

    task: Task
    unfinished: set[str]
    started: float | None = None


@dataclass(slots=True)
class _Slot:
    """A place for one worker."""

    state: str = "empty"  # empty, starting, ready, leaving
    tasks: deque[_Outstanding] = field(default_factory=deque)
    taken: int = 0
    killed: bool = False


class Coordinator:
    """Gives tasks to workers until there are none left.

    Parameters
    ----------
    source : TaskSource
        Where tasks come from.
    slots : int
        How many workers there can be.
    limits : Limits
        What to keep to.
    places : sequence of Place, length `slots`
        What each slot has and adds to its experiments.
    """

    def __init__(
        self, source: TaskSource, slots: int, limits: Limits | None = None, places: Sequence[Place] = ()
    ) -> None:
        self._source = source
        self._limits = limits or Limits()
        self._slots = [_Slot() for _ in range(slots)]
        self._places = tuple(places)
        self._again: deque[Task] = deque()
        self._lost_attempts: dict[str, int] = {}
        self._task_s: float | None = None
        self._idle_deaths = 0
        self._stopping = False
        self._exhausted = False
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether nothing runs and nothing is left to run."""
        return not self.busy and not self._again and (self._exhausted or self._stopping)

    @property
    def busy(self) -> bool:
        """Whether any worker has a task."""
        return any(slot.tasks for slot in self._slots)

    @property
    def in_progress(self) -> int:
        """Experiments that have been started and have not ended."""
        return sum(
            len(item.unfinished) for slot in self._slots for item in slot.tasks if item.started is not None
        )

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known."""
        return self._source.expected

    def stop(self) -> None:
        """Start nothing new; what runs may end."""
        self._stopping = True
        self._again.clear()

    def decide(self, now: float) -> tuple[list[Command], list[Event]]:
        """Decide what is to be done next.

        Parameters
        ----------
        now : float
            The time in Unix seconds, only compared with what :class:`TaskStarted` said.

        Returns
        -------
        commands : list of Command
            What the backend has to do.
        events : list of Event
            What listeners have to know.
        """
        commands: list[Command] = []
        events: list[Event] = []
        for number, slot in enumerate(self._slots):
            if self._overdue(slot, now):
                slot.killed = True
                commands.append(Kill(number, "timeout"))
            elif slot.state == "ready":
                commands.extend(self._fill(number, slot, events))
            elif slot.state == "empty" and self._wants_worker():
                slot.state = "starting"
                commands.append(Start(number))
        return commands, events

    def _overdue(self, slot: _Slot, now: float) -> bool:
        limit = self._limits.timeout_s
        if limit is None or slot.killed or not slot.tasks or slot.tasks[0].started is None:
            return False
        return now - slot.tasks[0].started > limit

    def _fill(self, number: int, slot: _Slot, events: list[Event]) -> Iterator[Command]:
        """Give a worker its next tasks, or let it go."""
        batch = self._batch()
        if len(slot.tasks) > batch // 2:
            return
        left = self._limits.tasks_per_worker
        room = batch - len(slot.tasks) if left is None else min(batch - len(slot.tasks), left - slot.taken)
        tasks = tuple(self._take(room))
        if tasks:
            for task in tasks:
                slot.tasks.append(_Outstanding(task, {spec.identity.id for spec in task.experiments}))
                events.extend(self._queued(number, spec) for spec in task.experiments)
            slot.taken += len(tasks)
            yield Send(number, tasks)
        elif not slot.tasks and left is not None and slot.taken >= left:
            slot.state = "leaving"
            yield Stop(number)

    def _queued(self, number: int, spec: ExperimentSpec) -> ExperimentQueued:
        config = self._places[number].complete(spec) if self._places else spec.config
        return ExperimentQueued(spec.identity.id, config, spec.index)

    def _batch(self) -> int:
        """How many tasks a worker should have: short ones several at a time, long ones one by one."""
        limits = self._limits
        if self._task_s is None:
            return 1
        wanted = int(limits.batch_s / max(self._task_s, 1e-6))
        left = self._source.tasks_left
        if left is not None:
            wanted = min(wanted, left // (2 * len(self._slots)))
        return max(1, min(wanted, limits.batch_max))

    def _wants_worker(self) -> bool:
        """Whether there is more to do than there are workers waiting for it."""
        waiting = sum(slot.state in ("starting", "ready") and not slot.tasks for slot in self._slots)
        if self._exhausted or self._stopping:
            return len(self._again) > waiting
        left = self._source.tasks_left
        return left is None or max(left + len(self._again), 1) > waiting

    def _take(self, room: int) -> Iterator[Task]:
        """Take tasks: first those that have to run again, then new ones."""
        for _ in range(room):
            task = self._again.popleft() if self._again else self._next()
            if task is None:
                return
            yield task

    def _next(self) -> Task | None:
        """Take a new task from the source; its errors end the run when all that runs has ended."""
        if self._stopping or self._exhausted:
            return None
        try:
            task = self._source.next_task()
            if task is None and not self.busy and not self._again and self._source.refill():
                task = self._source.next_task()
        except Exception as error:  # noqa: BLE001 - a domain's functions are the user's own
            self.error = error
            self.stop()
            return None
        if task is None and not self.busy and not self._again:
            self._exhausted = True
        return task

    def handle(self, number: int, event: Any) -> list[Event]:
        """Take note of what the worker in a slot, or its backend, reports.

        Parameters
        ----------
        number : int
            The slot.
        event : event
            What happened.

        Returns
        -------
        list of Event
            What listeners have to know.
        """
        slot = self._slots[number]
        match event:
            case TaskStarted(_, started):
                return self._started(number, slot, started)
            case ExperimentEnded():
                for item in slot.tasks:
                    item.unfinished.discard(event.experiment_id)
                return [event]
            case TaskEnded(_, elapsed_s):
                slot.tasks.popleft()
                self._measure(elapsed_s)
                return []
            case TaskReturned():
                slot.taken -= 1
                self._again.appendleft(slot.tasks.popleft().task)
                return []
            case WorkerReady():
                slot.state = "ready"
                return []
            case WorkerDied():
                return self._died(slot, event.death)
            case _:
                return [event]

    def _measure(self, elapsed_s: float) -> None:
        """Follow the duration of tasks; a longer one counts at once, shorter ones slowly."""
        known = self._task_s
        self._task_s = elapsed_s if known is None or elapsed_s > known else known + 0.2 * (elapsed_s - known)

    def _started(self, number: int, slot: _Slot, started: float) -> list[Event]:
        self._idle_deaths = 0
        item = slot.tasks[0]
        item.started = started
        device = self._places[number].device_names if self._places else None
        return [
            ExperimentStarted(spec.identity.id, self._attempt(spec), number, device, started)
            for spec in item.task.experiments
        ]

    def _attempt(self, spec: ExperimentSpec) -> int:
        return self._lost_attempts.get(spec.identity.id, 0) + 1

    def _died(self, slot: _Slot, death: Death) -> list[Event]:
        """Give back what the worker had; what it was doing costs an attempt."""
        had = list(slot.tasks)
        events: list[Event] = []
        if had and had[0].started is not None:
            events = self._lose(had.pop(0), death)
        elif slot.state != "leaving":
            self._idle_deaths += 1
        if not self._stopping:
            self._again.extendleft(item.task for item in reversed(had))
        slot.state, slot.taken, slot.killed = "empty", 0, False
        slot.tasks.clear()
        if self._idle_deaths >= self._limits.idle_deaths and self.error is None:
            self.error = WorkersDieError(death.describe(), self._idle_deaths)
            self.stop()
        return events

    def abandon(self) -> list[Event]:
        """Give up what has been started and has not ended, because the run ends now."""
        gone = Death("interrupted")
        events: list[Event] = []
        for slot in self._slots:
            started = [item for item in slot.tasks if item.started is not None]
            slot.tasks.clear()
            events.extend(
                ExperimentAbandoned(spec.identity.id, _failure(spec, gone))
                for item in started
                for spec in item.task.experiments
                if spec.identity.id in item.unfinished
            )
        return events

    def _lose(self, item: _Outstanding, death: Death) -> list[Event]:
        events: list[Event] = []
        again: list[ExperimentSpec] = []
        for spec in item.task.experiments:
            if spec.identity.id not in item.unfinished:
                continue
            attempt = self._attempt(spec)
            retry = attempt < self._limits.max_attempts and not self._stopping
            if retry:
                again.append(spec)
                self._lost_attempts[spec.identity.id] = attempt
            events.append(ExperimentLost(spec.identity.id, attempt, _failure(spec, death), retry))
        if again:
            self._again.append(self._source.number(again))
        return events


def _failure(spec: ExperimentSpec, death: Death) -> Failure:
    """Describe the death of a worker as the failure of what it was doing."""
    return Failure(
        type="WorkerDied",
        message=death.describe(),
        traceback=death.detail,
        unit=None,
        iteration=-1,
        experiment_id=spec.identity.id,
        config=spec.config.alias(),
        cause=death.cause,
    )
