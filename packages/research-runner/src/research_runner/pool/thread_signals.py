"""What signals between threads: a unit that waits for a copy of it waits for ever."""

from __future__ import annotations

import queue
import threading
from types import FunctionType
from typing import Final

from research_runner.pool.class_registry import is_importable
from research_runner.pool.unpicklable import attributes_of, contents_of, function_parts

_PLANS: Final = "research_experiment."
"""Objects of these modules are units and named expressions: what is inside them are arguments."""

_SIGNALS: Final = (threading.Event, threading.Condition, threading.Semaphore, threading.Barrier, queue.Queue)


def find_signal(value: object) -> tuple[str, object] | None:
    """Return the path to an event, condition or queue of which a unit would get a copy, and the object.

    Looked into are containers, arguments of partial functions, and what functions take from their script:
    globals, closures and defaults. Inside other objects such things travel new, as locks do.

    Examples
    --------
    >>> stop = threading.Event()
    >>> find_signal({"args": [1, stop]})
    ("['args'][1]", <threading.Event at ...: unset>)
    >>> find_signal(lambda: stop.wait())
    ('.<global>.stop', <threading.Event at ...: unset>)
    """
    seen: set[int] = set()
    todo: list[tuple[str, object]] = [("", value)]
    while todo:
        path, item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, _SIGNALS):
            return path, item
        found = list(contents_of(item))
        if isinstance(item, FunctionType) and not is_importable(item):
            found = list(function_parts(item))
        elif not found and type(item).__module__.startswith(_PLANS):
            found = [(f".{name}", getattr(item, name, None)) for name in attributes_of(item)]
        todo.extend((path + step, child) for step, child in found)
    return None
