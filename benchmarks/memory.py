"""Memory of a worker over a thousand experiments of 50 MiB each, and what putting its state back costs.

``python benchmarks/memory.py [EXPERIMENTS]`` prints the peak of a worker over that of one which runs a single
experiment: for outputs without cycles, and for objects that refer to themselves, as models do. The last line
is the time of putting back the state of the process between two tasks, in microseconds.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time

import numpy as np

from research_runner.worker.restoring import ProcessState
from research_stack import EC, Domain, O, Research

EXPERIMENTS = 1000
SIZE_BYTES = 50 * 2**20
MOST_PLAIN, MOST_CYCLES, MOST_RESTORE_US = 1.5, 6.0, 20.0


class Model:
    def __init__(self, x: int) -> None:
        self.me = self
        self.data = np.full(SIZE_BYTES // 8, float(x))


def plain(x: int) -> np.ndarray:
    return np.full(SIZE_BYTES // 8, float(x))


def peak(made: object) -> int:
    """Return the peak of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak_bytes(unit: object, count: int) -> int:
    research = Research("memory", Domain(x=list(range(count)))).add_callable("make", unit, x=EC("x"))
    research.add_callable("peak", peak, made=O("make"), save_to="peak")
    research.run(bar=False, workers=1, dump_results=False)
    return int(research.results.df["peak"].max())


def restore_us(rounds: int = 5000) -> float:
    """Return the best of five means."""
    state = ProcessState(own_process=True, streams=())
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(rounds):
            state.restore()
        best = min(best, (time.perf_counter() - begun) / rounds * 1e6)
    state.close()
    return best


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS
    os.chdir(tempfile.mkdtemp())
    failed = False
    for name, unit, most in (("arrays", plain, MOST_PLAIN), ("cycles", Model, MOST_CYCLES)):
        one, many = peak_bytes(unit, 1), peak_bytes(unit, count)
        ratio = many / one
        failed = failed or ratio > most
        print(
            f"{name}: peak {many / 2**20:.0f} MiB over {count} experiments, {one / 2**20:.0f} MiB over one: "
            f"{ratio:.2f} (at most {most})"
        )
    cost = restore_us()
    failed = failed or cost > MOST_RESTORE_US
    print(f"putting back the state of a process: {cost:.1f} us a task (at most {MOST_RESTORE_US:.0f})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
