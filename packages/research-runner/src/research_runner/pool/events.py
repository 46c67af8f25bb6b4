"""What `WorkerPool.poll` returns."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from research_runner.system.worker_events import WorkerDied, WorkerReady


class Message(NamedTuple):
    """A worker sent a payload; what cannot be loaded here arrives as the `WireError` that says why."""

    slot: int
    payload: Any


PoolEvent: TypeAlias = WorkerReady | Message | WorkerDied
