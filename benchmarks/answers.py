"""What answers cost: best, aggregate and failure_report over results.df, measured in one run.

Run with ``python benchmarks/answers.py`` (``--quick`` for a tenth); it exits with 1 when a number misses
its limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from research_results import ResearchResults, ResearchStorage

ITERATIONS = 100
ROUNDS = 5


@dataclass(frozen=True)
class Failure:
    """How an experiment of the benchmark fails."""

    iteration: int
    cause: str = "exception"
    type: str = "ValueError"
    message: str = "no such layer"
    traceback: str = 'Traceback (most recent call last):\n  File "study.py", line 3, in train\n' * 10
    unit: str = "train"


def seconds(function) -> float:
    """Return the time of the processor, in the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        started_s = time.process_time()
        function()
        times.append(time.process_time() - started_s)
    return min(times)


def write_study(folder: Path, count: int) -> None:
    """Write experiments of 100 iterations, five of each config."""
    rng = np.random.default_rng(0)
    with ResearchStorage(str(folder)) as storage, storage.transaction():
        for number in range(count):
            config = {"lr": number // 50 / 1e3, "act": "relu" if number // 25 % 2 else "elu"}
            config |= {"depth": number // 5 % 5, "repetition": number % 5}
            storage.add(str(number), config, index=number)
            storage.put(str(number), {"loss": dict(enumerate(rng.random(ITERATIONS).tolist()))})
            storage.mark(str(number), "done")


def write_failures(folder: Path, count: int) -> None:
    """Write experiments that all failed, in some hundred ways."""
    with ResearchStorage(str(folder)) as storage, storage.transaction():
        for number in range(count):
            storage.add(str(number), {"lr": number % 7, "depth": number % 13}, index=number)
            storage.mark(str(number), "failed", attempt=1, failure=Failure(number % 100))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    factor = 10 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory(prefix="bench-answers-") as work:
        study, failed = Path(work) / "study", Path(work) / "failed"
        write_study(study, 10_000 // factor)
        write_failures(failed, 100_000 // factor)
        results = ResearchResults(study)
        frame_s = seconds(lambda: results.df)
        measured = [
            ("results.best over results.df", seconds(lambda: results.best("loss")) / frame_s, 2.0),
            ("results.aggregate over results.df", seconds(lambda: results.aggregate("loss")) / frame_s, 2.0),
            (
                "a report of 100,000 failures, in seconds",
                seconds(ResearchResults(failed).failure_report),
                2.0,
            ),
        ]
    print(f"results.df of {10_000 // factor} experiments x {ITERATIONS} iterations: {frame_s:.3f} s")
    for name, number, limit in measured:
        print(f"{'ok  ' if number <= limit else 'MISS'} {name:<40} {number:8.2f}  at most {limit:g}")
    return int(any(number > limit for _, number, limit in measured))


if __name__ == "__main__":
    sys.exit(main())
