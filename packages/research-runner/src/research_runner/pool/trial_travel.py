"""Load every part of the work in a fresh worker before anything is started for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from research_runner.pool import wire
from research_runner.pool.errors import TravelError
from research_runner.pool.events import Message
from research_runner.pool.launch import StartMethod
from research_runner.pool.travel import load_parts, serialise_part, travel_error
from research_runner.pool.unpicklable import Refusal, blame
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerDied

_CANNOT_ARRIVE = "; a fresh process must be able to import what it needs: check sys.path and the directory"


def preflight(
    parts: Mapping[str, object],
    start_method: StartMethod = "auto",
    environment: Mapping[str, str] | None = None,
    code: Callable[[], bytes] = bytes,
) -> None:
    """Check that every part can be sent to a worker; keys are the names for errors.

    `TravelError` names a part that cannot be serialised here, or loaded there, and the attribute in it.
    Workers are started as by a `WorkerPool` with this start method, environment of the worker and code.

    Examples
    --------
    >>> class Model:
    ...     def __init__(self):
    ...         self.steps = (step for step in range(3))
    >>> preflight({"unit 'train'": Model()})
    Traceback (most recent call last):
    ...
    research_runner.pool.errors.TravelError: unit 'train': steps cannot travel to a worker: it is a ...
    """
    blobs = {name: serialise_part(name, part) for name, part in parts.items()}
    with WorkerPool(
        1, load_parts, start_method=start_method, environments=[environment or {}], code=code
    ) as pool:
        pool.start(0)
        for name, blob in blobs.items():
            complaint = _load(pool, name, blob)
            if complaint:
                raise _blamed(pool, name, parts[name], complaint)


def _blamed(pool: WorkerPool, name: str, part: object, complaint: str) -> TravelError:
    """Find the culprit by loading ever smaller pieces of the part."""

    def attempt(piece: object) -> None:
        refusal = _load(pool, name, wire.dump_code(piece))
        if refusal:
            raise Refusal(refusal)

    return travel_error(name, blame(part, attempt, Refusal(complaint)), _CANNOT_ARRIVE)


def _load(pool: WorkerPool, name: str, blob: bytes) -> str:
    """Load in the worker, return its complaint, empty if there is none."""
    pool.submit(0, blob)
    while True:
        for event in pool.poll():
            if isinstance(event, Message):
                return str(event.payload)
            if isinstance(event, WorkerDied):
                raise TravelError(name, "", f"the worker that loaded it died: {event.death.describe()}")
