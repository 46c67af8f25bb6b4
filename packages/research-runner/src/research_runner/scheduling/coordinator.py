"""The coordinator: plain state that decides what runs where, from what has been reported.

It is single-threaded, starts nothing, writes nothing and reads no clock: its decisions are commands, and what
listeners have to know are events. So it can be tested without a process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from research_experiment import Failure
from research_runner.errors import HopelessError, WorkersDieError
from research_runner.scheduling.batching import BatchSize
from research_runner.scheduling.commands import Answer, Command, Kill, Start, Stop, Submit
from research_runner.scheduling.events import (
    AttemptDone,
    Event,
    ExperimentAbandoned,
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentReturned,
    ExperimentStarted,
    Reported,
    TaskEnded,
    TaskFinished,
    TaskReturned,
    TaskStarted,
    UnitEnded,
    UnitStarted,
    ValuesSaved,
    WorkerDied,
    WorkerLeaves,
    WorkerReady,
)
from research_runner.scheduling.policies import Attempts, Canary
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.slots import Assignment, Slot, State, death_failure, placed
from research_runner.scheduling.source import TaskSource
from research_runner.scheduling.tasks import ExperimentSpec, Task, new
from research_runner.system.death import Death
from research_runner.system.place import Place


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules of a run that the coordinator applies."""

    max_attempts: int = 2  # the most attempts at an experiment whose worker dies with it
    timeout_s: float | None = None  # seconds that a task may take
    tasks_per_worker: int | None = None  # tasks after which a worker is replaced by a fresh one
    batch_s: float = 0.2  # seconds of work that are sent ahead to a worker
    batch_max: int = 256  # the most tasks that are sent ahead
    idle_deaths: int = 3  # workers that may die in a row without having begun a task
    canary: int = 0  # give up when the first so many experiments all fail with the same error; 0 for never
    # seconds between the first sight of an exceeded time limit and the kill: a report may be on its way
    grace_s: float = 0.2


@dataclass(slots=True)
class _Course:
    """The state of the run as a whole."""

    stopping: bool = False
    exhausted: bool = False
    idle_deaths: int = 0
    error: BaseException | None = None


class Coordinator:
    """Gives tasks of a source to the workers in slots until there are none left.

    `setups` says what each slot has and adds to its experiments.
    """

    def __init__(
        self,
        source: TaskSource | SearchSource,
        slots: int,
        limits: Limits | None = None,
        setups: Sequence[WorkerSetup] = (),
    ) -> None:
        limits = limits or Limits()
        self._source = source
        self._limits = limits
        self._slots = [Slot() for _ in range(slots)]
        self._setups = tuple(setups)
        self._again: deque[Task] = deque()
        self._attempts = Attempts(limits.max_attempts)
        self._batch_size = BatchSize(limits.batch_s, limits.batch_max)
        self._course = _Course()
        self._canary = Canary(limits.canary)
        self._answers: list[Command] = []

    @property
    def error(self) -> BaseException | None:
        """The error that ended the run early; None if there is none."""
        return self._course.error

    @property
    def done(self) -> bool:
        """Whether nothing runs and nothing is left to run."""
        return not self.busy and not self._again and (self._course.exhausted or self._course.stopping)

    @property
    def busy(self) -> bool:
        """Whether any worker has a task."""
        return any(slot.tasks for slot in self._slots)

    @property
    def expected(self) -> int | None:
        """Experiments in all; None if the domain is infinite."""
        return self._source.expected

    @property
    def is_update_due(self) -> bool:
        """Whether the domain is to be updated, once everything that was reported has been committed."""
        idle = not self.busy and not self._again
        return not self._course.stopping and self._source.is_update_due(idle)

    @property
    def goes_on(self) -> bool:
        """Whether a worker may begin its next task before anything else is decided."""
        return not self._course.stopping and not self._source.is_update_due(idle=False)

    def update(self) -> None:
        """Let the domain be updated; an error ends the run once all running tasks have ended."""
        try:
            self._source.update()
        except Exception as error:  # noqa: BLE001 - a domain's functions are the user's own
            self._give_up(error)

    def stop(self) -> None:
        """Start no more tasks; running ones are finished."""
        self._course.stopping = True
        self._again.clear()

    def _give_up(self, error: BaseException) -> None:
        self._course.error = self._course.error or error
        self.stop()

    def decide(self, now: float) -> tuple[list[Command], list[Event]]:
        """Return commands for the backend and events for listeners.

        `now` is the monotonic time of the last poll, in seconds.
        """
        commands: list[Command] = []
        events: list[Event] = []
        waiting: int | None = None  # workers that have no task, as far as they have been counted
        for number, slot in enumerate(self._slots):
            if self._overdue(slot, now):
                commands.append(Kill(number, "timeout"))
            elif slot.state is State.READY:
                commands.extend(self._fill(number, slot, events))
                waiting = None
            elif slot.state is State.EMPTY:
                waiting = sum(each.waits for each in self._slots) if waiting is None else waiting
                if self._wants_worker(waiting):
                    slot.state = State.STARTING
                    commands.append(Start(number))
                    waiting += 1
        return commands, events

    def _overdue(self, slot: Slot, now: float) -> bool:
        """Whether a worker has to be killed; reports that it sent in time may still be on their way."""
        if slot.blamed or not slot.tasks:
            return False
        late = slot.tasks[0].overdue(now, self._limits.timeout_s)
        if not late or slot.late_since is None:
            slot.late_since = now if late else None
        elif now - slot.late_since >= self._limits.grace_s:
            slot.blamed = late
        return bool(slot.blamed)

    def _fill(self, number: int, slot: Slot, events: list[Event]) -> Iterator[Command]:
        """Give a worker its next tasks, or stop it."""
        if self._course.stopping:
            if slot.tasks:
                slot.state = State.LEAVING
                yield Stop(number)
            return
        batch = self._batch_size.tasks(self._source.tasks_left, len(self._slots))
        if len(slot.tasks) > batch // 2:
            return
        left = self._limits.tasks_per_worker
        room = batch - len(slot.tasks) if left is None else min(batch - len(slot.tasks), left - slot.taken)
        tasks = self._take(room)
        if tasks:
            slot.tasks.extend(map(Assignment, tasks))
            slot.taken += len(tasks)
            self._tell_queued(number, tasks, events)
            yield Submit(number, tuple(tasks))
        elif not slot.tasks and left is not None and slot.taken >= left:
            slot.state = State.LEAVING
            yield Stop(number)

    def _tell_queued(self, number: int, tasks: Iterable[Task], events: list[Event]) -> None:
        setup = self._setups[number] if self._setups else None
        adds = setup if setup is not None and any(added.pairs for added in setup.additions) else None
        for task in tasks:
            for spec in task.experiments:
                identity, config, index, _ = spec
                if adds is not None:
                    config = adds.complete(spec)
                events.append(new(ExperimentQueued, (identity.id, config, index, identity.digest)))

    def _wants_worker(self, waiting: int) -> bool:
        """Whether there is more to do than there are workers waiting for it."""
        if self._course.exhausted or self._course.stopping:
            return len(self._again) > waiting
        left = self._source.tasks_left
        return left is None or max(left + len(self._again), 1) > waiting

    def _take(self, room: int) -> list[Task]:
        """Return tasks: first ones that have to run again, then new ones."""
        tasks: list[Task] = []
        while len(tasks) < room:
            if self._again:
                tasks.append(self._again.popleft())
            elif not self._add_new(tasks, room):
                break
        return tasks

    def _add_new(self, tasks: list[Task], room: int) -> bool:
        """Add new tasks of the source, if it has any; its errors end the run once all tasks have ended.

        If there is none, and nobody runs anything, there will be none. If the worker who asks was given one
        just now, that may yet lead to others.
        """
        if self._course.stopping or self._course.exhausted:
            return False
        before = len(tasks)
        try:
            self._source.add_tasks(tasks, room)
        except Exception as error:  # noqa: BLE001 - a domain's functions are the user's own
            self._give_up(error)
            return False
        is_idle = not tasks and not self.busy and not self._again
        if is_idle and not self._source.is_update_due(idle=True):
            self._course.exhausted = True
        return len(tasks) > before

    def look_ahead(self) -> None:
        """Let a search choose its next config while all workers are busy; its errors end the run."""
        if self._course.stopping or self._course.exhausted or not self.busy:
            return
        try:
            self._source.look_ahead()
        except Exception as error:  # noqa: BLE001 - searches are the user's own
            self._give_up(error)

    def answers(self) -> list[Command]:
        """Return the answers to experiments that have reported since the last call, to be sent at once."""
        answers, self._answers = self._answers, []
        return answers

    def handle(self, number: int, event: Any, now: float = 0.0) -> list[Event]:
        """Apply a report of the worker in a slot, or of its backend; return events for listeners.

        `now` is the monotonic time, in seconds, at which the report arrived.
        """
        slot, kind = self._slots[number], type(event)
        if kind is TaskFinished:
            return self._finished(number, slot, event, now)
        if kind is TaskStarted:
            return self._note_start(slot, event.started, now)
        if kind is Reported:
            self._decide_on(number, event)
            return []
        told = self._tell_start(number, slot)
        return told + self._apply(slot, event, now) if told else self._apply(slot, event, now)

    def _note_start(self, slot: Slot, started: float, now: float) -> list[Event]:
        """Record that the first task of a worker has begun; nobody is told yet."""
        self._course.idle_deaths = 0
        item = slot.tasks[0]
        item.started, item.untold = now, started
        return []

    def _apply(self, slot: Slot, event: Any, now: float) -> list[Event]:
        match event:
            case ValuesSaved():
                return [event]
            case ExperimentEnded():
                return self._ended(slot, event)
            case TaskEnded(_, elapsed_s):
                self._batch_size.measure(elapsed_s)
                return self._settle(slot.tasks.popleft())
            case TaskReturned():
                slot.taken -= 1
                task = slot.tasks.popleft().task
                if not self._course.stopping:
                    self._again.append(task)
                return [event]
            case UnitStarted(experiment_id, unit, limit_s):
                slot.tasks[0].deadlines += (((experiment_id, unit), now + limit_s),)
            case UnitEnded(experiment_id, unit):
                running, ended = slot.tasks[0], (experiment_id, unit)
                running.deadlines = tuple(each for each in running.deadlines if each[0] != ended)
            case WorkerReady():
                slot.state, slot.place = State.READY, event.place
            case WorkerLeaves():
                slot.state = State.LEAVING
                return [event]
            case WorkerDied():
                return self._died(slot, event.death)
            case _:
                return [event]
        return []

    def begun(self) -> list[Event]:
        """Return events for experiments that have begun and were not announced yet.

        Ask before each commit. Short experiments have ended by then, and are told as a whole.
        """
        return [event for number, slot in enumerate(self._slots) for event in self._tell_start(number, slot)]

    def _tell_start(self, number: int, slot: Slot) -> list[Event]:
        item = slot.tasks[0] if slot.tasks else None
        if item is None or item.untold is None:
            return []
        started, item.untold = item.untold, None
        host, device = slot.place or (None, None)
        return [
            ExperimentStarted(
                spec.identity.id, self._attempts.current(spec.identity.id), number, host, device, started
            )
            for spec in item.task.experiments
        ]

    def _finished(self, number: int, slot: Slot, event: TaskFinished, now: float) -> list[Event]:
        """Record the end of a task together with that of its last experiment, which is done."""
        _, task_s, experiment_id, iterations, elapsed_s, encoded, next_started = event
        item = slot.tasks[0]
        stopped = self._source.conclude(experiment_id, iterations, False)
        events: list[Event]
        if item.untold is not None and len(item.task.experiments) == 1 and stopped is None:
            attempt = self._attempts.current(experiment_id)
            host, device = slot.place or (None, None)
            begun = (experiment_id, attempt, number, host, device, item.untold)
            events = [new(AttemptDone, (*begun, iterations, elapsed_s, encoded))]
        else:
            events = self._tell_start(number, slot)
            if encoded:
                events.append(ValuesSaved(experiment_id, encoded))
            events.append(ExperimentEnded(experiment_id, iterations, elapsed_s, None, stopped=stopped))
        slot.tasks.popleft()
        if next_started is not None:
            self._note_start(slot, next_started, now)
        if stopped is None and self._canary.watches:
            self._watch(None)
        self._batch_size.measure(task_s)
        return events + self._settle(item) if item.retriable else events

    def _ended(self, slot: Slot, event: ExperimentEnded) -> list[Event]:
        """Record the end of an experiment; one that may be tried again waits until its task has ended."""
        running = slot.tasks[0]
        if event.failure is not None:
            event = event._replace(failure=placed(event.failure, slot.place))
        if event.failure is not None and event.retriable:
            running.retriable += (event,)
            return []
        running.ended |= {event.experiment_id}
        return [self._conclude(event)]

    def _decide_on(self, number: int, event: Reported) -> None:
        """Answer an experiment that waits for a verdict; one of a run that is given up may go on."""
        if event.final:
            self._source.note_last(event.experiment_id, event.values)
        elif event.values is not None:
            try:
                ends = self._source.decide(event.experiment_id, event.step, event.values)
            except Exception as error:  # noqa: BLE001 - rules are the user's own
                self._give_up(error)
                ends = False
            self._answers.append(Answer(number, event.experiment_id, ends))

    def _conclude(self, event: ExperimentEnded) -> ExperimentEnded:
        """Let the source know of an end; one by a verdict is neither success nor failure for the canary."""
        stopped = self._source.conclude(event.experiment_id, event.iterations, event.failure is not None)
        if stopped is not None:
            return event._replace(stopped=stopped)
        self._watch(event.failure)
        return event

    def _settle(self, item: Assignment) -> list[Event]:
        """Try experiments of an ended task again where that is allowed."""
        events: list[Event] = []
        for ended in item.retriable:
            experiment_id, failure = ended.experiment_id, ended.failure
            attempt = self._attempts.current(experiment_id)
            if failure is None or not self._attempts.lose(experiment_id):
                events.append(self._conclude(ended))
                continue
            self._try_again([spec for spec in item.left if spec.identity.id == experiment_id], item.task)
            events.append(ExperimentLost(experiment_id, attempt, failure, retry=True))
        return events

    def _watch(self, failure: Failure | None) -> None:
        """Give up if all experiments that have ended so far failed with the same error."""
        if not self._canary.sings(failure) or failure is None:
            return
        if self._again or self._source.tasks_left != 0 or self._source.is_update_due(idle=True):
            self._give_up(HopelessError(str(failure), failure.traceback, self._limits.canary))

    def _try_again(self, specs: Sequence[ExperimentSpec], task: Task) -> None:
        if specs and not self._course.stopping:
            self._again.append(self._source.number(specs, task.root))

    def _died(self, slot: Slot, death: Death) -> list[Event]:
        """Put the tasks of a dead worker back; the experiments that it was running lose an attempt."""
        was_leaving, blamed = slot.state is State.LEAVING, slot.blamed
        place = slot.place
        had = slot.clear()
        events: list[Event] = []
        if had and had[0].started is not None:
            events = self._lose(had.pop(0), death, blamed, place)
        elif not was_leaving:
            self._course.idle_deaths += 1
        if not self._course.stopping:
            self._again.extendleft(item.task for item in reversed(had))
        if self._course.idle_deaths >= self._limits.idle_deaths:
            self._give_up(WorkersDieError(death.describe(), self._course.idle_deaths))
        return events

    def _lose(
        self, item: Assignment, death: Death, blamed: Mapping[str, str | None], place: Place | None
    ) -> list[Event]:
        """Count a lost attempt for all running experiments, or only for those beyond a time limit."""
        events: list[Event] = []
        again: list[ExperimentSpec] = []
        for spec in item.left:
            experiment_id = spec.identity.id
            if blamed and experiment_id not in blamed:
                again.append(spec)
                events.append(ExperimentReturned(experiment_id))
                continue
            attempt = self._attempts.current(experiment_id)
            retry = self._attempts.lose(experiment_id)
            failure = death_failure(spec, death, blamed, place)
            events.append(ExperimentLost(experiment_id, attempt, failure, retry))
            if retry:
                again.append(spec)
            else:
                self._source.conclude(experiment_id, 0, True)
                self._watch(failure)
        is_known = any(blamed.values())  # by the time limit of its unit
        for specs in [again] if is_known else [[spec] for spec in again]:
            self._try_again(specs, item.task)
        return events

    def abandon(self) -> list[Event]:
        """Give up all experiments that were started and have not ended, because the run ends now."""
        gone = Death("interrupted")
        begun = self.begun()
        started = [
            (slot.place, item) for slot in self._slots for item in slot.tasks if item.started is not None
        ]
        for slot in self._slots:
            slot.clear()
        return begun + [
            ExperimentAbandoned(spec.identity.id, death_failure(spec, gone, {}, place))
            for place, item in started
            for spec in item.left
        ]
