"""What `runner.py` measures in a process of its own; prints a line of JSON."""

from __future__ import annotations

import json
import sys
import threading
import time

import psutil

from research_domain import Domain
from research_experiment import EC
from research_runner import Research


def add(x, y):
    return x + y


def memory(count: int) -> dict[str, float]:
    """Growth of this process from the first thousand experiments to the last."""
    side = round(count**0.5)
    domain = Domain(x=range(side), y=range(side))
    research = Research("sums", domain).add_callable("add", add, x=EC("x"), y=EC("y"), save_to="sum")
    samples: list[tuple[int, int]] = []
    over = threading.Event()

    def watch() -> None:
        process = psutil.Process()
        while not over.wait(0.05):
            if research._last is not None:
                samples.append((research.monitor.finished_experiments, process.memory_info().rss))

    thread = threading.Thread(target=watch)
    thread.start()
    begun = time.perf_counter()
    research.run(workers=2, bar=False)
    elapsed_s = time.perf_counter() - begun
    over.set()
    thread.join()
    start = next(rss for finished, rss in samples if finished >= 1000)
    return {"grown_bytes": max(rss for _, rss in samples) - start, "elapsed_s": elapsed_s}


def first(side: int) -> dict[str, float]:
    """Seconds from run() to the start of the first experiment of a large grid."""
    domain = Domain(x=range(side), y=range(side))
    research = Research("large", domain).add_callable("add", add, x=EC("x"), y=EC("y"), save_to="sum")

    def end() -> None:
        while research._last is None or not research.monitor.finished_experiments:
            time.sleep(0.01)
        research.terminate(wait=False)

    threading.Thread(target=end).start()
    begun = time.time()
    research.run(bar=False)
    return {"first_s": research.results.experiments["started"].min().timestamp() - begun}


if __name__ == "__main__":
    task = {"memory": memory, "first": first}[sys.argv[1]]
    print(json.dumps(task(int(sys.argv[2]))))
