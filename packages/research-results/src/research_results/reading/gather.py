"""Arrays concatenated from parts, in a type that holds all values exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"
Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"


@dataclass(frozen=True, slots=True)
class Segment:
    """Some values of one kind and their indices in the whole."""

    indices: Ints
    """Index of each value in the whole; length N."""
    values: Array
    """Of a number's dtype, or of objects; length N."""


def gather(count: int, parts: Sequence[Segment]) -> Array:
    """Put parts into one array of some length, in a type that holds all their values exactly.

    Places that no part has are NaN. The type is a number if all values fit it, else object.
    """
    missing = sum(len(part.indices) for part in parts) < count
    dtype = _common(parts, missing=missing)
    if dtype.kind == "O":
        whole = np.full(count, np.nan, object)
    elif missing:
        whole = np.full(count, np.nan, dtype)
    else:
        whole = np.empty(count, dtype)
    for part in parts:
        # numbers of 64 bits are builtin numbers among objects, so that 1 stays 1
        whole[part.indices] = part.values.astype(object) if dtype.kind == "O" else part.values
    return whole


def _common(parts: Sequence[Segment], *, missing: bool) -> np.dtype[Any]:
    """Return the type that holds all values, and NaN if some are missing."""
    dtypes = {part.values.dtype for part in parts}
    kinds = {dtype.kind for dtype in dtypes}
    if not dtypes or not kinds <= set("biufc") or ("b" in kinds and (missing or kinds != {"b"})):
        return np.dtype(object)
    common = np.result_type(*dtypes)
    if missing and common.kind in "iu":
        common = np.dtype(np.float64)
    if common.kind in "fc" and not all(_fits(part.values, common) for part in parts):
        return np.dtype(object)
    return common


def _fits(values: Array, common: np.dtype[Any]) -> bool:
    """Tell whether integers survive in a type of floats."""
    if values.dtype.kind not in "iu" or not len(values):
        return True
    limit = 2 ** (np.finfo(common).nmant + 1)
    return bool(-limit <= int(values.min()) and int(values.max()) <= limit)


def take(values: Array, indices: Ints) -> Array:
    """Return values by index; -1 is a missing one."""
    present = indices >= 0
    if present.all():
        return values[indices]
    return gather(len(indices), [Segment(np.flatnonzero(present), values[indices[present]])])


def concatenated(arrays: Sequence[Array]) -> Array:
    """Return arrays one after another, in a type that holds all their values exactly."""
    ends = np.cumsum([len(values) for values in arrays]).tolist()
    rows = (np.arange(end - len(values), end) for end, values in zip(ends, arrays, strict=True))
    return gather(ends[-1], list(map(Segment, rows, arrays)))


def run_starts(*columns: Ints) -> Mask:
    """Tell which rows differ in some column from the row before; the first one does."""
    starts = np.ones(len(columns[0]), np.bool_)
    starts[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return starts
