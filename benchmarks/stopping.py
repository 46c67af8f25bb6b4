"""What it costs that experiments ask whether to end, and what each order of their ends costs.

A report is compared with an iteration that does not report, in one run. Then ASHA ends experiments of up to
27 steps at the steps 1, 3 and 9, whose units sleep: 4 and 16 workers, and the same experiments for each order
and number of slots. Busy is the share of the time, from first begin to last end, in which units slept.

Run it with ``nox -s bench -- stopping``, or ``python benchmarks/stopping.py``.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research_search import ASHA
from research_stack import EC, Domain, E, Research, StopWhen

EXPERIMENTS, STEPS = 200, 27
SLOTS = {4: (4, 8, 16), 16: (16, 32, 64)}
"""By the number of workers."""
STEP_S = {4: 0.01, 16: 0.04}
"""So that there are equally many reports in a second."""


def count() -> Iterator[int]:
    """Do nothing, often."""
    yield from range(400)


def curve(quality: float, pace_s: float, random: np.random.Generator) -> Iterator[float]:
    """Learn, at a pace of one's own."""
    for step in range(STEPS):
        time.sleep(pace_s)
        yield quality + 1 / (step + 1) + 0.05 * random.normal()


def report_s(**options: Any) -> tuple[float, float]:
    """Return the time of an iteration, and what a report adds to it, in seconds."""
    times = {}
    for name, stop in (("plain", None), ("reports", StopWhen("n", lambda reports: False))):
        research = Research("reports", Domain(x=list(range(8)))).add_generator("n", count, save_to="n")
        begun = time.perf_counter()
        research.run(stop=stop, bar=False, dump_results=False, **options)
        times[name] = (time.perf_counter() - begun) / (8 * 400)
    return times["plain"], times["reports"] - times["plain"]


def ordered(workers: int, spread: float, **options: Any) -> tuple[float, int, float]:
    """Return the share of time that workers were busy, the steps done, and the best last value."""
    rng = np.random.default_rng(5)
    paces_s = (STEP_S[workers] * rng.lognormal(0, spread, EXPERIMENTS)).tolist()
    domain = Domain(quality=rng.uniform(0, 1, EXPERIMENTS).tolist()) @ Domain(pace_s=paces_s)
    research = Research("ordered", domain).add_generator(
        "curve", curve, quality=EC("quality"), pace_s=EC("pace_s"), random=E().random, save_to="loss"
    )
    stop = ASHA("loss", first=1, factor=3)
    results = research.run(workers=workers, n_iters=STEPS, stop=stop, seed=1, bar=False, **options).results
    experiments = results.experiments
    begun = experiments["started"].map(lambda at: at.timestamp())
    span_s = (begun + experiments["elapsed_s"]).max() - begun.min()
    slept_s = sum(experiments["iterations"] * paces_s)
    return slept_s / (workers * span_s), int(experiments["iterations"].sum()), results.df["loss"].min()


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        for name, options in (
            ("in this process", {"parallel": False}),
            ("1 worker", {}),
            ("2 workers", {"workers": 2}),
        ):
            measured = [report_s(**options) for _ in range(3)]
            plain_s, more_s = (statistics.median(column) for column in zip(*measured, strict=True))
            print(f"{name}: an iteration {1e6 * plain_s:.0f} us, a report {1e6 * more_s:.0f} us more")
        for number, (workers, spread) in enumerate(itertools.product(SLOTS, (0.0, 0.5))):
            orders: dict[str, Any] = {f"{slots} slots": {"slots": slots} for slots in SLOTS[workers]}
            orders["arrival"] = {"order": "arrival"}
            for name, options in orders.items():
                path = Path(folder) / f"{number}-{name}"
                busy, steps, best = ordered(workers, spread, name=str(path), **options)
                found = f"busy {busy:.0%}, {steps:,} steps, best {best:.3f}"
                print(f"{workers} workers, {spread:g} uneven, {name}: {found}", flush=True)


if __name__ == "__main__":
    main()
