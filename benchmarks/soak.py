"""Run a hundred thousand short experiments while somebody kills workers and the coordinator at random.

``python benchmarks/soak.py [MINUTES]`` begins as many rounds as fit into that time, by default one minute,
and ends the last one undisturbed. Each coordinator that dies is followed by one that resumes. It counts

lost        experiments that are not there in the end, or with other values than in an undisturbed run
repeated    experiments that ran again after they had ended: their end was on the disk when the coordinator
            was killed, or no lost attempt explains it within the life of one coordinator

Both have to be zero; the exit code says so. The last line also says within how
many seconds everything of a killed coordinator was gone.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from research_stack import EC, Domain, E, Research, ResearchResults

EXPERIMENTS = 100_000
WORKERS = 2
WORKER_KILL_S, COORDINATOR_KILL_S = 0.4, 4.0
SEED = 7


def run(folder: str, *, resume: bool) -> None:
    """Be the coordinator: run the research in a folder, or go on with it."""
    log = Path(folder) / "runs.txt"

    def work(x: int) -> int:
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, b"%d\n" % x)
        os.close(handle)
        return x * 2

    (
        Research(f"{folder}/study", Domain(x=range(EXPERIMENTS)))
        .add_callable("work", work, x=EC("x"), save_to="y")
        .add_callable("draw", lambda rng: rng.random(), rng=E().random, save_to="noise")
        .run(
            workers=WORKERS,
            seed=SEED,
            bar=False,
            resume=resume,
            max_attempts=1000,
            redirect_stdout=0,
            redirect_stderr=0,
        )
    )


@dataclass
class Round:
    """One research from its beginning to its end, and what was done to it."""

    folder: Path
    worker_kills: int = 0
    coordinator_kills: int = 0
    given_up: int = 0
    left_s: float = 0.0
    repeated: int = 0
    seen: int = 0
    done: set[int] = field(default_factory=set)
    excused: Counter[int] = field(default_factory=Counter)

    def start(self) -> subprocess.Popen[bytes]:
        """Start a coordinator."""
        command = [sys.executable, str(Path(__file__).absolute()), "--run", str(self.folder)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, cwd=self.folder)

    def disturb(self, deadline: float, rng: random.Random) -> None:
        """Run to the end, with kills until the deadline."""
        while True:
            coordinator = self.start()
            dies_at = time.monotonic() + rng.expovariate(1 / COORDINATOR_KILL_S) + 1.0
            while coordinator.poll() is None:
                time.sleep(rng.expovariate(1 / WORKER_KILL_S))
                if time.monotonic() > deadline:
                    break
                if time.monotonic() > dies_at:
                    self.coordinator_kills += coordinator.poll() is None
                    coordinator.kill()
                    self.left_s = max(self.left_s, seconds_until_gone(self.folder))
                    break
                self.worker_kills += kill_a_worker(coordinator.pid, rng)
            errors = coordinator.communicate()[1]
            self.given_up += coordinator.returncode > 0
            if coordinator.returncode > 0 and b"killed by SIGKILL" not in errors:
                sys.exit(errors.decode())
            self.account()
            if coordinator.returncode == 0:
                return

    def account(self) -> None:
        """Count what ran again since the last time, once all processes are gone."""
        seconds_until_gone(self.folder)
        log = self.folder / "runs.txt"
        if not log.exists():
            return
        with log.open("rb") as lines:
            lines.seek(self.seen)
            runs = Counter(map(int, lines))
            self.seen = lines.tell()
        ended, losses = self.look()
        lost_now = losses - self.excused
        self.repeated += sum(x in self.done for x in runs)
        self.repeated += sum(count > 1 + lost_now[x] for x, count in runs.items() if x not in self.done)
        self.repeated += len(self.done - ended)
        self.done, self.excused = ended, losses

    def look(self) -> tuple[set[int], Counter[int]]:
        """Return what has ended, and the attempts that were lost, as they are on the disk."""
        path = self.folder / "study" / "research.db"
        with closing(sqlite3.connect(path)) as connection:
            if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                sys.exit("the database is damaged")
            done = connection.execute("SELECT position FROM experiments WHERE status = 'done'").fetchall()
            lost = connection.execute(
                "SELECT position FROM failures JOIN experiments ON experiments.key = failures.experiment"
            ).fetchall()
        return {x for (x,) in done}, Counter(x for (x,) in lost)

    def table(self) -> pd.DataFrame:
        """Return a row for each experiment, whether it is there or not."""
        return ResearchResults(self.folder / "study").df.set_index("x").reindex(np.arange(EXPERIMENTS))

    def missing(self, noise: np.ndarray) -> int:
        """Return how many experiments are not there, or not what they should be."""
        table, wanted = self.table(), np.arange(EXPERIMENTS)
        right = (table["y"].to_numpy() == wanted * 2) & (table["noise"].to_numpy() == noise)
        return int(EXPERIMENTS - right.sum())


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes of a research, by their current folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def seconds_until_gone(folder: Path) -> float:
    """Wait until no process of a research is left; return how long that took."""
    began = time.monotonic()
    while processes_in(folder):
        time.sleep(0.002)
    return time.monotonic() - began


def kill_a_worker(coordinator: int, rng: random.Random) -> bool:
    """Kill a child of the supervisor, which is a child of the coordinator, with SIGKILL."""
    with suppress(psutil.Error, IndexError):
        supervisors = psutil.Process(coordinator).children()
        worker = rng.choice([child for supervisor in supervisors for child in supervisor.children()])
        worker.send_signal(signal.SIGKILL)
        return True
    return False


def main(minutes: float) -> int:
    """Run rounds and print what became of them."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        calm = Round(Path(place) / "calm")
        calm.folder.mkdir()
        began = time.monotonic()
        calm.disturb(-1.0, rng)
        calm_s = time.monotonic() - began
        noise = calm.table()["noise"].to_numpy()
        print(f"undisturbed: {EXPERIMENTS:,} experiments in {calm_s:.0f} s, {EXPERIMENTS / calm_s:,.0f}/s")
        deadline = time.monotonic() + 60 * minutes
        lost, repeated = calm.missing(noise), calm.repeated
        left_s = 0.0
        while time.monotonic() < deadline:
            began = time.monotonic()
            one = Round(Path(place) / f"round-{time.monotonic_ns()}")
            one.folder.mkdir()
            one.disturb(deadline, rng)
            took_s, missing = time.monotonic() - began, one.missing(noise)
            lost, repeated, left_s = lost + missing, repeated + one.repeated, max(left_s, one.left_s)
            print(
                f"{one.worker_kills} workers and {one.coordinator_kills} coordinators killed, "
                f"{one.given_up} gave up: {EXPERIMENTS:,} experiments in {took_s:.0f} s, "
                f"{EXPERIMENTS / took_s:,.0f}/s, {missing} lost, {one.repeated} repeated",
                flush=True,
            )
    print(f"in all: {lost} lost, {repeated} repeated; all of a killed coordinator was gone in {left_s:.2f} s")
    return 1 if lost or repeated else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2], resume=(Path(sys.argv[2]) / "study").exists())
    else:
        sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else 1.0))
