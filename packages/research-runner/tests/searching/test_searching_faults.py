"""Verdicts against deaths: workers and coordinators die at any moment, and nothing is decided otherwise."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research_domain import ConfigAlias, Domain, When
from research_runner.pool import Death
from research_runner.scheduling.asking import Asking
from research_runner.scheduling.commands import Start, Submit
from research_runner.scheduling.coordinator import Coordinator, Limits
from research_runner.scheduling.events import (
    AttemptDone,
    ExperimentEnded,
    Reported,
    TaskEnded,
    TaskStarted,
    WorkerDied,
    WorkerReady,
)
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.searching.order import ArrivalOrder, Journal, VirtualOrder
from research_runner.searching.rules import MedianStop
from research_runner.searching.trials import Recorded, Trials
from research_runner.searching.watching import Watch, reports_of

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


class Disk(Journal):
    """What survives the coordinator: ends that were committed, and the record of arrivals."""

    def __init__(self):
        super().__init__([])
        self.ended = {}

    def write(self, event, number):
        self.recorded.append((event, number))

    def cut(self, count):
        del self.recorded[count:]


class World:
    """Workers, a disk and a coordinator that may all die, but for the disk."""

    def __init__(self, kind, workers, slots):
        self.kind, self.size, self.slots = kind, workers, slots
        self.disk = Disk()
        self.begin()

    def begin(self):
        """Begin a coordinator with what is on the disk."""
        self.workers, self.news = {}, []
        order = (
            ArrivalOrder(self.size, self.disk) if "arrival" in self.kind else VirtualOrder(self.slots, WATCH)
        )
        rule = Nearby()
        trials = Trials(rule, order, remembers=True)
        domain = IterationOptions(n_items=16 if "search" in self.kind else None).prepare(
            Domain(x=list(range(SIZE)))
        )
        walk = TaskSource(domain, IterationOptions())
        proposals = Asking(rule, domain, trials, 1, 5) if "search" in self.kind else walk
        kept = dict(self.disk.ended)
        source = SearchSource(proposals, trials, 1, kept.__contains__, lambda: kept)
        self.coordinator = Coordinator(source, self.size, Limits(max_attempts=1000, idle_deaths=1000))

    def step(self, pick):
        """Let one of the things happen that may happen; return False if it is all over."""
        if self.coordinator.done:
            return False
        commands, _ = self.coordinator.decide(0.0)
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
        if not worker.begun:
            worker.begun, worker.done = True, 0
            handle(slot, TaskStarted(task.index, 0.0))
            return
        worker.done += 1
        ends, is_last = False, worker.done == length(x)
        if WATCH.due(worker.done - 1) and not is_last:
            handle(slot, Reported(who, worker.done, (loss(x, worker.done - 1),)))
            (answer,) = self.coordinator.answers()
            assert (answer.slot, answer.experiment_id) == (slot, who)
            ends = answer.ends
        if ends or is_last:
            handle(slot, Reported(who, worker.done, (loss(x, worker.done - 1),), final=True))
            self.news += [(x, each) for each in handle(slot, ExperimentEnded(who, worker.done, 0.0, None))]
            handle(slot, TaskEnded(task.index, 1e-3))
            worker.tasks.pop(0)
            worker.begun = False

    def commit(self):
        for x, event in self.news:
            if isinstance(event, ExperimentEnded | AttemptDone):
                stopped = getattr(event, "stopped", None)
                saved = {"loss": {each: loss(x, each) for each in range(event.iterations)}}
                reports, values = reports_of(WATCH, saved, event.iterations, stopped)
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


def disturb(world, moments):
    for what, pick in moments:
        match what:
            case "s":
                world.step(pick)
            case "c":
                world.commit()
            case "d":
                world.commit()  # the session does, before a lost attempt begins anew
                world.die(pick)
            case "k":
                world.size = pick % 3 + 1  # with other workers
                world.begin()


@pytest.mark.parametrize("kind", ["walk", "search"])
@settings(deadline=None, max_examples=60)
@given(moments=MOMENTS, workers=st.integers(1, 4), slots=st.sampled_from([2, 5]))
def test_any_deaths_lead_to_the_table_of_an_undisturbed_run(kind, moments, workers, slots):
    world = World(kind, workers, slots)
    disturb(world, moments)
    table = world.table()
    assert table == World(kind, 1, slots).table()
    assert {outcome for _, outcome, _ in table.values()} == {"done", "stopped"}


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
