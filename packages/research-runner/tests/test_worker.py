"""What a worker does with the tasks that it gets, over a real connection."""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from research_domain import ConfigAlias, Domain
from research_experiment import EC, Experiment
from research_runner.pool.channel import Channel, WorkerStop
from research_runner.scheduling.events import TaskFinished, TaskReturned, TaskStarted, WorkerLeaves, unpack
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.source import IterationOptions, TaskSource
from research_runner.system.libraries import SLOT_VARIABLE
from research_runner.worker import serving as worker
from research_runner.worker.plan import Execution, WorkerPlan
from research_runner.worker.serving import Serve


def nap(seconds):
    time.sleep(seconds)


@pytest.fixture
def work(monkeypatch):
    """Give a worker, in a thread of this process, tasks that sleep; return the connection to it."""
    monkeypatch.setitem(os.environ, SLOT_VARIABLE, "0")
    ours, theirs = socket.socketpair()

    def serve(plan):
        with contextlib.suppress(WorkerStop), theirs:
            Serve(plan)(Channel(theirs))

    def begin(naps):
        experiment = Experiment().add_callable("nap", nap, args=[EC("seconds")]).build()
        setup = WorkerSetup((ConfigAlias(),))
        plan = WorkerPlan(experiment, Execution(), (setup,), 0, lambda values: values, Path)
        thread = threading.Thread(target=serve, args=(plan,))
        thread.start()
        threads.append(thread)
        source = TaskSource(Domain(seconds=naps), IterationOptions())
        channel = Channel(ours)
        channel.send([source.next_task().pack() for _ in naps])
        return channel

    threads = []
    yield begin
    ours.close()
    for thread in threads:
        thread.join()


def told(channel, kind, count):
    """Return the tasks of the first events of a kind, and everything that was told until then."""
    events = []
    while sum(isinstance(event, kind) for event in events) < count:
        events += map(unpack, channel.recv())
    return [event.task for event in events if isinstance(event, kind)], events


def test_tasks_sent_ahead_go_back_when_they_would_wait_behind_a_long_one(work):
    returned, events = told(work([0.2, 0, 0]), TaskReturned, 2)
    assert returned == [1, 2]
    assert [event.task for event in events if isinstance(event, TaskStarted)] == [0]
    assert [event.task for event in events if isinstance(event, TaskFinished)] == [0]


def test_short_tasks_stay_together(work, monkeypatch):
    monkeypatch.setattr(worker, "_LONG_S", 60)
    ended, events = told(work([0, 0, 0, 0]), TaskFinished, 4)
    assert ended == [0, 1, 2, 3]
    assert not any(isinstance(event, TaskReturned) for event in events)


def test_worker_that_has_lost_something_for_good_leaves_after_its_task(work, monkeypatch):
    monkeypatch.setattr(worker.TaskRunner, "lost", "a limit is too low")
    channel = work([0, 0, 0])
    returned, events = told(channel, TaskReturned, 2)
    if not isinstance(events[-1], WorkerLeaves):
        events += map(unpack, channel.recv())
    assert returned == [1, 2]
    assert [event.task for event in events if isinstance(event, TaskFinished)] == [0]
    assert events[-1] == WorkerLeaves("a limit is too low")
