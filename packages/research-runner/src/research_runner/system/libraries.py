"""Environment variables of workers: they limit the threads of libraries and fix the hashing of Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

SLOT_VARIABLE: Final = "RESEARCH_WORKER"
"""Environment variable with the number of the worker's slot."""

_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
_HASH_SEED: Final = "PYTHONHASHSEED"
_ASKED_FOR: Final = "RESEARCH_THREADS"
"""Is there if somebody asked for a number of threads: then the other variables hold whatever else is set."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def library_environment(threads: int | None, workers: int, *, shares_machine: bool) -> dict[str, str]:
    """Return the variables of a worker; by default it has a fair share of the cores, elsewhere one thread.

    Examples
    --------
    >>> library_environment(2, 4, shares_machine=True)["OMP_NUM_THREADS"]
    '2'
    """
    count = threads or (max(available_cores() // workers, 1) if shares_machine else 1)
    asked_for = {} if threads is None else {_ASKED_FOR: str(threads)}
    return {**dict.fromkeys(_THREADS, str(count)), **asked_for, _HASH_SEED: "0"}


def without_what_is_set(environment: Mapping[str, str], *, forked: bool) -> dict[str, str]:
    """Return the variables of a worker, without ours if the user has set them or it is too late.

    A forked worker has imported everything already, so that all of ours come too late.
    """
    ours = {_HASH_SEED} if _ASKED_FOR in environment else {_HASH_SEED, *_THREADS}
    if forked:
        ours = {_HASH_SEED, _ASKED_FOR, *_THREADS}
    return {
        name: value
        for name, value in environment.items()
        if name not in ours or (not forked and name not in os.environ)
    }
