"""Values as Python expressions that create them again, where there are such expressions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from research_domain.seeds import make_seed_sequence

_LARGEST = 1000
"""Numbers of an array that is written in full."""


def written(value: Any) -> str:
    """Return an expression for a value: functions and classes by name, other objects by their ``repr``."""
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return f"float({str(value)!r})"
    if kind is list:
        return f"[{', '.join(map(written, value))}]"
    if kind is tuple:
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    if kind is dict:
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    if kind is np.ndarray:
        return _array(value)
    if isinstance(value, np.generic):
        return _scalar(value)
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else repr(value)


def _array(array: np.ndarray[Any, Any]) -> str:
    if array.size > _LARGEST or array.dtype.names is not None or 0 in array.shape[:-1]:
        return f"<array of {array.dtype} and shape {array.shape}>"
    if array.dtype.kind in "mM":
        return f"np.array({array.astype(np.int64).tolist()}).astype({array.dtype.str!r})"
    listed = array.tolist()
    inferred = array.dtype.kind != "O" and np.asarray(listed).dtype == array.dtype
    dtype = "" if inferred else f", dtype={array.dtype.str!r}"
    return f"np.array({written(listed)}{dtype})"


def _scalar(value: np.generic[Any]) -> str:
    if value.dtype.kind in "fcmM" and not np.isfinite(value):
        return f"np.{type(value).__name__}({str(value)!r})"
    text = repr(value).removeprefix("numpy.").removeprefix("np.")
    named = text.startswith((f"{type(value).__name__}(", "True_", "False_"))  # NumPy 1 writes numbers bare
    return f"np.{text}" if named else f"np.{type(value).__name__}({text})"


def number(value: float) -> str:
    """Return a number, a whole one without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)


_WHOLE = 1e16


def seed_written(seed: Any, sequence: np.random.SeedSequence | None = None) -> str:
    """Return a seed as an argument, given the sequence that it was turned into if it was."""
    if isinstance(seed, bool | int | list | tuple) and (seed is not True or sequence is None):
        return repr(seed)
    found = make_seed_sequence(seed) if sequence is None else sequence
    if not found.spawn_key:
        return repr(found.entropy)
    return f"np.random.SeedSequence({found.entropy!r}, spawn_key={found.spawn_key!r})"
