"""Other ways to run f(x, y) = x + y many times; each that is installed is measured by `runner.py`."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rival:
    """Something to compare with.

    Parameters
    ----------
    name : str
        What is printed.
    module : str
        What has to be importable.
    run : callable
        Called with a number of trials, of workers and a folder.
    share : float
        How much of all trials it gets, because it is slow.
    tracker : bool
        Whether it keeps each trial with its parameters and result, as a research does.
    """

    name: str
    module: str
    run: Callable[[int, int, Path], None]
    share: float = 1.0
    tracker: bool = False

    def measure(self, count: int, workers: int, folder: Path) -> float | None:
        """Return trials per second, None if it is not installed."""
        if any(importlib.util.find_spec(module) is None for module in self.module.split()):
            return None
        trials = max(round(count * self.share), 10)
        begun = time.perf_counter()
        self.run(trials, workers, folder)
        return trials / (time.perf_counter() - begun)


def add(x, y):
    return x + y


def add_pair(pair):
    return pair[0] + pair[1]


def pairs(count: int) -> list[tuple[int, int]]:
    return [(number // 100, number % 100) for number in range(count)]


def unordered(chunk: int) -> Callable[[int, int, Path], None]:
    def run(count: int, workers: int, folder: Path) -> None:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            assert sum(1 for _ in pool.imap_unordered(add_pair, pairs(count), chunk)) == count

    return run


def unordered_to_sqlite(count: int, workers: int, folder: Path) -> None:
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE rows (number INTEGER, value INTEGER)")
    rows: list[tuple[int, int]] = []

    def write() -> None:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rows VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        rows.clear()

    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for row in enumerate(pool.imap_unordered(add_pair, pairs(count), 32)):
            rows.append(row)
            if len(rows) == 256:
                write()
    write()
    connection.close()


def with_joblib(batch: int | str) -> Callable[[int, int, Path], None]:
    def run(count: int, workers: int, folder: Path) -> None:
        from joblib import Parallel, delayed

        Parallel(n_jobs=workers, batch_size=batch)(delayed(add)(x, y) for x, y in pairs(count))

    return run


def with_optuna(kind: str) -> Callable[[int, int, Path], None]:
    def run(count: int, workers: int, folder: Path) -> None:
        storage = optuna_storage(kind, folder)
        import optuna

        study = optuna.create_study(
            study_name="sums", storage=storage, sampler=optuna.samplers.RandomSampler()
        )
        if kind == "memory":
            study.optimize(optuna_trial, n_trials=count)
            return
        context = multiprocessing.get_context("spawn")
        share = count // workers
        processes = [
            context.Process(target=optuna_worker, args=(kind, folder, share)) for _ in range(workers)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert len(study.trials) == share * workers

    return run


def optuna_storage(kind: str, folder: Path):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if kind == "memory":
        return None
    if kind == "sqlite":
        return f"sqlite:///{folder}/optuna.db"
    from optuna.storages.journal import JournalFileBackend

    return optuna.storages.JournalStorage(JournalFileBackend(str(folder / "journal.log")))


def optuna_trial(trial):
    return add(trial.suggest_int("x", 0, 99), trial.suggest_int("y", 0, 99))


def optuna_worker(kind: str, folder: Path, count: int) -> None:
    storage = optuna_storage(kind, folder)
    import optuna

    sampler = optuna.samplers.RandomSampler()
    study = optuna.load_study(study_name="sums", storage=storage, sampler=sampler)
    study.optimize(optuna_trial, n_trials=count)


def ray_trial(config):
    return {"sum": add(config["x"], config["y"])}


def with_ray_tune(count: int, workers: int, folder: Path) -> None:
    import ray
    from ray import tune

    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    ray.init(
        address="local", num_cpus=workers, log_to_driver=False, logging_level="ERROR", include_dashboard=False
    )
    try:
        space = {"x": tune.grid_search(list(range(count))), "y": 1}
        config = tune.RunConfig(storage_path=str(folder), verbose=0)
        results = tune.Tuner(ray_trial, param_space=space, run_config=config).fit()
        assert len(results) == count
    finally:
        ray.shutdown()


HYDRA = """
import hydra
@hydra.main(version_base=None, config_path=None)
def main(config):
    with open('sum.txt', 'w') as file:
        file.write(str(config.x + config.y))
main()
"""


def with_hydra(count: int, workers: int, folder: Path) -> None:
    (folder / "job.py").write_text(HYDRA)
    values = ",".join(map(str, range(count)))
    command = [sys.executable, "job.py", "--multirun", "hydra/launcher=joblib", "hydra.job.chdir=true"]
    command += [f"hydra.launcher.n_jobs={workers}", f"+x={values}", "+y=1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert len(list(folder.rglob("sum.txt"))) == count


ALL = (
    Rival("multiprocessing.Pool.imap_unordered, chunk 1", "multiprocessing", unordered(1)),
    Rival("multiprocessing.Pool.imap_unordered, chunk 32", "multiprocessing", unordered(32)),
    Rival("  the same, rows of 256 per SQLite commit", "sqlite3", unordered_to_sqlite),
    Rival("joblib (loky), batch 1", "joblib", with_joblib(1), share=0.3),
    Rival("joblib (loky), batch auto", "joblib", with_joblib("auto")),
    Rival("Optuna RandomSampler, in memory, one process", "optuna", with_optuna("memory"), share=0.2),
    Rival("Optuna RandomSampler, journal", "optuna", with_optuna("journal"), share=0.1, tracker=True),
    Rival("Optuna RandomSampler, SQLite", "optuna", with_optuna("sqlite"), share=0.02, tracker=True),
    Rival("Ray Tune", "ray ray.tune", with_ray_tune, share=0.003, tracker=True),
    Rival("Hydra, joblib launcher", "hydra joblib", with_hydra, share=0.005, tracker=True),
)
