"""Filters of warnings: as data, and put in force."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from research_runner.pool import wire
from research_runner.pool.travel import complaint


def dump_filters() -> bytes:
    """Return the filters of this process as bytes for `wire.load_code`, if they can be pickled."""
    filters = list(warnings.filters)
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
