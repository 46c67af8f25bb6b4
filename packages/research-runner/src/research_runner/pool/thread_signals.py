"""What signals between threads: a unit that waits for a copy of it waits for ever."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, Final

from research_runner.pool.class_registry import is_importable
from research_runner.pool.unpicklable import attributes_of, function_parts

__all__ = ["find_signal"]

_PLANS: Final = "research_experiment."
"""Objects of these modules are units and named expressions: what is inside them are arguments."""

_SIGNALS: Final = (threading.Event, threading.Condition, threading.Semaphore, threading.Barrier, queue.Queue)


def find_signal(value: object) -> tuple[str, object] | None:
    """Return the path to what signals between threads, and the thing, if a unit would get a copy of it.

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
        todo.extend((path + step, child) for step, child in _parts(item))
    return None


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif isinstance(value, FunctionType) and not is_importable(value):
        yield from function_parts(value)
    elif type(value).__module__.startswith(_PLANS):
        yield from ((f".{name}", getattr(value, name, None)) for name in attributes_of(value))
