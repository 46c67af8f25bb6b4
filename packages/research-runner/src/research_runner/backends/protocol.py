"""What a backend has to do; the extension point for other ways to run tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from research_runner.pool.launch import StartMethod
from research_runner.scheduling.events import BackendEvent
from research_runner.scheduling.tasks import Task
from research_runner.worker.plan import WorkerPlan


class Backend(Protocol):
    """Runs tasks in numbered slots, one task at a time in each, and reports; it decides nothing.

    All methods are called by one thread, the coordinator's. A backend never tries anything again: what dies
    is reported by ``WorkerDied``, after everything that the worker had sent.
    """

    @property
    def slots(self) -> int:
        """How many workers there can be."""

    def start(self, slot: int) -> None:
        """Start a worker; ``WorkerReady`` or ``WorkerDied`` will follow."""

    def submit(self, slot: int, tasks: Sequence[Task]) -> None:
        """Give tasks to a worker, to be run in this order."""

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Wait for events for at most `timeout_s` seconds and return them in order.

        Raises
        ------
        EngineLostError
            If nothing can be run any more because the engine is gone; the run ends, and can be resumed.
        """

    def answer(self, slot: int, experiment_id: str, ends: bool) -> None:
        """Tell an experiment that waits for a verdict, after ``Reported``, whether it is to end.

        Its worker may have died meanwhile, which makes the answer void.
        """

    def stop(self, slot: int) -> None:
        """Let a worker go when it is through with its task; ``WorkerDied`` will follow.

        Tasks that were sent ahead may be left out: they count as never begun.
        """

    def kill(self, slot: int, cause: str) -> None:
        """Kill a worker and all its children; ``WorkerDied`` with this cause will follow."""

    def close(self, force: bool = False) -> None:
        """Let all workers go, or kill them; leave no process, thread or file behind."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend declares about itself.

    Parameters
    ----------
    gpus : float
        How many devices the engine was asked to give to each worker; its environment has to show it only
        those. Then a worker is replaced after each task by default, which is what frees the memory of a GPU.
        With ``run(devices=...)``, each setup of the plan says instead how many its worker needs.
    shares_files : bool or None
        Whether its workers see the folder of the research under the same path. None: each worker finds out.
    parallel : bool
        Whether tasks run in processes of their own, which can be killed and replaced; else in this one.
    chooses_devices : bool
        Whether an engine chooses the devices of each worker; else they are devices of this machine.
    """

    gpus: float = 0
    shares_files: bool | None = None
    parallel: bool = True
    chooses_devices: bool = True


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """Where the tasks of a run are executed.

    Parameters
    ----------
    root : Path
        The folder that has ``experiments`` in it: that of the research, or a temporary one if results stay
        in memory. It may not exist yet.
    start_method : {'auto', 'fork', 'forkserver', 'spawn'}
        How worker processes are started.
    report : callable, optional
        Takes events while :meth:`Backend.poll` runs tasks, in the thread that polls, or one call at a time
        in those of branches that wait for an answer; for backends that run tasks in this process. Others
        return events from ``poll``. It returns whether the next task may begin before ``poll`` returns.
    code : callable
        Returns the user's modules, for `install_encoded` in each process that runs tasks; nothing if there
        are none. May raise, which refuses the run.
    """

    root: Path
    start_method: StartMethod = "auto"
    report: Callable[[Sequence[BackendEvent]], bool] = lambda events: False
    code: Callable[[], bytes] = bytes


class BackendFactory(Protocol):
    """The argument of ``run(backend=...)``: makes the backend of one run.

    It is kept with the settings of the research, so that it has to be picklable, and small. It may have a
    method ``prepare(setups, start_method)``, called before `make`, which begins what needs time and no plan.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the backend declares about itself."""

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> Backend:
        """Connect to the engine and check that the plan can travel; nothing else is created.

        Raises
        ------
        TravelError
            If a part of the plan cannot travel to a worker.
        EngineUnreachableError
            If there is no engine.
        """
