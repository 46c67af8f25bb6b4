"""How fast the pool of workers is, beside the standard one in the same run.

Run ``python benchmarks/pool.py [messages]``; the table goes to standard output.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

from research_runner.pool import wire
from research_runner.pool.events import Message
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerDied, WorkerReady

METHODS = ("fork", "forkserver", "spawn")
REPEATS = 5


def add(pair: tuple[int, int]) -> int:
    return pair[0] + pair[1]


def serve(channel) -> None:
    while True:
        channel.send([x + y for x, y in channel.recv()])


def pairs(count: int) -> Iterator[tuple[int, int]]:
    return ((index, index) for index in range(count))


def started(pool: WorkerPool) -> None:
    ready = 0
    for slot in range(pool.size):
        pool.start(slot)
    while ready < pool.size:
        ready += sum(isinstance(event, WorkerReady) for event in pool.poll(60))


def ours(count: int, workers: int, in_flight: int, batch: int) -> float:
    """Calls per second with so many messages in flight per worker, so many calls in each."""
    with WorkerPool(workers, serve) as pool:
        started(pool)
        calls = list(pairs(count))
        batches = iter([calls[at : at + batch] for at in range(0, count, batch)])
        begun, done = time.perf_counter(), 0
        for slot in range(workers):
            for _ in range(in_flight):
                pool.submit(slot, next(batches, []))
        while done < count:
            for event in pool.poll(60):
                if isinstance(event, Message):
                    done += len(event.payload)
                    pool.submit(event.slot, next(batches, []))
        return count / (time.perf_counter() - begun)


def standard(count: int, workers: int, batch: int) -> float:
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        pool.map(add, pairs(workers))
        begun = time.perf_counter()
        assert sum(1 for _ in pool.imap_unordered(add, pairs(count), chunksize=batch)) == count
        return count / (time.perf_counter() - begun)


def futures(count: int, workers: int) -> float:
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(add, pairs(workers)))
        begun = time.perf_counter()
        assert sum(1 for _ in pool.map(add, pairs(count), chunksize=1)) == count
        return count / (time.perf_counter() - begun)


def median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(REPEATS))


def first_start(method: str) -> float:
    """Seconds until the first worker of a new pool is ready."""
    begun = time.perf_counter()
    with WorkerPool(2, serve, start_method=method) as pool:
        pool.start(0)
        pool.poll(60)
        return time.perf_counter() - begun


def next_start(method: str) -> float:
    """Seconds until a further worker is ready."""
    with WorkerPool(2, serve, start_method=method) as pool:
        pool.start(0)
        pool.poll(60)
        begun = time.perf_counter()
        pool.start(1)
        pool.poll(60)
        return time.perf_counter() - begun


def standard_start(method: str) -> float:
    """Seconds to start and join one process of the standard library."""
    context = multiprocessing.get_context(method)
    begun = time.perf_counter()
    process = context.Process(target=os.getpid)
    process.start()
    process.join()
    return time.perf_counter() - begun


def death(method: str) -> float:
    """Seconds from SIGKILL to the report of it."""
    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        (ready,) = pool.poll(60)
        begun = time.perf_counter()
        os.kill(ready.pid, signal.SIGKILL)
        while not any(isinstance(event, WorkerDied) for event in pool.poll(60)):
            pass
        return time.perf_counter() - begun


def per_message(message: object) -> float:
    """Seconds to serialise and load a message."""
    begun = time.perf_counter()
    for _ in range(2_000):
        wire.loads(wire.dumps(message))
    return (time.perf_counter() - begun) / 2_000


def main(count: int) -> None:
    print(f"calls per second, median of {REPEATS}, 2 workers, {count} calls")
    for name, measure in {
        "ours, 1 message in flight": lambda: ours(count, 2, 1, 1),
        "ours, 8 messages in flight": lambda: ours(count, 2, 8, 1),
        "ours, 2 in flight, 32 calls in each": lambda: ours(count * 8, 2, 2, 32),
        "multiprocessing.Pool.imap_unordered, chunks of 1": lambda: standard(count, 2, 1),
        "multiprocessing.Pool.imap_unordered, chunks of 32": lambda: standard(count * 8, 2, 32),
        "ProcessPoolExecutor.map, chunks of 1": lambda: futures(count, 2),
    }.items():
        print(f"  {name:<52}{median(measure):>10,.0f}")
    print("milliseconds, median: first worker | next worker | standard process | death noticed")
    for method in METHODS:
        measures = [lambda f=f, m=method: f(m) for f in (first_start, next_start, standard_start, death)]
        print(f"  {method:<12}" + "".join(f"{median(measure) * 1e3:>10.1f}" for measure in measures))
    print("microseconds to serialise and load a message")
    small = {
        "a tuple of 4": ("values", "a1b2-0", 3, 0.5),
        "an event": WorkerReady(1, 2),
        "a lambda": lambda x: x,
    }
    for name, message in small.items():
        elapsed_s = median(lambda m=message: per_message(m))
        print(f"  {name:<20}{len(wire.dumps(message)):>6} B{elapsed_s * 1e6:>10.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
