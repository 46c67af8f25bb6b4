"""A worker's plan: all that it needs to know about a research, frozen, serialised once per worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from research_experiment import Executor, ExperimentPlan, Hook
from research_experiment.protocols import Encoded, Values
from research_runner.scheduling.setup import WorkerSetup
from research_runner.searching.watching import Watch
from research_runner.worker.output import STDERR, STDOUT, Redirect
from research_runner.worker.script import Arrival

if TYPE_CHECKING:
    from research_runner.devices import MemoryGate

Entropy: TypeAlias = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class Execution:
    """How each task is executed; see the parameters of :meth:`Research.run`."""

    n_iters: int | None = None
    target: str = "threads"
    finalize: bool = True
    debug: bool = False
    executor_class: type[Executor] = Executor
    hooks: tuple[Hook, ...] = ()
    flush_every_s: float = 0.2
    profile: int = 0
    retry_on: tuple[type[BaseException], ...] = ()
    show: str | None = None
    seed_globals: bool = True


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """Everything that does not change from task to task."""

    # the surroundings of the script; comes first, to be in force when the rest is loaded
    arrival: Arrival = field(default=Arrival(), kw_only=True)
    experiment: ExperimentPlan
    execution: Execution  # how each task is executed
    setups: tuple[WorkerSetup, ...]  # what each slot has and adds to its experiments
    entropy: Entropy  # the seed of the research
    encode: Callable[[Values], Encoded]  # the encoder of the storage: saved values → bytes
    path_of: Callable[[str], Path]  # experiment id → its folder
    folder: Path | None = None  # the folder of the research; None if results stay in memory
    # file descriptor → where its text goes
    redirects: Mapping[int, Redirect] = field(
        default_factory=lambda: {STDOUT: Redirect(), STDERR: Redirect()}
    )
    log_level: int | None = None  # the lowest level that workers write to log files; None for none
    results: Callable[[], Any] | None = None  # returns a reader of the results of the research
    gate: MemoryGate | None = None  # waits for free memory on the devices before each task
    watch: Watch | None = None  # what a search or rule watches; None if there is none

    @property
    def time_limits_s(self) -> dict[str, float]:
        """Unit → seconds that a call may take, of the units with a time limit."""
        limits = {unit.name: getattr(unit, "timeout_s", None) for unit in self.experiment.units}
        return {name: limit_s for name, limit_s in limits.items() if limit_s is not None}

    def parts(self) -> dict[str, object]:
        """Return all that is sent to a worker, by the names that error messages use."""
        experiment = self.experiment
        parts: dict[str, object] = {f"instance {each.name!r}": each for each in experiment.instances}
        parts.update({f"unit {each.name!r}": each for each in experiment.units})
        parts.update({f"the configs of worker {slot}": setup for slot, setup in enumerate(self.setups)})
        parts.update({f"hook {each!r}": each for each in self.execution.hooks})
        parts["executor_class"] = self.execution.executor_class
        parts["the plan"] = self
        return parts

    @property
    def catches_output(self) -> bool:
        """Whether output of experiments is caught."""
        return any(self.redirects.values())


def experiment_path(root: Path, experiment_id: str) -> Path:
    """Return the folder of an experiment, made on first use."""
    path = root / "experiments" / experiment_id
    path.mkdir(parents=True, exist_ok=True)
    return path
