"""The session between a coordinator and a backend that is played by hand."""

import pytest

from research_domain import Domain
from research_runner.recording import committing
from research_runner.recording.committing import Committer
from research_runner.recording.storage_lookup import PlainStorage, encode_plain
from research_runner.running.session import RunEnd, Session
from research_runner.scheduling.coordinator import Coordinator, Limits
from research_runner.scheduling.events import (
    BackendEvent,
    ExperimentEnded,
    ExperimentLost,
    TaskEnded,
    TaskStarted,
    ValuesSaved,
    WorkerDied,
    WorkerReady,
)
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.system.death import Death


class PlayedBackend:
    """Runs each task at once; keeps the names of the orders that it was given."""

    slots = 1

    def __init__(self, on_task=lambda spec: None):
        self.orders = []
        self._on_task = on_task
        self._events = []

    def start(self, slot):
        self.orders.append("start")
        self._events.append(WorkerReady(slot, 17))

    def submit(self, slot, tasks):
        self.orders.append("submit")
        for task in tasks:
            self._events.append(TaskStarted(task.index, 0.0))
            for spec in task.experiments:
                self._on_task(spec)
                values = encode_plain({"x2": {0: spec.config.config()["x"] * 2}})
                self._events.append(ValuesSaved(spec.identity.id, values))
                self._events.append(ExperimentEnded(spec.identity.id, 1, 1.0, None))
            self._events.append(TaskEnded(task.index, 1.0))

    def poll(self, timeout_s):
        events, self._events = self._events, []
        return [BackendEvent(0, event) for event in events]

    def stop(self, slot):
        self.orders.append("stop")
        self._events.append(WorkerDied(slot, 17, Death("stopped")))

    def kill(self, slot, cause):
        self.orders.append(f"kill: {cause}")

    def close(self, force=False):
        self.orders.append(f"close: {force}")


def make_session(backend, end, n_configs=3, listeners=()):
    storage = PlainStorage()
    source = TaskSource(Domain(x=list(range(n_configs))), IterationOptions(seed=0), 1)
    return Session(Coordinator(source, 1, Limits()), backend, Committer(storage, listeners), end), storage


def test_a_session_runs_all_tasks_and_lets_the_worker_go():
    backend, end = PlayedBackend(), RunEnd()
    session, storage = make_session(backend, end)
    session.run()
    assert backend.orders[0] == "start"
    assert backend.orders[-1] == "close: False"
    assert [column["x2"][0] for column in storage.results.values.values()] == [0, 2, 4]
    assert (storage.counts(), end.is_over) == ({"done": 3}, True)


def test_a_session_that_is_asked_to_end_begins_nothing_new():
    end = RunEnd()
    session, storage = make_session(PlayedBackend(lambda spec: end.ask(force=False)), end)
    session.run()
    assert 0 < storage.counts()["done"] < 3
    assert end.is_over


class HangingBackend(PlayedBackend):
    """Begins the first task and never ends it."""

    def submit(self, slot, tasks):
        self.orders.append("submit")
        self._on_task(tasks[0])
        self._events.append(TaskStarted(tasks[0].index, 0.0))


def test_a_session_that_is_told_to_kill_abandons_what_runs():
    end = RunEnd()
    backend = HangingBackend(lambda task: end.ask(force=True))
    session, storage = make_session(backend, end)
    session.run()
    assert backend.orders == ["start", "submit", "close: True"]
    assert storage.counts()["lost"] == 1


def test_what_was_reported_is_written_when_the_backend_breaks():
    def breaking(spec):
        if spec.config.config()["x"] == 1:
            raise ConnectionError("the engine is gone")

    backend, end = PlayedBackend(breaking), RunEnd()
    session, storage = make_session(backend, end)
    with pytest.raises(ConnectionError, match="gone"):
        session.run()
    assert storage.counts()["done"] == 1
    assert (backend.orders[-1], end.is_over) == ("close: True", True)


def test_a_stop_becomes_a_kill_when_its_time_is_over():
    end = RunEnd()
    end.ask(force=False, grace_s=3600.0)
    assert (end.is_asked, end.is_kill_due()) == (True, False)
    end.ask(force=False, grace_s=0.0)  # the first time counts
    assert not end.is_kill_due()
    late = RunEnd()
    late.ask(force=False, grace_s=0.0)
    assert late.is_kill_due()


def test_a_worker_gets_its_next_task_before_the_last_one_is_committed(monkeypatch):
    monkeypatch.setattr(committing, "_COMMIT_EVERY_S", 0.0)
    seen = []
    backend = PlayedBackend(lambda spec: seen.append(storage.counts()))
    session, storage = make_session(backend, RunEnd(), n_configs=2)
    session.run()
    assert seen == [{}, {"queued": 1}]
    assert storage.counts() == {"done": 2}


class DyingBackend(PlayedBackend):
    """Its first worker dies with its first task; the orders say when that is known to be on the disk."""

    kinds = (ExperimentLost,)

    def submit(self, slot, tasks):
        if "submit" in self.orders:
            super().submit(slot, tasks)
        else:
            self.orders.append("submit")
            self._events += [TaskStarted(tasks[0].index, 0.0), WorkerDied(slot, 17, Death("killed"))]

    def handle(self, event):
        self.orders.append("lost")


def test_a_lost_attempt_is_committed_before_another_worker_may_begin_the_next():
    backend = DyingBackend()
    session, storage = make_session(backend, RunEnd(), 1, listeners=[backend])
    session.run()
    assert backend.orders == ["start", "submit", "lost", "start", "submit", "close: False"]
    assert storage.counts() == {"done": 1}
