"""The coordinator against a dict: random work, deaths, interrupts, kills and resumes, in any order.

The machine plays everything around a coordinator: workers that begin, end, hang and die, a disk that has what
was committed and nothing else, and whoever kills the coordinator. What it checks is what the whole product
promises: nothing that is on the disk as done is ever touched again, nothing runs twice at a time, nobody gets
more attempts than allowed, and in the end every config has ended.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from research_domain import Domain
from research_experiment import Failure
from research_runner.recording.resume import Past
from research_runner.scheduling.commands import Kill, Start, Stop, Submit
from research_runner.scheduling.coordinator import Coordinator, Limits
from research_runner.scheduling.events import (
    AttemptDone,
    ExperimentAbandoned,
    ExperimentEnded,
    ExperimentLost,
    ExperimentQueued,
    ExperimentReturned,
    ExperimentStarted,
    TaskEnded,
    TaskFinished,
    TaskReturned,
    TaskStarted,
    UnitEnded,
    UnitStarted,
    WorkerDied,
    WorkerLeaves,
    WorkerReady,
)
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.settings.values import Resume
from research_runner.system.death import Death

DEATHS = [Death("signal", signal="SIGKILL"), Death("exit", exit_code=0), Death("memory", signal="SIGKILL")]
ENDED = ("done", "failed")


@dataclass
class Worker:
    """A worker, as the machine plays it."""

    ready: bool = False
    leaving: bool = False
    doomed: str = ""
    tasks: deque = field(default_factory=deque)
    begun: bool = False
    open: set = field(default_factory=set)
    deadlines: dict = field(default_factory=dict)

    def running(self):
        """Return the ids of what it has begun and not ended."""
        return self.open if self.begun else set()

    def waits(self):
        """Whether it has a task that it has not begun."""
        return bool(self.tasks) and not self.begun and not self.leaving

    def exists(self):
        """Yes."""
        return True


def with_worker(condition):
    """Let a rule be for when there is a worker like that."""
    return precondition(lambda machine: any(map(condition, machine.workers.values())))


class CoordinatorMachine(RuleBasedStateMachine):
    """Everything around a coordinator."""

    def __init__(self):
        super().__init__()
        self.disk = {}
        self.news = []
        self.workers = {}
        self.lost = Counter()
        self.now = 0.0
        self.stopped = False

    @initialize(
        size=st.integers(0, 30),
        slots=st.integers(1, 3),
        branches=st.integers(1, 3),
        attempts=st.integers(1, 3),
        tasks_per_worker=st.sampled_from([None, 1, 2]),
        timeout_s=st.sampled_from([None, 50.0]),
        batch_s=st.sampled_from([0.0, 10.0]),
        joins=st.booleans(),
    )
    def begin(self, size, slots, branches, attempts, tasks_per_worker, timeout_s, batch_s, joins):
        self.joins = joins
        self.size, self.slots, self.branches = size, slots, branches
        self.limits = Limits(attempts, timeout_s, tasks_per_worker, batch_s, batch_max=4, idle_deaths=1000)
        self.resume(retry_failed=False)

    # -- the coordinator --------------------------------------------------------------------------

    def resume(self, retry_failed):
        """Begin a coordinator with nothing but what is on the disk."""
        self.workers, self.news, self.stopped = {}, [], False
        past = Past(dict(self.disk), Resume(retry_failed))
        kept = ("done",) if retry_failed else ENDED
        self.done_before = {who for who, status in self.disk.items() if status in kept}
        self.disk = {who: s if who in self.done_before else "queued" for who, s in self.disk.items()}
        self.lost = Counter()
        domain = Domain(x=list(range(self.size))) if self.size else Domain(x=["only"])
        source = TaskSource(domain, IterationOptions(seed=0), self.branches, kept=past.keeps)
        self.coordinator = Coordinator(source, self.slots, self.limits)

    def decide(self):
        commands, events = self.coordinator.decide(self.now)
        self.news += events
        for command in commands:
            self.obey(command)

    def obey(self, command):
        match command:
            case Start(slot):
                assert slot not in self.workers, "a slot has two workers"
                self.workers[slot] = Worker()
            case Submit(slot, tasks):
                worker = self.workers[slot]
                assert worker.ready and not worker.leaving and tasks
                assert not self.stopped, "something new was sent after a stop"
                worker.tasks.extend(tasks)
            case Stop(slot):
                self.workers[slot].leaving = True
            case Kill(slot, cause):
                assert self.workers[slot].begun
                assert not self.workers[slot].doomed, "killed twice"
                self.workers[slot].doomed = cause

    def report(self, slot, event):
        """Tell the coordinator; a lost attempt is on the disk before anything else is decided."""
        events = self.coordinator.handle(slot, event, self.now)
        self.news += events
        if any(isinstance(each, ExperimentLost | ExperimentReturned) for each in events):
            self.commit()
        return events

    @rule()
    def commit(self):
        """Let the disk have everything that was reported, in its order."""
        news, self.news = self.news + self.coordinator.begun(), []
        for event in news:
            self.write(event)

    def write(self, event):
        if not hasattr(event, "experiment_id"):
            return
        who = event.experiment_id
        assert who not in self.done_before, "what had ended was touched again"
        before = self.disk.get(who)
        match event:
            case ExperimentQueued():
                assert before not in ENDED or before == "failed", "what had ended was queued again"
                self.disk[who] = "queued"
            case AttemptDone():
                assert before == "queued"
                assert event.attempt <= self.limits.max_attempts
                self.disk[who] = "done"
            case ExperimentStarted():
                assert before == "queued"
                assert event.attempt <= self.limits.max_attempts
                self.disk[who] = "running"
            case ExperimentEnded():
                assert before == "running", "an end without a beginning"
                self.disk[who] = "done" if event.failure is None else "failed"
            case ExperimentLost():
                assert before == "running"
                self.lost[who] += 1
                assert self.lost[who] < self.limits.max_attempts + (not event.retry), "too many attempts"
                self.disk[who] = "queued" if event.retry else "failed"
            case ExperimentReturned():
                assert before == "running"
                self.disk[who] = "queued"
            case ExperimentAbandoned():
                assert before == "running"
                self.disk[who] = "lost"

    @precondition(lambda self: not self.stopped)
    @rule(seldom=st.integers(0, 2))
    def interrupt(self, seldom):
        """Ctrl-C."""
        if seldom == 0:
            self.coordinator.stop()
            self.stopped = True

    @precondition(lambda self: self.disk)
    @rule(retry_failed=st.booleans(), killed=st.booleans(), seldom=st.integers(0, 3))
    def end_and_resume(self, retry_failed, killed, seldom):
        """Kill all workers: with the coordinator, or after a second Ctrl-C, so that it can write it down."""
        if seldom:
            return
        if not killed:
            self.news += self.coordinator.abandon()
            self.commit()
            assert "running" not in self.disk.values()
        self.resume(retry_failed)

    # -- the workers ------------------------------------------------------------------------------

    def pick(self, number, condition):
        """Return one of the slots whose worker is as wanted."""
        slots = [slot for slot, worker in sorted(self.workers.items()) if condition(worker)]
        return slots[number % len(slots)]

    @rule(steps=st.integers(1, 4), how=st.sampled_from(["done", "done", "failed", "again"]))
    def go_on(self, steps, how):
        """Let everybody do what comes next."""
        for _ in range(steps):
            self.step(how)

    @rule(steps=st.integers(5, 20))
    def go_on_for_long(self, steps):
        """Let all go well for a while, so that tasks are known to be short and are sent ahead."""
        for _ in range(steps):
            self.step()

    def step(self, how="done"):
        for slot in list(self.workers):
            self.advance(slot, how)
        self.decide()

    def advance(self, slot, how):
        """Let a worker do what comes next."""
        worker = self.workers[slot]
        if worker.doomed:
            self.bury(slot, Death(worker.doomed))
        elif worker.begun and len(worker.open) == 1 and how == "done" and self.joins:
            worker.begun, worker.deadlines = False, {}
            self.report(
                slot, TaskFinished(worker.tasks.popleft().index, 0.001, worker.open.pop(), 1, 0.1, ())
            )
        elif worker.open and worker.begun:
            self.end(slot, min(worker.open), how)
        elif worker.begun:
            worker.begun, worker.deadlines = False, {}
            self.report(slot, TaskEnded(worker.tasks.popleft().index, 0.001))
        elif worker.leaving:
            self.bury(slot, Death("stopped"))
        elif not worker.ready:
            worker.ready = True
            self.report(slot, WorkerReady(slot, slot))
        elif worker.tasks:
            self.start(slot)

    def start(self, slot):
        worker = self.workers[slot]
        who = {spec.identity.id for spec in worker.tasks[0].experiments}
        assert not who & self.done_before, "what had ended runs again"
        assert not any(who & other.running() for other in self.workers.values()), "it runs twice at a time"
        worker.begun, worker.open = True, who
        self.report(slot, TaskStarted(worker.tasks[0].index, started=-self.now))

    def end(self, slot, who, how):
        self.workers[slot].open.discard(who)
        failure = None if how == "done" else Failure("OSError", how, "", "unit", 0, who)
        self.report(slot, ExperimentEnded(who, 1, 0.1, failure, retriable=how == "again"))

    def bury(self, slot, death):
        worker = self.workers.pop(slot)
        for event in self.report(slot, WorkerDied(slot, slot, death)):
            if worker.doomed and self.limits.timeout_s is None and isinstance(event, ExperimentLost):
                assert event.experiment_id in worker.deadlines, "others paid for a unit that hung"

    @with_worker(Worker.running)
    @rule(number=st.integers(0, 2), which=st.integers(0, 2), how=st.sampled_from(["done", "failed", "again"]))
    def end_one(self, number, which, how):
        slot = self.pick(number, Worker.running)
        open_ones = sorted(self.workers[slot].open)
        self.end(slot, open_ones[which % len(open_ones)], how)

    @with_worker(Worker.waits)
    @rule(number=st.integers(0, 2))
    def give_back(self, number):
        slot = self.pick(number, Worker.waits)
        self.report(slot, TaskReturned(self.workers[slot].tasks.popleft().index, "no memory"))

    @with_worker(Worker.waits)
    @rule(number=st.integers(0, 2), returned=st.integers(0, 2))
    def leave(self, number, returned):
        """Let a worker end by itself; some of its tasks go back before, and some are still on their way."""
        slot = self.pick(number, Worker.waits)
        worker = self.workers[slot]
        for _ in range(min(returned, len(worker.tasks))):
            self.report(slot, TaskReturned(worker.tasks.popleft().index))
        worker.leaving = True
        self.report(slot, WorkerLeaves("a limit"))
        self.decide()
        self.bury(slot, Death("exit", exit_code=0))

    @with_worker(Worker.exists)
    @rule(number=st.integers(0, 2), death=st.sampled_from(DEATHS))
    def die(self, number, death):
        slot = self.pick(number, Worker.exists)
        self.bury(slot, Death(self.workers[slot].doomed) if self.workers[slot].doomed else death)

    @with_worker(Worker.running)
    @rule(number=st.integers(0, 2), limit_s=st.floats(1.0, 20.0))
    def begin_limited_unit(self, number, limit_s):
        slot = self.pick(number, Worker.running)
        worker = self.workers[slot]
        worker.deadlines[min(worker.open)] = self.now + limit_s
        self.report(slot, UnitStarted(min(worker.open), "unit", limit_s))

    @with_worker(Worker.running)
    @rule(number=st.integers(0, 2))
    def end_limited_unit(self, number):
        slot = self.pick(number, Worker.running)
        worker = self.workers[slot]
        if not worker.doomed:
            worker.deadlines.pop(min(worker.open), None)
            self.report(slot, UnitEnded(min(worker.open), "unit"))

    @with_worker(Worker.running)
    @rule(number=st.integers(0, 2), buried=st.booleans())
    def hang(self, number, buried):
        self.begin_limited_unit(number, 5.0)
        self.wait(6.0)
        if buried:
            self.step()

    @rule(seconds=st.floats(0.0, 40.0))
    def wait(self, seconds):
        """Let time pass; a worker that takes too long is seen to do so twice."""
        for passed in (seconds, 1.0):
            self.now += passed
            self.decide()
        for worker in self.workers.values():
            hangs = any(deadline < self.now - 1.0 for deadline in worker.deadlines.values())
            assert worker.doomed or not hangs, "a unit that hangs was not killed"

    # -- what has to be true ----------------------------------------------------------------------

    @invariant()
    def nothing_is_in_two_places(self):
        given = [
            spec.identity.id
            for worker in self.workers.values()
            for task in worker.tasks
            for spec in task.experiments
        ]
        assert len(given) == len(set(given))

    @invariant()
    def done_means_nobody_has_work(self):
        if hasattr(self, "coordinator") and self.coordinator.done:
            assert not any(worker.tasks for worker in self.workers.values())

    @precondition(lambda self: hasattr(self, "coordinator"))
    @invariant()
    def the_disk_has_known_states_only(self):
        assert set(self.disk.values()) <= {"queued", "running", "lost", *ENDED}

    def teardown(self):
        """Let everything that is left go well: every config has ended then, each once."""
        if not hasattr(self, "coordinator"):
            return
        self.commit()
        for _ in range(2):
            for _ in range(200):
                self.step()
                if self.coordinator.done:
                    break
            assert self.coordinator.done, "it does not come to an end"
            self.commit()
            if not self.stopped:
                break
            self.resume(retry_failed=False)
        assert len(self.disk) == max(self.size, 1)
        assert set(self.disk.values()) <= set(ENDED)


TestCoordinator = CoordinatorMachine.TestCase
TestCoordinator.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None, derandomize=True, database=None
)
