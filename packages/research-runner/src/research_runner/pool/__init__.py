"""The pool of worker processes, under a supervisor: workers may die in any way, and nothing hangs or is lost.

Layout: `WorkerPool` (``worker_pool``) is what the coordinator uses; ``launch`` starts the ``supervisor``, the
process that is the parent of all workers, and ``kept`` keeps it between runs; ``worker_main`` runs in each
worker and gives its work a `Channel` (``spawned`` leads there in a fresh interpreter); ``link`` and
``frames`` are the connection between the two; ``wire`` turns messages into bytes, with ``code_pickle`` and
``class_registry`` where code has to travel, and ``resources`` for files, processes and proxies; `preflight`
checks that work can travel. Nothing here knows what the work is.
"""
