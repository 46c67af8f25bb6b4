"""What it costs an experiment to find its process as it should be.

``python benchmarks/surroundings.py [--quick]`` prints microseconds: of seeding the global generators of
random numbers, and of seeing to it that filters of warnings and logging are as in the script, with two
hundred loggers; their sum has a limit. Then the whole state of the process, with a limit as well, and the
capture of output of an experiment that prints nothing. The last line, for comparison, is the time of an
experiment that draws one number, in the process of the script, with and without seeding.
"""

from __future__ import annotations

import importlib
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from research_experiment.execution.global_random import Turns
from research_runner.worker.output import STREAMS, OutputCapture, Target
from research_runner.worker.restoring import ProcessState
from research_runner.worker.restoring.logs import LoggingPart
from research_runner.worker.restoring.parts import WarningFilters
from research_stack import EC, Domain, Research

MOST_US = 25.0
MOST_STATE_US = 20.0
LOGGERS = 200


def best_us(action: Callable[[], object], rounds: int) -> float:
    """Return the best of many short means: other processes disturb long ones."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(20):
            action()
        best = min(best, (time.perf_counter() - begun) / 20 * 1e6)
    return best


def seed() -> None:
    Turns(42).take(os.urandom(32))


def capture_us(rounds: int) -> float:
    """Return the time of catching the output of an experiment that prints nothing."""
    targets = {fd: Target(common=Path(f"{name}.txt")) for fd, name in STREAMS.items()}

    def catch() -> None:
        with capture.task("an-id", targets):
            pass

    with OutputCapture(hold=True) as capture:
        return best_us(catch, rounds)


def experiment_us(count: int, **options: bool) -> float:
    """Return the time of an experiment, the best of three researches."""
    best = float("inf")
    for _ in range(3):
        research = Research(domain=Domain(x=range(count)))
        research.add_callable("draw", lambda x: random.random(), args=[EC("x")], save_to="y")
        begun = time.perf_counter()
        research.run(bar=False, dump_results=False, parallel=False, **options)
        best = min(best, (time.perf_counter() - begun) / count * 1e6)
    return best


def main() -> int:
    rounds, count = (100, 300) if "--quick" in sys.argv else (1000, 3000)
    os.chdir(tempfile.mkdtemp())
    for number in range(LOGGERS):
        logging.getLogger(f"library.{number}").addHandler(logging.NullHandler())
    filters, loggers = WarningFilters(), LoggingPart()
    without_numpy = best_us(seed, rounds)
    importlib.import_module("numpy.random")
    seeding = best_us(seed, rounds)
    restoring = best_us(filters.restore, rounds) + best_us(loggers.restore, rounds)
    print(f"seeding random: {without_numpy:.1f} us an experiment, with numpy.random {seeding:.1f} us")
    print(f"filters of warnings and {LOGGERS} loggers: {restoring:.1f} us an experiment")
    print(f"together: {seeding + restoring:.1f} us (at most {MOST_US:.0f})")
    state = ProcessState(own_process=False, streams=())
    whole = best_us(state.restore, rounds)
    state.close()
    print(f"the whole state of the process: {whole:.1f} us (at most {MOST_STATE_US:.0f})")
    print(f"capture of output: {capture_us(rounds):.1f} us")
    seeded, plain = experiment_us(count), experiment_us(count, seed_globals=False)
    print(
        f"an experiment in the process of the script: {seeded:.0f} us, {plain:.0f} us with seed_globals=False"
    )
    return int(seeding + restoring > MOST_US or whole > MOST_STATE_US)


if __name__ == "__main__":
    sys.exit(main())
