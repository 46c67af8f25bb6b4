"""What it costs to run experiments through an engine: rates, delays and memory.

Each rate is compared with the bare engine running the same function in the same run, on two workers of one
thread; medians of rounds in turn. ``connected``: both sides use a cluster that is there and warm, to which
this process is connected; what is timed is everything from the call of ``run`` to its return, so also the
check of the plan and the start of our processes. ``alone``: both sides make a cluster and let it go, which is
timed as well. ``steady`` counts from the start of the first experiment to the end of the last one. The limit
is half the rate of the bare engine with a thousand experiments.

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
ROUNDS = 3


def add(x, y):
    return x + y


def tick(rest_s: float) -> Iterator[float]:
    while True:
        yield time.time()
        time.sleep(rest_s)


def trivial(count: int) -> Research:
    domain = Domain(x=range(count // 10)) * Domain(y=range(10))
    return Research("trivial", domain).add_callable("add", add, x=EC("x"), y=EC("y"), save_to="sum")


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call took in seconds, and its result."""
    begun = time.perf_counter()
    result = function()
    return time.perf_counter() - begun, result


def steady_s(research: Research) -> float:
    experiments = research.results.experiments
    started = (experiments["started"] - experiments["started"].min()).dt.total_seconds()
    return float((started + experiments["elapsed_s"]).max())


def compare(
    what: str, backend: Any, bare: Callable[[], None], count: int = COUNT, rounds: int = ROUNDS
) -> None:
    """Print the rates of both, and their ratio."""
    rates: dict[str, list[float]] = {"bare": [], "ours": [], "steady": []}
    bare()
    for number in range(rounds):
        research = trivial(count)
        name = f"{what}-{count}-{number}"
        rates["bare"].append(COUNT / timed(bare)[0])
        options = {"workers": WORKERS, "seed": 1, "bar": False, "backend": backend}
        elapsed_s, _ = timed(lambda: research.run(name, **options))  # noqa: B023 - called at once
        rates["ours"].append(count / elapsed_s)
        rates["steady"].append(count / steady_s(research))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        share = rate / medians["bare"]
        print(f"  {what:<10} {name:<7} {rate:8.0f} /s   {share:6.2f} of bare, {count:,} experiments")


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
    print(f"  memory     {MANY:,} experiments in {elapsed_s:.0f} s: {growth:.0f} MiB more at most")


def dask_tasks(client: Any) -> None:
    futures = [client.submit(add, x, y, pure=False) for x in range(COUNT // 10) for y in range(10)]
    assert len(client.gather(futures)) == COUNT


def with_dask(measure: Callable[[Any, Callable[[], None]], None]) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        measure(DaskBackend(client), lambda: dask_tasks(client))


def ray_tasks() -> None:
    import ray

    remote = ray.remote(max_retries=0)(add)
    found = ray.get([remote.remote(x, y) for x in range(COUNT // 10) for y in range(10)])
    assert len(found) == COUNT


def with_ray(measure: Callable[[Any, Callable[[], None]], None]) -> None:
    import ray

    ray.init(address="local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    try:
        measure(RayBackend(), ray_tasks)
    finally:
        ray.shutdown()


def rates_and_delays(backend: Any, bare: Callable[[], None]) -> None:
    compare("connected", backend, bare)
    compare("connected", backend, bare, 10 * COUNT, 1)
    delays(backend)


ENGINES = {"dask": ("distributed", with_dask), "ray": ("ray", with_ray)}


def measure(name: str, connected: Callable[[Callable[..., None]], None], with_memory: bool) -> None:
    print(name)
    connected(rates_and_delays)
    compare("alone", name, lambda: connected(lambda _, bare: bare()))
    if with_memory:
        connected(lambda backend, bare: memory(backend))


def main() -> None:
    wanted = sys.argv[1:] or [*ENGINES, "memory"]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        for name, (module, connected) in ENGINES.items():
            if name in wanted and importlib.util.find_spec(module) is not None:
                place = Path(folder, name)
                place.mkdir()
                os.chdir(place)
                measure(name, connected, "memory" in wanted)
        os.chdir("/")


if __name__ == "__main__":
    main()
