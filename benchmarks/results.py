"""What results cost: to a frame, on disk, to write, to filter, to watch; ratios measured in one run.

Run with ``python benchmarks/results.py`` (``--quick`` for a tenth); it exits with 1 when a number misses its
limit. Needs research-results[parquet], and Linux for the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dill
import numpy as np
import pandas as pd

from research_domain import Config, ConfigAlias, Domain
from research_results import FolderStorage, ResearchResults, ResearchStorage

ITERATIONS = 100
VARIABLES = ("loss", "accuracy", "speed")
ROUNDS = 9


def domain(count: int) -> list[ConfigAlias]:
    """Return `count` configs of four parameters."""
    half = count // 50
    grid = Domain(
        lr=np.linspace(0, 1, half).tolist(), layers=list(range(5)), act=["relu", "elu"], n=list(range(5))
    )
    configs = list(grid)
    assert len(configs) == count
    return configs


def values(rng: np.random.Generator) -> dict[str, dict[int, float]]:
    """Return what one experiment makes: 100 iterations of three floats."""
    return {name: dict(enumerate(rng.random(ITERATIONS).tolist())) for name in VARIABLES}


def made(count: int) -> list[dict[str, dict[int, float]]]:
    rng = np.random.default_rng(0)
    return [values(rng) for _ in range(count)]


def seconds(function, rounds: int = ROUNDS) -> float:
    """Return the best of some rounds: what is left is the work, not the neighbours."""
    times = []
    for _ in range(rounds):
        started_s = time.perf_counter()
        function()
        times.append(time.perf_counter() - started_s)
    return min(times)


def write_ours(folder: Path, configs, results, group: int = 64) -> None:
    """Write experiments as a coordinator does: encoded values, several experiments a commit."""
    with FolderStorage.create(folder, {}) as storage:
        for start in range(0, len(configs), group):
            with storage.transaction():
                for index in range(start, min(start + group, len(configs))):
                    name = f"{index:08x}-0"
                    storage.add(name, configs[index], index=index)
                    storage.mark(name, "running", attempt=1, worker=0, started=1.5e9)
                    storage.put_encoded(name, storage.encode(results[index]))
                    storage.mark(name, "done", elapsed_s=1.0, iterations=ITERATIONS)


def write_files(folder: Path, configs, results, every: int) -> None:
    """Write the layout of one dill file per variable and dump, every `every` iterations a dump."""
    folder.mkdir()
    for index, (config, variables) in enumerate(zip(configs, results, strict=True)):
        own = folder / "results" / f"{index:08x}"
        own.mkdir(parents=True)
        (own / "config.dill").write_bytes(dill.dumps(config))
        (own / "config.json").write_text(json.dumps(config.alias()))
        for name, by_iteration in variables.items():
            where = own / "results" / name
            where.mkdir(parents=True)
            for last in range(every - 1, ITERATIONS, every):
                part = {i: by_iteration[i] for i in range(last - every + 1, last + 1)}
                (where / str(last)).write_bytes(dill.dumps(part))


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Report:
    """Collect numbers and whether they keep their limits."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, bool]] = []

    def at_most(self, name: str, value: float, limit: float, unit: str = "x") -> None:
        self.rows.append((name, f"{value:.3g} {unit}", f"at most {limit:g}", value <= limit))

    def at_least(self, name: str, value: float, limit: float, unit: str = "x") -> None:
        self.rows.append((name, f"{value:.3g} {unit}", f"at least {limit:g}", value >= limit))

    def told(self, name: str, value: float, unit: str) -> None:
        self.rows.append((name, f"{value:.3g} {unit}", "", True))

    def show(self) -> int:
        for name, value, limit, kept in self.rows:
            print(f"{'ok  ' if kept else 'MISS'} {name:<64} {value:>14}  {limit}")
        return 0 if all(kept for *_, kept in self.rows) else 1


PEAK = """
import resource, sys
import pandas as pd, pyarrow.parquet
from research_results import ResearchResults
ResearchResults(sys.argv[2]).df
def peak(name):
    for line in open('/proc/self/status'):
        if line.startswith(name):
            return int(line.split()[1]) * 1024
open('/proc/self/clear_refs', 'w').write('5')  # the peak begins anew
before = peak('VmRSS')
frame = ResearchResults(sys.argv[1]).df
print(peak('VmHWM') - before, int(frame.memory_usage(deep=True).sum()))
"""


def frames(report: Report, work: Path, configs, results) -> None:
    """Measure reading everything, on time, memory and disk."""
    folder, tiny = work / "ours", work / "tiny"
    write_ours(tiny, configs[:2], results[:2])
    reader = ResearchResults(folder)
    parquet = reader.to_parquet(work / "frame.parquet")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: reader.df, 1))
        theirs.append(seconds(lambda: pd.read_parquet(parquet), 1))
    report.told("results.df", min(ours), "s")
    report.told("pandas.read_parquet of the same frame", min(theirs), "s")
    report.at_most("results.df over pandas.read_parquet, best of 9", min(ours) / min(theirs), 3)
    report.at_most("the same, medians", statistics.median(ours) / statistics.median(theirs), 3)
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), reader.df)
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder), str(tiny)], capture_output=True, text=True, check=True
    )
    peak, frame = map(int, ended.stdout.split())
    report.told("memory of the frame", frame / 1e6, "MB")
    report.at_most("peak of memory over the frame", peak / frame, 3)
    raw = len(configs) * ITERATIONS * 8 * (len(VARIABLES) + 1)
    report.told("on disk", bytes_of(folder) / 1e6, "MB")
    report.at_most("on disk over raw float64 values and iterations", bytes_of(folder) / raw, 3)


def writing(report: Report, work: Path, configs, results) -> None:
    """Measure writing, against files of dill."""
    ours = seconds(lambda: write_fresh(write_ours, work / "ours", configs, results), 3)
    report.told("experiments written a second (300 values each)", len(configs) / ours, "/s")
    some = max(20, len(configs) // 50)
    for every, name, limit in ((1, "a dump each iteration", 50), (ITERATIONS, "one dump at the end", 0)):
        files = work / f"files{every}"
        theirs = seconds(
            lambda files=files, every=every: write_fresh(
                lambda folder, a, b: write_files(folder, a, b, every), files, configs[:some], results[:some]
            ),
            3,
        )
        ratio = (theirs / some) / (ours / len(configs))
        report.at_least(f"faster than a dill file per variable and dump: {name}", ratio, limit)
    report.told("written a second with one value each, encoded before", single(work, configs), "/s")


def write_fresh(write, folder: Path, *arguments) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, *arguments)


def single(work: Path, configs) -> float:
    """Return experiments of one value a second: add, mark, put_encoded, mark; 256 a commit."""
    encoded = [FolderStorage.encode({"loss": {0: index / 2}}) for index in range(len(configs))]

    def write() -> None:
        shutil.rmtree(work / "single", ignore_errors=True)
        with FolderStorage.create(work / "single", {}) as storage:
            for start in range(0, len(configs), 256):
                with storage.transaction():
                    for index in range(start, min(start + 256, len(configs))):
                        name = f"{index:08x}-0"
                        storage.add(name, configs[index], index=index)
                        storage.mark(name, "running", attempt=1, worker=0, started=1.5e9)
                        storage.put_encoded(name, encoded[index])
                        storage.mark(name, "done", elapsed_s=1.0, iterations=1)

    return len(configs) / seconds(write, 3)


def reading_a_part(report: Report, work: Path, configs) -> None:
    """Measure one config out of all, and the status of very many."""
    reader = ResearchResults(work / "ours")
    config = Config(
        {k: v for k, v in configs[len(configs) // 2].config().items() if k not in ("repetition", "updates")}
    )
    times = []
    for _ in range(30):
        started_s = time.perf_counter()
        frame = reader.to_df(config=config)
        times.append(time.perf_counter() - started_s)
        assert len(frame) == ITERATIONS
    report.at_most(
        f"one config out of {len(configs)}, median of 30", statistics.median(times) * 1e3, 20, "ms"
    )
    many = 10 * len(configs)
    with FolderStorage.create(work / "many", {}) as storage, storage.transaction():
        for index in range(many):
            storage.add(f"{index:08x}-0", configs[index % len(configs)], index=index)

    def look() -> None:
        assert len(ResearchResults(work / "many").experiments) == many

    report.at_most(f"open {many} experiments and list their status", seconds(look), 0.2, "s")
    poll(report, work / "many", many)


def poll(report: Report, folder: Path, many: int) -> None:
    """Measure a look at what has changed since the last one: nothing, and one experiment."""
    results = ResearchResults(folder)
    revision = results.follow().revision

    def nothing() -> None:
        assert not list(results.follow(since=revision))

    report.at_most(f"follow {many} experiments: nothing has changed", seconds(nothing) * 1e3, 20, "ms")
    results.put("00000000-0", {"loss": {0: 0.5}})

    def one() -> None:
        assert len(list(results.follow(since=revision))) == 1

    report.at_most("the same: one value is new", seconds(one) * 1e3, 20, "ms")


WATCH = """
import sys, time
from research_results import ResearchResults
results = ResearchResults(sys.argv[1])
results.df
print('ready', flush=True)
seen = -1
while True:
    frame = results.to_df(name='clock', include_config=False)
    now = time.time()
    if len(frame) and len(frame) - 1 != seen:
        seen = len(frame) - 1
        print(seen, now - frame['clock'].iloc[-1], flush=True)
        if frame['clock'].iloc[-1] < 0:
            break
    time.sleep(0.25)
"""


def watching(report: Report, work: Path, results) -> None:
    """Measure how late a second process sees values, and what it costs the writer."""
    encoded = [FolderStorage.encode(one) for one in results[:2000]]

    def write(folder: Path, watched: bool) -> tuple[float, float]:
        shutil.rmtree(folder, ignore_errors=True)
        with ResearchStorage(folder) as storage:
            reader = None
            if watched:
                reader = subprocess.Popen(
                    [sys.executable, "-c", WATCH, str(folder)], stdout=subprocess.PIPE, text=True
                )
                assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
            busy_s, rounds = 0.0, 120
            for index in range(rounds):
                started_s = time.perf_counter()
                with storage.transaction():
                    storage.put("clock", {"clock": {index: time.time()}})
                    for one in encoded[index * 16 : index * 16 + 16]:
                        storage.add(f"e{index}-{id(one)}", {"n": index})
                        storage.put_encoded(f"e{index}-{id(one)}", one)
                busy_s += time.perf_counter() - started_s
                time.sleep(0.02)
            storage.put("clock", {"clock": {rounds: -1.0}})
            late_s = 0.0
            if reader is not None:
                lines = reader.communicate()[0].splitlines()
                late_s = max(float(line.split()[1]) for line in lines[:-1])
        return busy_s, late_s

    write(work / "live", watched=False)  # the first one pays for pages and modules
    slower, late = [], []
    for turn in range(8):
        pair = {watched: write(work / "live", watched=watched) for watched in (turn % 2 == 0, turn % 2 == 1)}
        slower.append(pair[True][0] / pair[False][0])
        late.append(pair[True][1])
    report.at_most(
        "a second process sees a value after at most (it looks 4 times a second)", max(late), 1, "s"
    )
    report.at_most("which slows the writer by (median of 8)", 100 * (statistics.median(slower) - 1), 10, "%")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    count = 1000 if parser.parse_args().quick else 10_000
    configs, results, report = domain(count), made(count), Report()
    work = Path(tempfile.mkdtemp(prefix="bench-results-"))
    try:
        writing(report, work, configs, results)
        frames(report, work, configs, results)
        reading_a_part(report, work, configs)
        watching(report, work, results)
    finally:
        shutil.rmtree(work)
    print(f"{count} experiments x {ITERATIONS} iterations x {len(VARIABLES)} floats, {os.cpu_count()} cores")
    return report.show()


if __name__ == "__main__":
    sys.exit(main())
