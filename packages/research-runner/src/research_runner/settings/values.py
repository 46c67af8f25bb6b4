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
from research_runner.pool import StartMethod
from research_runner.scheduling.coordinator import Limits
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.source import IterationOptions
from research_runner.searching.protocol import SearchFactory, StopFactory
from research_runner.worker.output import Redirect
from research_runner.worker.plan import Execution
from research_runner.worker.script import ScriptSurroundings

__all__ = ["Budget", "Deciding", "Ending", "OutputOptions", "Resume", "RunSettings", "Study"]


@dataclass(frozen=True, slots=True)
class Study:
    """What a research is about, however it is run.

    Parameters
    ----------
    name : str
        The folder of its results.
    experiment : ExperimentPlan
        What to run.
    domain : Domain
        For which configs.
    iteration : IterationOptions
        How they are taken.
    environment : mapping
        Texts that are kept with the results.
    """

    name: str
    experiment: ExperimentPlan
    domain: Domain
    iteration: IterationOptions
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resume:
    """How to go on with an earlier run.

    Parameters
    ----------
    retry_failed : bool
        Run failed experiments again.
    force : bool
        Go on even if units have changed.
    """

    retry_failed: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What a run leaves for people beside its results.

    Parameters
    ----------
    redirects : mapping of int to Redirect
        File descriptors of experiments and where their text goes.
    log_level : int or None
        The lowest level that goes into log files.
    environment : mapping
        Texts about where the research ran, by file name.
    """

    redirects: Mapping[int, Redirect]
    log_level: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of failures when a run has ended.

    Parameters
    ----------
    quiet : bool
        Say nothing about them on standard error.
    raise_on_failure : bool
        Raise an error if there are any.
    """

    quiet: bool = False
    raise_on_failure: bool = False


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides on experiments while they run.

    Parameters
    ----------
    search : SearchFactory or None
        Makes the search that decides on configs, and may end experiments early.
    stop : StopFactory or None
        Makes the rule that ends experiments early, if it is no search.
    order : {'steps', 'arrival'}
        The order in which experiments are told.
    slots : int
        How many are under way in virtual time.
    """

    search: SearchFactory | None
    stop: StopFactory | None
    order: str
    slots: int

    @property
    def option(self) -> str:
        """The parameter of `run` that is about it, for errors."""
        return "stop" if self.search is None else "search"


@dataclass(frozen=True, slots=True)
class Budget:
    """After how much nothing new begins; what runs ends.

    Parameters
    ----------
    steps : int or None
        Iterations of all experiments that were told to a search or rule.
    seconds : float or None
        Seconds since this run began.
    """

    steps: int | None = None
    seconds: float | None = None


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
    setups : tuple of WorkerSetup
        What each worker has and adds to its experiments.
    limits : Limits
        What the coordinator keeps to.
    backend : BackendFactory
        Runs the tasks.
    start_method : StartMethod
        How worker processes are started.
    output : OutputOptions
        Output, logs and texts.
    gate : MemoryGate or None
        Waits for free memory on the devices.
    resume : Resume or None
        How to go on with an earlier run in the same folder; None refuses a folder that exists.
    strict_code : bool
        Whether modules whose files are not what was imported are refused.
    surroundings : ScriptSurroundings
        What workers take over from the script beside its units.
    given : mapping
        The parameters of `Research.run` that were given, as plain JSON values.
    ending : Ending
        What becomes of failures.
    name : str
        What the research is called on the bar.
    storage : str, StorageFactory or None
        What keeps the results of a folder, if it is not ours.
    deciding : Deciding or None
        Who decides on experiments while they run.
    budget : Budget
        After how much nothing new begins.
    """

    path: Path | None
    experiment: ExperimentPlan
    domain: Domain
    iteration: IterationOptions
    execution: Execution
    setups: tuple[WorkerSetup, ...]
    limits: Limits
    backend: BackendFactory
    start_method: StartMethod
    output: OutputOptions
    gate: MemoryGate | None = None
    resume: Resume | None = None
    strict_code: bool = True
    surroundings: ScriptSurroundings = field(default_factory=ScriptSurroundings)
    given: Mapping[str, Any] = field(default_factory=dict)
    ending: Ending = field(default_factory=Ending)
    name: str = "research"
    storage: str | StorageFactory | None = None
    deciding: Deciding | None = None
    budget: Budget = field(default_factory=Budget)

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
        """Iterations of each experiment, None if nobody knows."""
        if self.execution.n_iters is None and self.experiment.only_callables:
            return 1
        return self.execution.n_iters
