"""How far one coordinator and one SQLite file go: a million experiments, and up to a thousand workers.

The workers of ``simulated`` are no processes: a backend in this process reports for each of them that its
task took so many seconds, as an agent would. Everything else is real: the coordinator, the slots, the
recorder and the folder. ``peak`` gives each worker tasks that take no time. ``busy`` says which share of the
time workers were at work in the middle half of a run, with a mean duration that asks for so much of the peak;
durations are exponential.

``million`` runs 10^6 experiments to the end on two real workers, or as many as a number says. Its limits
are: the coordinator grows by less than 100 MB, and the last tenths are at most 10 % slower than the first.

Run it with ``python benchmarks/scale.py [simulated] [million] [200000]``; both by default.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from research_runner import NotRunError
from research_runner.backends.protocol import Capabilities, RunEnvironment
from research_runner.scheduling.events import (
    BackendEvent,
    TaskFinished,
    TaskStarted,
    WorkerDied,
    WorkerReady,
)
from research_runner.scheduling.tasks import Task
from research_runner.system.death import Death
from research_runner.system.place import Place
from research_runner.worker.plan import WorkerPlan
from research_stack import EC, Domain, Research

WORKERS = (1, 10, 100, 1000)
COUNT = 20_000
LOADS = (0.5, 0.8, 1.2)
BUSY_S = 10.0
MILLION = 1_000_000
GROWTH_MB = 100
SLOWER = 0.10
SPANS: list[tuple[float, float]] = []
"""When each simulated task began and ended."""


class SimulatedBackend:
    """Reports that tasks were run, each after a time drawn from an exponential distribution."""

    def __init__(self, plan: WorkerPlan, mean_s: float) -> None:
        self._encoded = plan.encode({"sum": {0: 3}})
        self._mean_s = mean_s
        self._random = random.Random(0)
        self._place = Place.here()
        self._due: list[tuple[float, int, int, Task]] = []
        self._spans = SPANS
        self._free_at = [0.0] * len(plan.setups)
        self._events: list[BackendEvent] = []
        self._order = 0

    @property
    def slots(self) -> int:
        """How many workers there can be."""
        return len(self._free_at)

    def start(self, slot: int) -> None:
        """Report a worker as ready."""
        self._events.append(BackendEvent(slot, WorkerReady(slot, os.getpid(), self._place)))

    def submit(self, slot: int, tasks: Sequence[Task]) -> None:
        """Plan the ends of tasks, one after the other."""
        begin = max(self._free_at[slot], time.monotonic())
        for task in tasks:
            begun, begin = begin, begin + self._draw()
            self._spans.append((begun, begin))
            self._order += 1
            heapq.heappush(self._due, (begin, self._order, slot, task))
        self._free_at[slot] = begin

    def _draw(self) -> float:
        return self._random.expovariate(1 / self._mean_s) if self._mean_s else 0.0

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Return what happened until now, or wait for the next task to end."""
        if not self._events and self._due:
            time.sleep(min(max(self._due[0][0] - time.monotonic(), 0.0), timeout_s))
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, slot, task = heapq.heappop(self._due)
            self._events.extend(BackendEvent(slot, event) for event in self._reports(task))
        events, self._events = self._events, []
        return events

    def _reports(self, task: Task) -> list[Any]:
        name = task.experiments[0].identity.id
        return [
            TaskStarted(task.index, time.time()),
            TaskFinished(task.index, self._mean_s, name, 1, self._mean_s, self._encoded),
        ]

    def stop(self, slot: int) -> None:
        """Report a worker as gone."""
        self._events.append(BackendEvent(slot, WorkerDied(slot, os.getpid(), Death("stopped"))))

    def kill(self, slot: int, cause: str) -> None:
        """Report a worker as gone."""
        self._events.append(BackendEvent(slot, WorkerDied(slot, os.getpid(), Death(cause))))

    def close(self, force: bool = False) -> None:
        """Forget what was planned."""
        self._due.clear()


@dataclass(frozen=True)
class Simulated:
    """Makes a :class:`SimulatedBackend` whose tasks take `mean_s` seconds in the mean."""

    mean_s: float = 0.0

    @property
    def capabilities(self) -> Capabilities:
        """What the backend declares about itself."""
        return Capabilities(shares_files=True)

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> SimulatedBackend:
        """Return the backend."""
        return SimulatedBackend(plan, self.mean_s)


def add(x: int, y: int) -> int:
    return x + y


def trivial(count: int) -> Research:
    domain = Domain(x=range(count // 10)) * Domain(y=range(10))
    return Research("trivial", domain).add_callable("add", add, x=EC("x"), y=EC("y"), save_to="sum")


def in_a_new_folder(run: Callable[[], Any]) -> Any:
    """Call a function in a temporary folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return run()
        finally:
            os.chdir(before)


def simulate(workers: int, count: int, mean_s: float = 0.0) -> tuple[float, float]:
    """Return seconds of the clock and of the processor that so many simulated experiments took."""
    SPANS.clear()
    begun, cpu = time.perf_counter(), time.process_time()
    research = trivial(count).run(workers=workers, backend=Simulated(mean_s), bar=False)
    taken = time.perf_counter() - begun, time.process_time() - cpu
    assert research.monitor.finished_experiments == count
    return taken


def busy_share(workers: int) -> float:
    """Return which share of the middle half of the last run its workers were at work."""
    first, last = min(begin for begin, _ in SPANS), max(end for _, end in SPANS)
    low, high = first + (last - first) / 4, last - (last - first) / 4
    busy = sum(max(min(end, high) - max(begin, low), 0.0) for begin, end in SPANS)
    return busy / (workers * (high - low))


def report_simulated() -> None:
    """Print the peak of one coordinator, and how busy it keeps a thousand workers."""
    peak = 0.0
    for workers in WORKERS:
        wall_s, cpu_s = in_a_new_folder(lambda n=workers: simulate(n, COUNT))
        peak = COUNT / wall_s
        print(
            f"peak with {workers:5,} workers {peak:10,.0f} /s {cpu_s / COUNT * 1e6:8.1f} us of CPU each",
            flush=True,
        )
    workers = WORKERS[-1]
    for load in LOADS:
        mean_s = workers / (peak * load)
        count = int(BUSY_S * peak * min(load, 1.0)) // 10 * 10
        in_a_new_folder(lambda n=count, mean=mean_s: simulate(workers, n, mean))
        print(
            f"busy with {workers:5,} workers, {mean_s:6.3f} s a task: {load:4.0%} of the peak asked, "
            f"{busy_share(workers):4.0%} busy",
            flush=True,
        )


def report_million(count: int) -> bool:
    """Run a million experiments, or fewer, and return whether memory and rate kept their limits."""
    process, marks, done = psutil.Process(), [], threading.Event()
    research = trivial(count)

    def watch() -> None:
        while not done.wait(0.05):
            try:
                ended = research.monitor.finished_experiments
            except NotRunError:  # not yet
                continue
            if ended >= len(marks) * count // 10:
                marks.append((time.perf_counter(), ended, process.memory_info().rss / 1e6))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        in_a_new_folder(lambda: research.run(workers=2, bar=False))
    finally:
        done.set()
        watcher.join()
    if marks[-1][1] < count:
        marks.append((time.perf_counter(), count, process.memory_info().rss / 1e6))
    rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(marks[1:])]
    for number, rate in enumerate(rates, start=2):
        print(f"tenth {number:2}  {rate:10,.0f} /s  {marks[number][2]:8.1f} MB", flush=True)
    growth = max(mark[2] for mark in marks[2:]) - marks[1][2]
    slower = 1 - statistics.median(rates[-3:]) / statistics.median(rates[:3])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"growth after the first tenth {growth:.1f} MB (at most {GROWTH_MB}), peak {peak_mb:.0f} MB")
    print(f"last tenths slower than first ones by {slower:.1%} (at most {SLOWER:.0%})")
    return growth < GROWTH_MB and slower <= SLOWER


if __name__ == "__main__":
    counts = [int(each) for each in sys.argv[1:] if each.isdigit()]
    parts = [each for each in sys.argv[1:] if not each.isdigit()] or ["simulated", "million"]
    if "simulated" in parts:
        report_simulated()
    sys.exit("million" in parts and not report_million(*counts or [MILLION]))
