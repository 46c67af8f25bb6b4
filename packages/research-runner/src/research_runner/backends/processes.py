"""Tasks in supervised worker processes on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from research_runner.events import BackendEvent, WorkerDied, WorkerReady
from research_runner.plan import WorkerPlan
from research_runner.pool import Died, Message, PoolEvent, Ready, StartMethod, WorkerPool
from research_runner.tasks import Task
from research_runner.worker import SLOT_VARIABLE, Serve

__all__ = ["ProcessBackend"]


class ProcessBackend:
    """One worker process per slot.

    Parameters
    ----------
    plan : WorkerPlan
        What to run and how; one place per slot.
    start_method : {'auto', 'fork', 'forkserver', 'spawn'}
        How processes are started; see :class:`~research_runner.pool.WorkerPool`.
    environments : sequence of mapping, one per slot
        Environment variables of the workers.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        start_method: StartMethod = "auto",
        environments: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self._slots = len(plan.places)
        given = environments or ({},) * self._slots
        numbered = [{**each, SLOT_VARIABLE: str(slot)} for slot, each in enumerate(given)]
        self._pool = WorkerPool(
            self._slots,
            Serve(plan),
            start_method=start_method,
            environments=numbered,
            preload=("research_runner.worker",),
        )

    @property
    def slots(self) -> int:
        """How many workers there can be."""
        return self._slots

    def start(self, slot: int) -> None:
        """Start a worker."""
        self._pool.start(slot)

    def submit(self, slot: int, tasks: Sequence[Task]) -> None:
        """Send tasks to a worker."""
        self._pool.send(slot, tuple(tasks))

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Wait for news of the workers."""
        return [event for pool_event in self._pool.poll(timeout_s) for event in _translate(pool_event)]

    def stop(self, slot: int) -> None:
        """Let a worker go when it is through."""
        self._pool.stop(slot)

    def kill(self, slot: int, cause: str) -> None:
        """Kill a worker with all its children."""
        self._pool.kill(slot, cause)

    def close(self, force: bool = False) -> None:
        """Let all workers go, or kill them."""
        self._pool.close(force=force)


def _translate(event: PoolEvent) -> Sequence[BackendEvent]:
    match event:
        case Message(slot, payload):
            return [BackendEvent(slot, each) for each in payload]
        case Ready(slot, pid):
            return [BackendEvent(slot, WorkerReady(slot, pid))]
        case Died(slot, pid, death):
            return [BackendEvent(slot, WorkerDied(slot, pid, death))]
