"""What the tests of the pool share: a worker that runs what it is sent, and watchers of processes."""

from __future__ import annotations

import gc
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from research_runner.pool.events import Message, PoolEvent
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerDied, WorkerReady

WATCHDOG_S = 60
METHODS = ("fork", "forkserver", "spawn")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(WATCHDOG_S))


class Driver:
    """A pool whose workers call the functions they are sent; every wait has an end."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool
        self.seen: list[PoolEvent] = []

    def until(self, done: Callable[[PoolEvent], bool], limit_s: float = 30.0) -> PoolEvent:
        """Return the first event that fits; earlier ones are in `seen`."""
        deadline = time.monotonic() + limit_s
        waiting: list[PoolEvent] = []
        while time.monotonic() < deadline:
            waiting = self.pool.poll(max(deadline - time.monotonic(), 0.0))
            found = [event for event in waiting if done(event)]
            self.seen += waiting
            if found:
                return found[0]
        raise AssertionError(f"nothing fits within {limit_s} s; seen: {self.seen}")

    def start(self, slot: int = 0) -> int:
        self.pool.start(slot)
        event = self.until(lambda event: isinstance(event, WorkerReady) and event.slot == slot)
        assert isinstance(event, WorkerReady)
        return event.pid

    def call(self, function: Callable[[], object], slot: int = 0) -> object:
        self.pool.submit(slot, function)
        event = self.until(lambda event: isinstance(event, Message) and event.slot == slot)
        assert isinstance(event, Message)
        return event.payload

    def death(self, slot: int = 0) -> WorkerDied:
        event = self.until(lambda event: isinstance(event, WorkerDied) and event.slot == slot)
        assert isinstance(event, WorkerDied)
        return event


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def obey() -> Callable[..., None]:
    """A worker that calls the functions it is sent and sends back what they return."""

    def serve(channel) -> None:
        while True:
            channel.send(channel.recv()())

    return serve


@pytest.fixture
def driver(method: str, obey: Callable[..., None]) -> Iterator[Driver]:
    before = Traces()
    with WorkerPool(8, obey, start_method=method) as pool:
        yield Driver(pool)
        pool.close(force=True)
    before.check()


class Traces:
    """What this process holds that a pool might leave behind."""

    def __init__(self) -> None:
        gc.collect()
        self.descriptors = open_descriptors()
        self.threads = set(threading.enumerate())
        self.children = children()
        self.main = sys.modules["__main__"]

    def check(self) -> None:
        gc.collect()
        assert open_descriptors() == self.descriptors
        assert set(threading.enumerate()) == self.threads
        assert children() == self.children
        assert sys.modules["__main__"] is self.main


@pytest.fixture
def traces() -> Traces:
    return Traces()


def open_descriptors() -> dict[int, str]:
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        try:
            found[int(path.name)] = str(path.readlink())
        except FileNotFoundError:
            continue  # the descriptor that lists the folder
    return found


def children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


class Watch:
    """Wait for the end of processes that need not be our children."""

    def __init__(self) -> None:
        self._fds: dict[int, int] = {}

    def add(self, *pids: int) -> None:
        for pid in pids:
            self._fds[pid] = os.pidfd_open(pid)

    def assert_gone(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        for pid, fd in self._fds.items():
            ready, _, _ = select.select([fd], [], [], max(deadline - time.monotonic(), 0.0))
            assert ready, f"process {pid} still runs: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}"

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    watch.close()
