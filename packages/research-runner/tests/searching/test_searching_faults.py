"""Verdicts against deaths: workers and coordinators die at any moment, and nothing is decided otherwise."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research_domain import ConfigAlias, Domain, DomainError, When
from research_runner.errors import RunnerError
from research_runner.scheduling.asking import Asking
from research_runner.scheduling.commands import Start, Submit
from research_runner.scheduling.coordinator import Coordinator, Limits
from research_runner.scheduling.events import (
    AttemptDone,
    ExperimentEnded,
    ExperimentQueued,
    Reported,
    TaskEnded,
    TaskStarted,
    WorkerDied,
    WorkerReady,
)
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.searching.order import ArrivalOrder, DecisionJournal, VirtualOrder
from research_runner.searching.rules import MedianStop
from research_runner.searching.trials import Recorded, Trials
from research_runner.searching.watching import Watch, reports_of
from research_runner.system.death import Death

SIZE, STEPS = 24, ["%0", "%2", 4]
WATCH = Watch(("loss",), When.parse(STEPS))


def length(x):
    return x * 5 % 9 + 1


def loss(x, iteration):
    return (x * 7 % SIZE) / SIZE + 1 / (iteration + 1)


class Nearby:
    """A search that goes on from the best that it was told, and ends what MedianStop would."""

    variables, steps, compares = ("loss",), STEPS, True

    def __init__(self):
        self.rule, self.best = MedianStop("loss", STEPS, startup=2).make(None), None

    def ask(self, question):
        x = np.random.default_rng(question.seed).integers(SIZE)
        if self.best is not None and question.seed % 2:
            x = self.best[1] + x % 3
        return ConfigAlias({"x": int(x) % SIZE})

    def report(self, *args):
        return self.rule.report(*args)

    def tell(self, told):
        self.rule.tell(told)
        if told.values is not None:
            self.best = min(self.best or (np.inf, 0), (told.values[0], told.config.config()["x"]))


@dataclass
class Worker:
    ready: bool = False
    tasks: list = field(default_factory=list)
    begun: bool = False
    done: int = 0
    waits: bool = False


class Disk(DecisionJournal):
    """What survives the coordinator: ends that were committed, arrivals, and configs that were put in."""

    def __init__(self):
        super().__init__([])
        self.ended, self.queued = {}, set()
        self.put_in, self.taken, self.refused = [], {}, []

    def take(self, number, admit, is_new):
        """Take the oldest config that was put in, as the folder of a research does."""
        if number in self.taken:
            return admit(self.taken[number])
        while is_new and self.put_in:
            plain = self.put_in.pop(0)
            try:
                config = admit(plain)
            except (RunnerError, DomainError):
                self.refused.append(plain)
            else:
                self.taken[number] = plain
                return config
        return None

    def write(self, event, number):
        self.recorded.append((event, number))

    def cut(self, count):
        del self.recorded[count:]


class World:
    """Workers, a disk and a coordinator that may all die, but for the disk."""

    def __init__(self, kind, workers, slots):
        self.kind, self.size, self.slots = kind, workers, slots
        self.races = "race" in kind
        self.watch = Watch(("loss",), None) if self.races else WATCH
        self.disk = Disk()
        self.begin()

    def begin(self):
        """Begin a coordinator with what is on the disk."""
        self.workers, self.news = {}, []
        order = (
            ArrivalOrder(self.size, self.disk)
            if "arrival" in self.kind
            else VirtualOrder(self.slots, self.watch)
        )
        rule, repetitions = Nearby(), 3 if self.races else 1
        rungs = When.parse(["%0", "%1"]) if self.races else None
        trials = Trials(rule, order, remembers=True, repetitions=repetitions, rungs=rungs)
        is_walk = self.kind.endswith("walk")
        domain = IterationOptions(n_items=None if is_walk else 16, n_reps=repetitions).prepare(
            Domain(x=list(range(SIZE)))
        )
        known = len(self.disk.queued)
        asking = Asking(rule, domain, trials, 1, 5, by_hand=self.disk, known=known, races=self.races)
        proposals = TaskSource(domain, IterationOptions()) if is_walk else asking
        kept = dict(self.disk.ended)
        source = SearchSource(proposals, trials, 1, kept.__contains__, lambda: kept)
        self.coordinator = Coordinator(source, self.size, Limits(max_attempts=1000, idle_deaths=1000))

    def step(self, pick):
        """Let one of the things happen that may happen; return False if it is all over."""
        if self.coordinator.done:
            return False
        commands, events = self.coordinator.decide(0.0)
        self.news += [(None, event) for event in events]
        if pick % 2:
            self.coordinator.look_ahead()
        for command in commands:
            if isinstance(command, Start):
                self.workers[command.slot] = Worker()
            elif isinstance(command, Submit):
                self.workers[command.slot].tasks += command.tasks
        slots = [slot for slot, worker in self.workers.items() if not worker.ready or worker.tasks]
        if slots:
            self.work(slots[pick % len(slots)])
        return bool(slots) or not self.coordinator.done

    def work(self, slot):
        worker, handle = self.workers[slot], self.coordinator.handle
        if not worker.ready:
            worker.ready = True
            handle(slot, WorkerReady(slot, 1, None))
            return
        task = worker.tasks[0]
        x, who = task.experiments[0].config.config()["x"], task.experiments[0].identity.id
        repetition = task.experiments[0].identity.repetition
        if not worker.begun:
            worker.begun, worker.done = True, 0
            handle(slot, TaskStarted(task.index, 0.0))
            return
        worker.done += 1
        ends, is_last = False, worker.done == length(x)
        value = loss(x, worker.done - 1) + x * repetition % 5 / 10
        if self.watch.due(worker.done - 1) and not is_last:
            handle(slot, Reported(who, worker.done, (value,)))
            (answer,) = self.coordinator.answers()
            assert (answer.slot, answer.experiment_id) == (slot, who)
            ends = answer.ends
        if ends or is_last:
            handle(slot, Reported(who, worker.done, (value,), final=True))
            self.news += [
                ((x, repetition), each) for each in handle(slot, ExperimentEnded(who, worker.done, 0.0, None))
            ]
            handle(slot, TaskEnded(task.index, 1e-3))
            worker.tasks.pop(0)
            worker.begun = False

    def commit(self):
        for what, event in self.news:
            if isinstance(event, ExperimentQueued):
                self.disk.queued.add(event.experiment_id)
            if isinstance(event, ExperimentEnded | AttemptDone):
                stopped = getattr(event, "stopped", None)
                x, repetition = what
                curve = [loss(x, each) + x * repetition % 5 / 10 for each in range(event.iterations)]
                saved = {"loss": dict(enumerate(curve))}
                reports, values = reports_of(self.watch, saved, event.iterations, stopped)
                outcome = "done" if stopped is None else "stopped"
                self.disk.ended[event.experiment_id] = Recorded(reports, values, event.iterations, outcome)
        self.news = []

    def die(self, pick):
        """Let a worker die."""
        if self.workers:
            slot = sorted(self.workers)[pick % len(self.workers)]
            del self.workers[slot]
            self.coordinator.handle(slot, WorkerDied(slot, 1, Death("signal", signal="SIGKILL")))

    def table(self):
        """Run to the end, and return what is on the disk: steps and outcome of each experiment."""
        while self.step(0):
            pass
        assert self.coordinator.error is None
        self.commit()
        return {who: (each.steps, each.outcome, each.values) for who, each in self.disk.ended.items()}


MOMENTS = st.lists(st.tuples(st.sampled_from("ssssssssscdk"), st.integers(0, 5)), max_size=120)
MORE_MOMENTS = st.lists(st.tuples(st.sampled_from("sSSScpdkw"), st.integers(0, 5)), max_size=120)


def disturb(world, moments):
    for what, pick in moments:
        match what:
            case "s":
                world.step(pick)
            case "S":
                for turn in range(9):
                    world.step(pick + turn)
            case "c":
                world.commit()
            case "d":
                world.commit()  # the session does, before a lost attempt begins anew
                world.die(pick)
            case "p" | "w":  # while it runs, or while nothing does
                world.disk.put_in.append({"x": pick * 5})
        match what:
            case "k" | "w":
                world.size = pick % 3 + 1  # with other workers
                world.begin()


@pytest.mark.parametrize("kind", ["walk", "search", "race"])
@settings(deadline=None, max_examples=60)
@given(moments=MOMENTS, workers=st.integers(1, 4), slots=st.sampled_from([2, 5]))
def test_any_deaths_lead_to_the_table_of_an_undisturbed_run(kind, moments, workers, slots):
    world = World(kind, workers, slots)
    disturb(world, moments)
    table = world.table()
    assert table == World(kind, 1, slots).table()
    assert {outcome for _, outcome, _ in table.values()} == {"done"} | (
        {"stopped"} if kind != "race" else set()
    )
    assert kind != "race" or 16 < len(table) < 16 * 3


@pytest.mark.parametrize("kind", ["search", "race", "arrival search"])
@settings(deadline=None, max_examples=60)
@given(moments=MORE_MOMENTS, workers=st.integers(1, 4))
def test_configs_that_are_put_in_are_tried_at_the_same_questions_whatever_dies(kind, moments, workers):
    world = World(kind, workers, 5)
    disturb(world, moments)
    table, taken = world.table(), dict(world.disk.taken)
    counts = (len(taken), len(world.disk.refused), len(world.disk.put_in))
    assert sum(counts) == sum(what in "pw" for what, _ in moments)
    other = World(kind, 1, 5)
    other.disk.taken = dict(taken)
    assert "arrival" in kind or other.table() == table
    world.begin()
    assert (world.table(), world.disk.taken) == (table, taken)


@pytest.mark.parametrize("kind", ["arrival walk", "arrival search"])
@settings(deadline=None, max_examples=60)
@given(moments=MOMENTS, workers=st.integers(1, 4))
def test_arrivals_are_repeated_by_their_record_whatever_dies(kind, moments, workers):
    world = World(kind, workers, 0)
    disturb(world, moments)
    table = world.table()
    assert len(table) == (16 if "search" in kind else SIZE)
    recorded = list(world.disk.recorded)
    world.begin()
    assert world.table() == table
    assert world.disk.recorded[: len(recorded)] == recorded
