"""Equality of values that users put into configs: arrays and NaN included."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["same"]


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, element by element for arrays; NaN equals NaN."""
    if left is right:
        return True
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return _same_arrays(left, right)
    try:
        return bool(left == right) or bool(left != left and right != right)
    except (TypeError, ValueError):
        return False


def _same_arrays(left: Any, right: Any) -> bool:
    try:
        left, right = np.asarray(left), np.asarray(right)
        return bool(
            np.array_equal(left, right, equal_nan=left.dtype.kind in "fc" and right.dtype.kind in "fc")
        )
    except (TypeError, ValueError):
        return False
