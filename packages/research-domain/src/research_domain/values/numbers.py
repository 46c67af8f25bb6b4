"""Numbers as text: exactly, with their type, or by their value alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def string(value: str) -> str:
    """Return a text with its length, so that what follows cannot be taken for a part of it."""
    return f"s{len(value)}:{value}"


SCALARS: dict[type, Callable[[Any], str]] = {
    int: lambda value: f"i{value:x};",
    float: lambda value: f"f{value!r};",
    str: string,
    bool: lambda value: "b1;" if value else "b0;",
    type(None): lambda _value: "n;",
}
"""Types whose values are written at once, to how they are written."""


_INFINITY = float("inf")


def by_value(value: Any) -> str:
    """Write a real number so that equal numbers of any type are written alike."""
    if value != value:
        return "nnan;"
    if value in (_INFINITY, -_INFINITY):
        return "ninf;" if value > 0 else "n-inf;"
    top, bottom = value.as_integer_ratio()
    return f"n{int(top):x};" if bottom == 1 else f"n{int(top):x}/{int(bottom):x};"


_LONG_EXPONENT = 5000


def decimal_by_value(value: Any) -> str:
    """Write a Decimal like the numbers that equal it, unless that would take thousands of digits."""
    if value.is_nan():
        return "nnan;"
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > _LONG_EXPONENT and value:
        sign, digits, exponent = value.normalize().as_tuple()
        return f"nd{sign}{''.join(map(str, digits))}e{exponent};"
    return by_value(value)


SCALARS_BY_VALUE: dict[type, Callable[[Any], str]] = {
    **SCALARS,
    int: lambda value: f"n{value:x};",
    float: by_value,
}
"""The same where numbers count by their value alone."""
