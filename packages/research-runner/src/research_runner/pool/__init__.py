"""Supervised worker processes: they may die in any way, and nothing hangs, is lost or stays behind.

Layout: `WorkerPool` (``_pool``) is what the coordinator uses; ``_launch`` starts the supervisor
(``_supervisor``), the process that is the parent of all workers; ``_worker`` runs in each worker and gives
its work a `Channel` (``_spawned`` leads to it in a fresh interpreter); ``_link`` and ``_frames`` are the
connection between the two; ``wire`` turns messages into bytes; `preflight` checks that work can travel.
Nothing here knows what the work is.
"""

from research_runner.pool._launch import StartMethod, current_path
from research_runner.pool._pool import WorkerPool
from research_runner.pool.channel import Channel, WorkerStop
from research_runner.pool.errors import PoolError, StartMethodError, TravelError, WireError
from research_runner.pool.events import Message, PoolEvent
from research_runner.pool.preflight import preflight
from research_runner.system.death import Death
from research_runner.system.worker_events import WorkerDied, WorkerReady

__all__ = [
    "Channel",
    "Death",
    "Message",
    "PoolError",
    "PoolEvent",
    "StartMethod",
    "StartMethodError",
    "TravelError",
    "WireError",
    "WorkerDied",
    "WorkerPool",
    "WorkerReady",
    "WorkerStop",
    "current_path",
    "preflight",
]
