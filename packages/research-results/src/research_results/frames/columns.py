"""Columns of DataFrames: their dtypes and their labels.

Left alone, pandas guesses the type of a column from the objects in it, and refuses some of them. Here a
column of objects stays one unless all of its values have one type for which pandas has a column that holds
them exactly.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from research_results.reading.gather import Array, Ints, Segment, gather

TEXT: Any = pd.Series(["text"]).dtype
"""What this pandas makes of strings."""

_UNITS = ("s", "ms", "us", "ns")
"""Units of time that pandas has."""

_LONGER_UNITS = ("m", "h", "D", "W")
"""Units of time that are whole seconds."""


def free_labels(names: Sequence[tuple[str, bool]]) -> list[str]:
    """Return a distinct label for each column, given its name and whether that is reserved.

    Ours keep their names. Of others with one name the first keeps it; the rest get a number.
    """
    taken = {name for name, is_ours in names if is_ours}
    labels: list[str | None] = []
    for name, is_ours in names:
        keeps = is_ours or name not in taken
        taken.add(name)
        labels.append(name if keeps else None)
    return [
        _numbered(name, taken) if label is None else label
        for label, (name, _) in zip(labels, names, strict=True)
    ]


def _numbered(name: str, taken: set[str]) -> str:
    number = 1
    while (label := f"{name}_{number}") in taken:
        number += 1
    taken.add(label)
    return label


def as_column(values: Array) -> Any:
    """Return an array as pandas keeps it: objects of one simple type become a column of that type."""
    if values.dtype.kind != "O":
        return values
    present = np.array([not is_gap(value) for value in values], np.bool_)
    kinds = {type(value) for value in values[present]}
    convert = _CONVERTERS.get(kinds.pop()) if len(kinds) == 1 else None
    if convert is None:
        return values
    try:
        return convert(values, present)
    except (ValueError, TypeError, OverflowError):  # UnicodeEncodeError for half a surrogate pair is one
        return values


def is_gap(value: Any) -> bool:
    """Tell whether there is no value, which among objects is NaN; None is a value."""
    return type(value) is float and value != value


def _numbers(dtype: Any) -> Callable[[Array, Array], Any]:
    def convert(values: Array, present: Array) -> Any:
        packed = np.array(values[present], dtype)  # OverflowError for an int that is too large
        return gather(len(values), [Segment(np.flatnonzero(present), packed)])

    return convert


def _texts(values: Array, _present: Array) -> Any:
    return values if TEXT.kind == "O" and TEXT.type is np.object_ else pd.Series(values, dtype=TEXT).array


def _python_times(values: Array, present: Array) -> Any:
    """Return times of one zone, or spans, as a column; other values are unchanged."""
    column = pd.Series(values, dtype=object).infer_objects()
    if column.dtype.kind not in "mM":
        return values
    zone = getattr(column.dtype, "tz", None)
    if zone is not None and any(
        made.utcoffset() != given.utcoffset() or made.replace(tzinfo=None) != given.replace(tzinfo=None)
        for made, given in zip(column[present], values[present], strict=True)
    ):
        return values
    return column.array


def _numpy_times(values: Array, present: Array) -> Any:
    """Return times or spans of one unit as a column; those of units that pandas lacks stay as they are."""
    units = {np.datetime_data(value.dtype) for value in values[present]}
    unit, count = units.pop() if len(units) == 1 else ("", 0)
    if count != 1 or unit not in (*_UNITS, *_LONGER_UNITS):
        return values
    kind = values[present][0].dtype
    given = np.full(len(values), "NaT", kind)
    given[present] = values[present].astype(kind)
    if unit in _UNITS:
        return given
    seconds = given.astype(f"{kind.kind}8[s]")
    exact = (seconds.astype(kind) == given) | np.isnat(given)
    return seconds if exact.all() else values


_CONVERTERS: dict[type, Callable[[Array, Array], Any]] = {
    bool: _numbers(np.bool_),
    int: _numbers(np.int64),
    float: _numbers(np.float64),
    str: _texts,
    **dict.fromkeys((datetime.datetime, datetime.timedelta, pd.Timestamp, pd.Timedelta), _python_times),
    **dict.fromkeys((np.datetime64, np.timedelta64), _numpy_times),
}


def make_series(values: Any, index: pd.Index) -> Any:
    """Return a column for a frame; objects as a series, so that pandas does not inspect them."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        return pd.Series(values, index, dtype=object)
    return values


def text_column(texts: Sequence[str], counts: Ints) -> Any:
    """Return texts, each as often as it counts."""
    try:
        return pd.Series(list(texts), dtype=TEXT).array.repeat(counts)
    except UnicodeEncodeError:  # names of files may be any bytes
        return np.array(texts, object).repeat(counts)


def repeat(values: Any, counts: Ints) -> Any:
    """Return each value as often as it counts."""
    return np.repeat(values, counts) if isinstance(values, np.ndarray) else values.repeat(counts)
