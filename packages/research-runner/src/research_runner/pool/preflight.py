"""Load every part of the work in a fresh worker before anything is started for real."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from research_runner.pool._launch import StartMethod
from research_runner.pool._pool import WorkerPool
from research_runner.pool._travel import load_parts, serialise_part
from research_runner.pool.errors import TravelError
from research_runner.pool.events import Died, Message

__all__ = ["preflight"]


def preflight(
    parts: Mapping[str, object],
    start_method: StartMethod = "auto",
    environment: Mapping[str, str] | None = None,
) -> None:
    """Check that every part can travel to a worker.

    Parameters
    ----------
    parts : mapping of str to object
        What is going to travel, by the name that an error shall call it, such as ``"unit 'train'"``.
    start_method : {'auto', 'fork', 'forkserver', 'spawn'}
        How workers are started.
    environment : mapping of str to str, optional
        Environment variables of the worker.

    Raises
    ------
    TravelError
        If a part cannot be serialised here, or loaded there; names the part and the attribute.

    Examples
    --------
    >>> class Model:
    ...     def __init__(self):
    ...         self.steps = (step for step in range(3))
    >>> preflight({"unit 'train'": Model()})
    Traceback (most recent call last):
    ...
    research_runner.pool.errors.TravelError: unit 'train': steps cannot travel to a worker: it is ...
    """
    blobs = {name: serialise_part(name, part) for name, part in parts.items()}
    with WorkerPool(1, load_parts, start_method=start_method, environments=[environment or {}]) as pool:
        pool.start(0)
        for blob in blobs.values():
            pool.send(0, blob)
        waiting = deque(blobs)
        while waiting:
            for event in pool.poll():
                if isinstance(event, Message):
                    _judge(waiting.popleft(), event.payload)
                elif isinstance(event, Died):
                    reason = f"the worker that loaded it was {event.death.describe()}"
                    raise TravelError(waiting[0], "", reason)


def _judge(name: str, complaint: str) -> None:
    if complaint:
        reason = f"it cannot be loaded in a fresh worker: {complaint}"
        raise TravelError(name, "", reason)
