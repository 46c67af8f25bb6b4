"""Events of a worker process: started and exited, as pool, backends and coordinator report them."""

from __future__ import annotations

from typing import NamedTuple

from research_runner.system.death import Death
from research_runner.system.place import Place


class WorkerReady(NamedTuple):
    """A worker has loaded its work and waits for tasks.

    `place` says where it runs; the pool leaves that to its backend.
    """

    slot: int
    pid: int
    place: Place | None = None


class WorkerDied(NamedTuple):
    """A worker is gone, and its descendants with it; everything that it had sent was delivered before."""

    slot: int
    pid: int
    death: Death
