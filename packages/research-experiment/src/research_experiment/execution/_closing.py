"""Closing of what an experiment has created, at its end."""

from __future__ import annotations

import inspect
import io
from types import GeneratorType
from typing import Any


def close(thing: Any) -> None:
    """Close a generator, or an object whose class has a method ``close`` that needs no arguments.

    Everything else is left alone: data that is called so, classes and modules, coroutines. Files among the
    attributes of an object that cannot be closed are written, because Python loses what they hold if it
    collects them in a reference cycle.
    """
    if isinstance(thing, GeneratorType):
        thing.close()
    elif not isinstance(thing, type):
        method = thing.close if callable(getattr(type(thing), "close", None)) else None
        if method is not None and _needs_nothing(method):
            method()
        else:
            _write_files(thing)


def _write_files(thing: Any) -> None:
    for value in list(getattr(thing, "__dict__", {}).values()):
        if issubclass(type(value), io.IOBase) and _is_written(value):
            value.flush()


def _is_written(file: Any) -> bool:
    try:
        return not file.closed and bool(file.writable())
    except ValueError:  # detached
        return False


def _needs_nothing(method: Any) -> bool:
    if inspect.iscoroutinefunction(method):
        return False
    try:
        inspect.signature(method).bind()
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True
