"""Filters of warnings: as data, and put in force."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from research_runner.pool import wire
from research_runner.pool.class_registry import is_importable, look_up
from research_runner.pool.travel import complaint


class _Awaited(type):
    """Makes stand-ins for categories of warnings, in filters, until somebody imports their module."""

    def __subclasscheck__(cls, category: Any) -> bool:
        names = [(each.__module__, each.__qualname__) for each in getattr(category, "__mro__", ())]
        return (cls.__module__, cls.__qualname__) in names


class _Named:
    """Becomes the category of this name where it is unpickled, without importing its module."""

    def __init__(self, category: Any) -> None:
        self._name = category.__module__, category.__qualname__

    def __reduce__(self) -> tuple[Callable[..., type], tuple[str, str]]:
        return _category, self._name


def _category(module: str, name: str) -> type:
    found = look_up(module, name) if module in sys.modules else None
    return found if isinstance(found, type) else _Awaited(name, (Warning,), {"__module__": module})


def _is_of_library(category: Any) -> bool:
    is_class = isinstance(category, type) and is_importable(category)
    return is_class and category.__module__.partition(".")[0] not in sys.stdlib_module_names


def dump_filters() -> bytes:
    """Return the filters of this process as bytes for `wire.load_code`, if they can be pickled."""
    filters: list[Any] = [
        (*each[:2], _Named(each[2]), *each[3:]) if _is_of_library(each[2]) else each
        for each in warnings.filters
    ]
    try:
        return wire.dump_code(filters)
    except Exception:  # noqa: BLE001 - a metaclass of the user's may raise anything
        return wire.dump_code([each for each in filters if not complaint(each)])


def put_filters(filters: Sequence[Any]) -> None:
    """Let these be the filters."""
    warnings.filters = list(filters)
    with warnings.catch_warnings():  # tells the module that the filters have changed
        pass


def without_errors(filters: Sequence[Any]) -> list[Any]:
    """Return filters that ignore what would be raised."""
    return [("ignore", *each[1:]) if each[0] == "error" else each for each in filters]


@contextlib.contextmanager
def spared() -> Iterator[None]:
    """Raise no warnings as errors in the block; in the end the filters are what they were.

    Modules that the script has imported are imported again in a worker, and nobody gets an error of a worker
    that the script did not get.
    """
    before = list(warnings.filters)
    softened = without_errors(before)
    if softened != before:
        put_filters(softened)
    try:
        yield
    finally:
        if list(warnings.filters) != before:
            put_filters(before)
