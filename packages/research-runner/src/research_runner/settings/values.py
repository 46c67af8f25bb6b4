"""The typed settings of a run: what is run, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from research_domain import Domain
from research_experiment import ExperimentPlan, StorageFactory
from research_runner.backends.protocol import BackendFactory
from research_runner.devices import MemoryGate
from research_runner.pool.launch import StartMethod
from research_runner.scheduling.coordinator import Limits
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.source import IterationOptions
from research_runner.searching.protocol import SearchFactory, StopFactory
from research_runner.worker.output import Redirect
from research_runner.worker.plan import Execution
from research_runner.worker.script import ScriptSurroundings


@dataclass(frozen=True, slots=True)
class Study:
    """What a research is about, however it is run."""

    name: str  # the folder of its results
    experiment: ExperimentPlan  # what to run
    domain: Domain  # for which configs
    iteration: IterationOptions  # how they are taken
    environment: Mapping[str, str] = field(default_factory=dict)  # texts that are kept with the results


@dataclass(frozen=True, slots=True)
class Resume:
    """How to continue an earlier run."""

    retry_failed: bool = False  # run failed experiments again
    force: bool = False  # go on even if units have changed


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What a run leaves for people beside its results."""

    redirects: Mapping[int, Redirect]  # file descriptors of experiments and where their text goes
    log_level: int | None = None  # the lowest level that goes into log files
    # texts about where the research ran, by file name
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of failures when a run has ended."""

    quiet: bool = False  # say nothing about them on standard error
    raise_on_failure: bool = False  # raise an error if there are any


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides on experiments while they run."""

    search: SearchFactory | None  # makes the search that decides on configs, and may end experiments early
    stop: StopFactory | None  # makes the rule that ends experiments early, if it is no search
    order: str  # the order in which experiments are told
    slots: int  # how many are under way in virtual time

    @property
    def option(self) -> str:
        """The parameter of `run` that is about it, for errors."""
        return "stop" if self.search is None else "search"


@dataclass(frozen=True, slots=True)
class Budget:
    """After how much nothing new begins; what runs ends."""

    steps: int | None = None  # iterations of all experiments that were told to a search or rule
    seconds: float | None = None  # seconds of all runs with such a budget


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What is run, and how; everything has been read and checked."""

    path: Path | None  # absolute folder of the results; None keeps them in memory
    experiment: ExperimentPlan  # what to run
    domain: Domain  # for which configs
    # how configs are taken from the domain; its seed is the entropy of the research
    iteration: IterationOptions
    execution: Execution  # how each task is executed
    setups: tuple[WorkerSetup, ...]  # what each worker has and adds to its experiments
    limits: Limits  # what the coordinator keeps to
    backend: BackendFactory  # runs the tasks
    start_method: StartMethod  # how worker processes are started
    output: OutputOptions  # output, logs and texts
    gate: MemoryGate | None = None  # waits for free memory on the devices
    # how to go on with an earlier run in the same folder; None refuses a folder that exists
    resume: Resume | None = None
    strict_code: bool = True  # whether modules whose files are not what was imported are refused
    # what workers take over from the script beside its units
    surroundings: ScriptSurroundings = field(default_factory=ScriptSurroundings)
    # the parameters of `Research.run` that were given, as plain JSON values
    given: Mapping[str, Any] = field(default_factory=dict)
    ending: Ending = field(default_factory=Ending)  # what becomes of failures
    name: str = "research"  # what the research is called on the bar
    storage: str | StorageFactory | None = None  # what keeps the results of a folder, if it is not ours
    deciding: Deciding | None = None  # who decides on experiments while they run
    budget: Budget = field(default_factory=Budget)  # after how much nothing new begins

    @property
    def is_parallel(self) -> bool:
        """Whether tasks run in other processes."""
        return self.backend.capabilities.parallel

    def prepare(self) -> None:
        """Let the backend begin what takes time and needs no plan, if it has anything of that kind."""
        prepare = getattr(self.backend, "prepare", None)
        if prepare is not None:
            prepare(self.setups, self.start_method)

    @property
    def branches(self) -> int:
        """Experiments per task."""
        return len(self.setups[0].additions)

    @property
    def n_iters(self) -> int | None:
        """Iterations of each experiment, None if unknown."""
        if self.execution.n_iters is None and self.experiment.only_callables:
            return 1
        return self.execution.n_iters
