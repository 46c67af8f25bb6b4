"""How the script calculates: limits of Python, the context of decimals, how numpy treats errors of floats."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_NUMPY = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def take_arithmetic(leave: Callable[[str], None]) -> dict[str, Any]:
    """Return what differs from what a fresh process has, and `leave` what cannot travel.

    Examples
    --------
    >>> take_arithmetic(print)
    {}
    """
    found: dict[str, Any] = {}
    if sys.getrecursionlimit() > 1000:
        found["recursion"] = sys.getrecursionlimit()
    if sys.get_int_max_str_digits() != sys.int_info.default_max_str_digits:
        found["digits"] = sys.get_int_max_str_digits()
    numpy, decimal = (sys.modules.get(name) for name in ("numpy", "decimal"))
    errors = _NUMPY if numpy is None else numpy.geterr()
    if {"call", "log"} & set(errors.values()):
        leave("numpy.seterrcall")
    elif errors != _NUMPY:
        found["numpy"] = errors
    if decimal is not None and repr(_without_flags(decimal.getcontext())) != repr(decimal.DefaultContext):
        found["decimal"] = _without_flags(decimal.getcontext())
    return found


def _without_flags(context: Any) -> Any:
    copy = context.copy()
    copy.clear_flags()
    return copy


def put_arithmetic(found: dict[str, Any]) -> None:
    """Put in force what `take_arithmetic` has returned."""
    if "recursion" in found:
        sys.setrecursionlimit(max(found["recursion"], sys.getrecursionlimit()))
    if "digits" in found:
        sys.set_int_max_str_digits(found["digits"])
    if "numpy" in found:
        import numpy as np

        np.seterr(**found["numpy"])
    if "decimal" in found:
        import decimal

        decimal.setcontext(found["decimal"])
