"""What it costs to run experiments through an engine: rates, delays and memory.

Each rate is compared with the bare engine running the same function in the same run, on the same cluster of
two workers of one thread, which is warm. ``total`` has everything from the call of ``run`` to its return, so
also the connection, the check of the plan and the start of our processes; ``steady`` counts from the start
of the first experiment to the end of the last one.

Run it with ``python benchmarks/engines.py [dask] [ray] [memory]``.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from research_runner.backends.dask import DaskBackend
from research_runner.backends.ray import RayBackend
from research_stack import EC, Domain, Research

COUNT = 1000
MANY = 100_000
WORKERS = 2


def add(x, y):
    return x + y


def tick(rest_s: float) -> Iterator[float]:
    while True:
        yield time.time()
        time.sleep(rest_s)


def trivial(count: int) -> Research:
    domain = Domain(x=range(count // 10)) * Domain(y=range(10))
    return Research("trivial", domain).add_callable("add", add, x=EC("x"), y=EC("y"), save_to="sum")


def rates(backend: Any, bare: Callable[[], float]) -> None:
    """Print the rates of both, and their ratios."""
    bare()
    of_bare = COUNT / bare()
    print(f"  bare    {of_bare:8.0f} /s")
    for count in (COUNT, 10 * COUNT):
        begun = time.perf_counter()
        research = trivial(count).run(f"trivial-{count}", workers=WORKERS, seed=1, bar=False, backend=backend)
        elapsed_s = time.perf_counter() - begun
        experiments = research.results.experiments
        started = (experiments["started"] - experiments["started"].min()).dt.total_seconds()
        steady_s = (started + experiments["elapsed_s"]).max()
        for name, seconds in (("total", elapsed_s), ("steady", steady_s)):
            rate = count / seconds
            print(f"  {name:<7} {rate:8.0f} /s   {rate / of_bare:6.2f} of bare, {count:,} experiments")


def delays(backend: Any) -> None:
    """Print how long after it was yielded a value can be read from the folder of the research."""
    research = Research("ticks", Domain(x=[1, 2])).add_generator("tick", tick, rest_s=0.1, save_to="at")
    options = {"workers": WORKERS, "n_iters": 60, "seed": 1, "bar": False, "backend": backend}
    thread = threading.Thread(target=lambda: research.run(**options))
    thread.start()
    seen: dict[tuple[str, int], float] = {}
    while thread.is_alive():
        time.sleep(0.02)
        if research._last is None:
            continue
        now, table = time.time(), research.results.df
        for row in table.itertuples() if len(table) else ():
            seen.setdefault((row.id, row.iteration), now - row.at)
    thread.join()
    median, worst = statistics.median(seen.values()), max(seen.values())
    print(
        f"  values  readable after {median:.3f} s in the median, {worst:.3f} s at most ({len(seen)} values)"
    )


def memory(backend: Any) -> None:
    """Print by how much this process grows while it runs a hundred times as many experiments."""
    process, sizes, done = psutil.Process(), [], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            sizes.append(process.memory_info().rss)

    trivial(COUNT).run("warm-up", workers=WORKERS, seed=1, bar=False, backend=backend)
    thread = threading.Thread(target=watch)
    thread.start()
    begun = time.perf_counter()
    before = process.memory_info().rss
    trivial(MANY).run("many", workers=WORKERS, seed=1, bar=False, backend=backend)
    elapsed_s = time.perf_counter() - begun
    done.set()
    thread.join()
    growth = (max(sizes) - before) / 2**20
    print(f"  {MANY:,} experiments in {elapsed_s:.0f} s: {growth:.0f} MiB more at most")


def with_dask(measure: Callable[[Any, Callable[[], float]], None]) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):

        def bare() -> float:
            begun = time.perf_counter()
            futures = [client.submit(add, x, y, pure=False) for x in range(COUNT // 10) for y in range(10)]
            assert len(client.gather(futures)) == COUNT
            return time.perf_counter() - begun

        measure(DaskBackend(client), bare)


def with_ray(measure: Callable[[Any, Callable[[], float]], None]) -> None:
    import ray

    ray.init(address="local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(max_retries=0)(add)

    def bare() -> float:
        begun = time.perf_counter()
        found = ray.get([remote.remote(x, y) for x in range(COUNT // 10) for y in range(10)])
        assert len(found) == COUNT
        return time.perf_counter() - begun

    try:
        measure(RayBackend(), bare)
    finally:
        ray.shutdown()


def rates_and_delays(backend: Any, bare: Callable[[], float]) -> None:
    rates(backend, bare)
    delays(backend)


def main() -> None:
    wanted = sys.argv[1:] or ["dask", "ray", "memory"]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, module, engine in (("dask", "distributed", with_dask), ("ray", "ray", with_ray)):
            if name in wanted and importlib.util.find_spec(module) is not None:
                print(name)
                place = Path(name)
                place.mkdir()
                os.chdir(place)
                engine(rates_and_delays)
                os.chdir("..")
        if "memory" in wanted:
            print("memory of the coordinator, on Dask")
            with_dask(lambda backend, bare: memory(backend))
        os.chdir("/")


if __name__ == "__main__":
    main()
