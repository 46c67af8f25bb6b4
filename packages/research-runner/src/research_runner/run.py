"""One run of a research: typed settings in, a finished storage out."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from research_domain import ConfigAlias, Domain
from research_experiment import ExperimentPlan, Storage
from research_runner.backends import Backend, InlineBackend, ProcessBackend
from research_runner.coordinator import Coordinator, Limits
from research_runner.errors import ResearchExistsError
from research_runner.monitor import Monitor
from research_runner.plan import Execution, Place, WorkerPlan
from research_runner.pool import StartMethod
from research_runner.progress import make_bar
from research_runner.session import Session
from research_runner.storages import find_storage
from research_runner.tasks import IterationOptions, TaskSource

__all__ = ["ResearchRun", "RunSettings"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What is run, and how; everything has been read and checked.

    Parameters
    ----------
    path : Path or None
        Absolute folder of the results; None keeps them in memory.
    experiment : ExperimentPlan
        What to run.
    domain : Domain
        For which configs.
    iteration : IterationOptions
        How configs are taken from the domain; its seed is the entropy of the research.
    execution : Execution
        How each task is executed.
    workers, branches : tuple of ConfigAlias
        Configs to append, one per worker and per branch.
    limits : Limits
        What the coordinator keeps to.
    start_method : StartMethod or None
        How worker processes are started; None runs everything in this process.
    """

    path: Path | None
    experiment: ExperimentPlan
    domain: Domain
    iteration: IterationOptions
    execution: Execution
    workers: tuple[ConfigAlias, ...]
    branches: tuple[ConfigAlias, ...]
    limits: Limits
    start_method: StartMethod | None

    @property
    def n_iters(self) -> int | None:
        """Iterations of each experiment, None if nobody knows."""
        if self.execution.n_iters is None and self.experiment.only_callables:
            return 1
        return self.execution.n_iters

    def describe(self) -> dict[str, Any]:
        """Return what is recorded about the run: plain JSON values."""
        return {
            "entropy": self.iteration.seed,
            "options": {
                "n_configs": self.iteration.n_items,
                "n_reps": self.iteration.n_reps,
                "repeat_each": self.iteration.repeat_each,
                "n_iters": self.n_iters,
                "workers": len(self.workers),
                "branches": len(self.branches),
                "executor_target": self.execution.target,
                "finalize": self.execution.finalize,
                "start_method": self.start_method,
                "units": list(self.experiment.names),
            },
        }


class ResearchRun:
    """Runs a research once.

    Parameters
    ----------
    settings : RunSettings
        What and how.
    research : object, optional
        Handed to the update function of the domain.

    Attributes
    ----------
    storage : Storage
        The results; open while the run goes on.
    monitor : Monitor
        The counts.

    Raises
    ------
    ResearchExistsError
        If there already is a folder of that name.
    TravelError
        If a unit cannot travel to a worker process; nothing was created then.
    """

    def __init__(self, settings: RunSettings, research: Any = None) -> None:
        if settings.path is not None and settings.path.exists():
            raise ResearchExistsError(str(settings.path))
        self._settings = settings
        storage_class = find_storage("memory" if settings.path is None else "folder")
        self._source = TaskSource(settings.domain, settings.iteration, len(settings.branches), research)
        backend = self._make_backend(storage_class.encode)
        try:
            meta = {**settings.describe(), "started": time.time()}
            self.storage: Storage = storage_class.create(settings.path, meta)
        except BaseException:
            backend.close(force=True)
            raise
        coordinator = Coordinator(self._source, backend.slots, settings.limits)
        self.monitor = Monitor(lambda: coordinator.expected)
        self._session = Session(coordinator, backend, self.storage, self.monitor)

    def _make_backend(self, encode: Callable[..., Any]) -> Backend:
        settings = self._settings
        inline = settings.start_method is None
        plan = WorkerPlan(
            experiment=settings.experiment,
            execution=settings.execution,
            places=tuple(
                Place(config, settings.branches) for config in settings.workers[: 1 if inline else None]
            ),
            entropy=settings.iteration.seed,
            encode=encode,
            path_of=partial(experiment_path, settings.path or self._temporary_root()),
            results=self._results_reader(inline),
        )
        if settings.start_method is None:
            return InlineBackend(plan, lambda reports: self._session.absorb(reports))
        return ProcessBackend(plan, settings.start_method)

    def _results_reader(self, inline: bool) -> Callable[[], Any] | None:
        if inline:
            return lambda: self.storage.results
        if self._settings.path is not None:
            return partial(read_results, self._settings.path)
        return None

    def _temporary_root(self) -> Path:
        """Return a place for the files of experiments whose results stay in memory; gone with this run."""
        root = Path(tempfile.gettempdir()) / f"research-{uuid.uuid4().hex}"
        weakref.finalize(self, shutil.rmtree, root, ignore_errors=True)
        return root

    def execute(self, bar: Any) -> None:
        """Run everything, with a progress bar if one is wanted, and close the storage."""
        self._session.show(make_bar(bar, self.monitor, self._settings.n_iters))
        try:
            self._session.run()
        finally:
            self.storage.update_meta(ended=time.time())
            self.storage.close()


def experiment_path(root: Path, experiment_id: str) -> Path:
    """Return the folder of an experiment, made on first use."""
    path = root / "experiments" / experiment_id
    path.mkdir(parents=True, exist_ok=True)
    return path


def read_results(path: Path) -> Any:
    """Return a reader of the results of a research that is being run elsewhere."""
    return find_storage("folder").read(path)
