"""What a worker has to know about a research: frozen, and serialised once per worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from research_domain import ConfigAlias
from research_experiment import Executor, ExperimentPlan
from research_experiment.protocols import Encoded, Values

__all__ = ["Execution", "Place", "WorkerPlan"]

Entropy: TypeAlias = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class Execution:
    """How each task is executed; see the parameters of :meth:`Research.run`."""

    n_iters: int | None = None
    target: str = "threads"
    finalize: bool = True
    debug: bool = False
    executor_class: type[Executor] = Executor
    flush_every_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """What the worker in one slot adds to its experiments.

    Parameters
    ----------
    config : ConfigAlias
        Appended to the config of each of its experiments.
    branches : tuple of ConfigAlias
        Appended to the config of each branch.
    """

    config: ConfigAlias
    branches: tuple[ConfigAlias, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """Everything that does not change from task to task.

    Parameters
    ----------
    experiment : ExperimentPlan
        What to run.
    execution : Execution
        How to run it.
    places : tuple of Place, one per slot
        What depends on the slot.
    entropy : int or sequence of int
        The seed of the research.
    encode : callable
        Turns saved values into what the storage wants.
    path_of : callable or None
        Experiment id → its folder.
    results : callable or None
        Returns a reader of the results of the research.
    """

    experiment: ExperimentPlan
    execution: Execution
    places: tuple[Place, ...]
    entropy: Entropy
    encode: Callable[[Values], Encoded]
    path_of: Callable[[str], Path] | None = None
    results: Callable[[], Any] | None = None
