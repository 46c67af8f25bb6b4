"""The pool of worker processes, under a supervisor: workers may die in any way, and nothing hangs or is lost.

Layout: `WorkerPool` (``worker_pool``) is what the coordinator uses; ``launch`` starts the ``supervisor``, the
process that is the parent of all workers, and ``kept`` keeps it between runs; ``worker_main`` runs in each
worker and gives its work a `Channel` (``spawned`` leads there in a fresh interpreter); ``link`` and
``frames`` are the connection between the two; ``wire`` turns messages into bytes, with ``code_pickle`` and
``class_registry`` where code has to travel, and ``resources`` for files, processes and proxies; `preflight`
checks that work can travel. Nothing here knows what the work is.
"""

from typing import TYPE_CHECKING

from research_domain.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from research_runner.pool.channel import Channel, WorkerStop
    from research_runner.pool.errors import PoolError, StartMethodError, TravelError, WireError
    from research_runner.pool.events import Message, PoolEvent
    from research_runner.pool.kept import launch_early, shutdown
    from research_runner.pool.launch import StartMethod, current_directory, current_path
    from research_runner.pool.travel import refuse_signals
    from research_runner.pool.trial_travel import preflight
    from research_runner.pool.worker_pool import WorkerPool
    from research_runner.system.death import Death
    from research_runner.system.worker_events import WorkerDied, WorkerReady

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "research_runner.pool.channel": ("Channel", "WorkerStop"),
        "research_runner.pool.errors": ("PoolError", "StartMethodError", "TravelError", "WireError"),
        "research_runner.pool.events": ("Message", "PoolEvent"),
        "research_runner.pool.kept": ("launch_early", "shutdown"),
        "research_runner.pool.launch": ("StartMethod", "current_directory", "current_path"),
        "research_runner.pool.travel": ("refuse_signals",),
        "research_runner.pool.trial_travel": ("preflight",),
        "research_runner.pool.worker_pool": ("WorkerPool",),
        "research_runner.system.death": ("Death",),
        "research_runner.system.worker_events": ("WorkerDied", "WorkerReady"),
    },
)

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
    "current_directory",
    "current_path",
    "launch_early",
    "preflight",
    "refuse_signals",
    "shutdown",
]
