"""What `WorkerPool.poll` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from research_runner.system.death import Death

__all__ = ["Died", "Message", "PoolEvent", "Ready"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded its work and waits for messages."""

    slot: int
    pid: int


@dataclass(frozen=True, slots=True)
class Message:
    """A worker sent a payload; what cannot be loaded here arrives as the `WireError` that says why."""

    slot: int
    payload: Any


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is gone, and its descendants with it; all of its messages were delivered before."""

    slot: int
    pid: int
    death: Death


PoolEvent: TypeAlias = Ready | Message | Died
