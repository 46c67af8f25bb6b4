"""How fast a research is, beside what else there is: ratios, measured in one run.

    python benchmarks/runner.py                 # everything
    python benchmarks/runner.py trivial sleep   # some of it
    python benchmarks/runner.py --quick         # a tenth of it, without limits

The limits are those of the project; the exit code is 1 if one of them is not kept.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import _runner_rivals as rivals

from research_domain import Domain
from research_experiment import EC
from research_runner import Research

HERE = Path(__file__).parent
WORKERS = 2


def add(x, y):
    return x + y


def nap(x):
    time.sleep(0.01)
    return x


class Report:
    """Prints measurements as they come, and remembers which limits were not kept."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self.missed: list[str] = []

    def line(self, what: str, value: str, limit: str = "", kept: bool = True) -> None:
        mark = "" if not limit.startswith((">", "<")) else ("  ok" if kept else "  MISSED")
        print(f"{what:58} {value:>16}   {limit}{mark}", flush=True)
        if not kept and self._strict:
            self.missed.append(what)


@contextmanager
def folder():
    """A folder on a disk, gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="research-bench-", dir=Path.cwd()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def seconds(function: Callable[..., object], *arguments: object) -> float:
    begun = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begun


def grid(count: int) -> Domain:
    side = round(count**0.5)
    return Domain(x=range(side), y=range(side))


def ours(count: int, **options: object) -> float:
    return ours_in_parts(count, **options)[0]


def ours_in_parts(count: int, **options: object) -> tuple[float, float]:
    """Return the seconds of a whole run, and from its first beginning of an experiment to its last end."""
    with folder() as path:
        research = Research(str(path / "sums"), grid(count)).add_callable(
            "add", add, x=EC("x"), y=EC("y"), save_to="sum"
        )
        whole_s = seconds(lambda: research.run(workers=WORKERS, bar=False, **options))
        assert research.monitor.finished_experiments == count
        assert research.monitor.failed_experiments == 0
        frame = research.results.experiments
    started = frame["started"].map(lambda time: time.timestamp())
    return whole_s, (started + frame["elapsed_s"]).max() - started.min()


def pairs(count: int) -> list[tuple[int, int]]:
    return [(config["x"], config["y"]) for config in grid(count)]


def in_pool(make_pool: Callable[[], Any], run: Callable[[Any, list[tuple[int, int]]], int], count: int):
    """Return the seconds of a whole pool, and those of its calls once all of its workers are there."""
    arguments, begun = pairs(count), time.perf_counter()
    with make_pool() as pool:
        run(pool, arguments[: 2 * WORKERS])
        rest_s = seconds(run, pool, arguments)
    return time.perf_counter() - begun, rest_s


def standard_pool(count: int, start_method: str) -> tuple[float, float]:
    def run(pool: Any, arguments: list[tuple[int, int]]) -> int:
        return sum(1 for _ in pool.map(add, *zip(*arguments, strict=True), chunksize=1))

    context = multiprocessing.get_context(start_method)
    return in_pool(lambda: ProcessPoolExecutor(WORKERS, context), run, count)


def add_pair(pair):
    return pair[0] + pair[1]


@contextmanager
def ended_pool(context: Any):
    """A pool whose workers have ended with the block, as those of all others have."""
    with context.Pool(WORKERS) as pool:
        yield pool
        pool.close()
        pool.join()


def plain_pool(count: int, start_method: str) -> tuple[float, float]:
    def run(pool: Any, arguments: list[tuple[int, int]]) -> int:
        return sum(1 for _ in pool.imap_unordered(add_pair, arguments, chunksize=1))

    context = multiprocessing.get_context(start_method)
    return in_pool(lambda: ended_pool(context), run, count)


WAYS = {
    "research, on disk": lambda count, method: ours_in_parts(count, start_method=method),
    "ProcessPoolExecutor.map, chunksize=1": standard_pool,
    "Pool.imap_unordered, chunksize=1": plain_pool,
}


def compare(report: Report, count: int, rounds: int, method: str, limit: float | None = None) -> None:
    """Beside pools of the standard library that are started in the same way, in turn.

    Once with the start and the end of all workers, and once without. The fork server of the standard library
    is started once and stays until this process ends, and so does ours.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    cpu_s: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            begun = time.process_time()
            times[name].append(way(count, method))
            cpu_s[name].append(time.process_time() - begun)
    report.line(f"{count} x f(x, y) = x + y, {WORKERS} workers, {method}", "with the start", "without")
    mine, *others = WAYS
    for name in WAYS:
        whole, rest = (
            f"{count / statistics.median(each):,.0f} /s" for each in zip(*times[name], strict=True)
        )
        cpu_us = statistics.median(cpu_s[name]) / count * 1e6
        report.line(f"  {name}", whole, f"{rest}, {cpu_us:.0f} us of CPU here")
    for name in others:
        rounds_of_both = zip(times[name], times[mine], strict=True)
        ratios = [(theirs[0] / ours[0], theirs[1] / ours[1]) for theirs, ours in rounds_of_both]
        whole, rest = (statistics.median(each) for each in zip(*ratios, strict=True))
        report.line(f"  research / {name}", f"{whole:.2f} x", f"{rest:.2f} x")
        if limit is not None and name == others[0]:
            report.line("    with the start", f"{whole:.2f} x", f">= {limit:g}", whole >= limit)


def trivial(report: Report, scale: float) -> None:
    """f(x, y) = x + y, results on disk, two workers."""
    count, rounds = round(100 * scale**0.5) ** 2, 5  # as many as a square grid has
    ours(100)  # imports, caches
    for method, limits in (("forkserver", (2, 1)), ("fork", (None, None)), ("spawn", (None, None))):
        for each, limit in zip((count, round(32 * scale**0.5) ** 2), limits, strict=True):
            compare(report, each, rounds, method, limit)
    mine = statistics.median(ours(count) for _ in range(3))
    report.line("research, results in memory", f"{count / ours(count, dump_results=False):,.0f} /s")
    report.line(
        "research, in this process (parallel=False)", f"{count / ours(count, parallel=False):,.0f} /s"
    )
    trackers: dict[str, float] = {}
    for rival in rivals.ALL:
        with folder() as path:
            rate = rival.measure(count, WORKERS, path)
        report.line(rival.name, "not installed" if rate is None else f"{rate:,.1f} /s")
        if rate is not None and rival.tracker:
            trackers[rival.name] = rate
    if trackers:
        best = max(trackers.values())
        ratio = count / mine / best
        report.line("  research / the best that keeps trials", f"{ratio:.1f} x", ">= 5, aim 10", ratio >= 5)


def naps(count: int) -> float:
    return seconds(lambda: [nap(number) for number in range(count)])


def sleeping(report: Report, scale: float) -> None:
    """Experiments of 10 ms, beside as many processes that do nothing but sleep."""
    for workers in (2, 8):
        count = round(1000 * workers * scale)
        with folder() as path:
            domain = Domain(x=range(count))
            research = Research(str(path / "naps"), domain).add_callable("nap", nap, x=EC("x"), save_to="x")
            whole_s = seconds(lambda: research.run(workers=workers, bar=False))  # noqa: B023
            frame = research.results.experiments
        started = frame["started"].map(lambda time: time.timestamp())
        steady = started >= started.sort_values().iloc[4 * workers]  # all workers are there
        elapsed_s = (started + frame["elapsed_s"])[steady].max() - started[steady].min()
        share = steady.sum() * 0.01 / workers / elapsed_s
        with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
            bare_s = statistics.mean(pool.map(naps, [count // workers] * workers))
        bare = count // workers * 0.01 / bare_s
        report.line(f"10 ms each, {workers} processes that only sleep: of the ideal", f"{bare:.1%}")
        kept = share / bare >= 0.97
        report.line(f"10 ms each, research, {workers} workers: of the ideal", f"{share:.1%}")
        report.line("  research / processes that only sleep", f"{share / bare:.1%}", ">= 97 %", kept)
        report.line("  with the start and the end of the run", f"{count * 0.01 / workers / whole_s:.1%}")


SCRIPT = """
import pandas
def add(x, y):
    return x + y
{rest}
"""
OURS = """
from research_stack import EC, Domain, Research
research = Research('one', Domain(x=[1], y=[2]))
research.add_callable('add', add, x=EC('x'), y=EC('y'), save_to='sum').run(bar=False)
"""


def single(report: Report, scale: float) -> None:
    """One experiment, from the command line to results on disk."""
    with folder() as path:
        for name, rest in (("bare", "print(add(1, 2))"), ("ours", OURS)):
            (path / f"{name}.py").write_text(SCRIPT.format(rest=rest))

        def run(name: str) -> float:
            shutil.rmtree(path / "one", ignore_errors=True)
            command = [sys.executable, f"{name}.py"]
            return seconds(lambda: subprocess.run(command, cwd=path, check=True, capture_output=True))

        pairs = [(run("ours"), run("bare")) for _ in range(max(3, round(9 * scale)))]
    more_s = statistics.median(first - second for first, second in pairs)
    bare_s = statistics.median(second for _, second in pairs)
    report.line("python script.py: the bare function, pandas imported", f"{bare_s:.2f} s")
    report.line(
        "  one experiment to results on disk: more", f"{more_s:.2f} s", "<= 0.3 s, aim 0.2", more_s <= 0.3
    )


def in_fresh_process(task: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, str(HERE / "_runner_tasks.py"), task, *map(str, arguments)]
    with folder() as path:
        done = subprocess.run(command, cwd=path, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def memory(report: Report, scale: float) -> None:
    """The coordinator over many experiments."""
    count = round(100_000 * scale)
    found = in_fresh_process("memory", count)
    grown = found["grown_bytes"] / 2**20
    report.line(f"coordinator, growth over {count} experiments", f"{grown:.1f} MB", "< 50 MB", grown < 50)
    report.line("  at a rate of", f"{count / found['elapsed_s']:,.0f} /s")


def first_task(report: Report, scale: float) -> None:
    """How long a large domain keeps the first task waiting."""
    large, small = (
        statistics.median(in_fresh_process("first", side)["first_s"] for _ in range(3)) for side in (1000, 2)
    )
    report.line("first task of 4 configs, from run()", f"{small:.2f} s")
    report.line("first task of 10^6 configs, from run()", f"{large:.2f} s", "<= 1 s", large <= 1)


PARTS = {
    "trivial": trivial,
    "sleep": sleeping,
    "single": single,
    "memory": memory,
    "first": first_task,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"some of {', '.join(PARTS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, and no limits")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    report = Report(strict=not options.quick)
    for name in options.parts or PARTS:
        PARTS[name](report, 0.1 if options.quick else 1.0)
    for missed in report.missed:
        print("limit not kept:", missed.strip())
    return int(bool(report.missed))


if __name__ == "__main__":
    sys.exit(main())
