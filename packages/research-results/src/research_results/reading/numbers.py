"""Values as floats, to be averaged or drawn."""

from __future__ import annotations

import decimal
import fractions
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from research_results.reading.gather import Array

__all__ = ["as_floats"]

_NUMBERS = (int, float, np.bool_, np.integer, np.floating, decimal.Decimal, fractions.Fraction)


def as_floats(values: Array) -> Array | None:
    """Return numbers as floats, NaN for what is missing or None; None if other values are among them."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if values.dtype.kind != "O":
        return None
    numbers = [_as_float(value) for value in values]
    if None in numbers or all(value is None for value in values):
        return None
    return np.array(numbers, np.float64)


def _as_float(value: Any) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, np.timedelta64) or not isinstance(value, _NUMBERS):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a signalling NaN
        return math.nan
