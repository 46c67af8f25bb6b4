"""Counting without a limit: sizes that exceed machine integers."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from research_domain.errors import ParameterError

T = TypeVar("T")


def check_count(name: str, value: Any, least: int, optional: bool = False) -> None:
    """Raise an error that names the parameter unless `value` is an int of at least `least`."""
    if optional and value is None:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        choice = " or None" if optional else ""
        raise ParameterError(name, f"expected an int of at least {least}{choice}, got {value!r}")


def check_digits(value: Any) -> None:
    """Raise an error unless `value` is one of `create_id_prefix`: a bool, or a number of digits."""
    if not isinstance(value, bool):
        check_count("create_id_prefix", value, 0)
    if value > _DIGITS:
        raise ParameterError("create_id_prefix", f"expected at most {_DIGITS} digits, got {value!r}")


_DIGITS = 20


def take(items: Iterable[T], count: int) -> Iterator[T]:
    """Yield the first `count` items; ``itertools.islice`` takes no counts above ``sys.maxsize``."""
    return iter(items) if count > sys.maxsize else itertools.islice(items, max(count, 0))


def span_length(values: range) -> int:
    """Return the length of a range, also where ``len`` overflows."""
    return max(0, -((values.start - values.stop) // values.step))
