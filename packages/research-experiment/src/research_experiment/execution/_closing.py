"""Closing what an experiment has made, at its end."""

from __future__ import annotations

import inspect
from types import GeneratorType
from typing import Any

__all__ = ["close"]


def close(thing: Any) -> None:
    """Close a generator, or an object whose class has a method ``close`` that needs no arguments.

    Everything else is left alone: data that is called so, classes and modules, coroutines.
    """
    if isinstance(thing, GeneratorType):
        thing.close()
    elif not isinstance(thing, type) and callable(getattr(type(thing), "close", None)):
        method = thing.close
        if _needs_nothing(method):
            method()


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
