"""Frames, series and other values of pandas as text; such a value implies that pandas is imported."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from research_domain.values.numbers import string
from research_domain.values.writer import FormWriter


def pandas_text(writer: FormWriter, value: Any) -> str | None:
    """Write a frame, series, index, array or scalar of pandas; return None for others."""
    pd = sys.modules.get("pandas")
    if pd is None:
        return None
    kind = type(value)
    name = string(f"pd.{kind.__name__}")
    if value is pd.NaT or value is pd.NA:
        return name
    if kind is pd.DataFrame:
        columns = [_array(pd, writer, value.iloc[:, index].array) for index in range(value.shape[1])]
        return name + _texts(writer, value.index, value.columns) + "".join(columns)
    if kind is pd.Series:
        return name + _texts(writer, value.index, value.name) + _array(pd, writer, value.array)
    if isinstance(value, pd.MultiIndex):
        return name + writer.items([value.get_level_values(index) for index in range(value.nlevels)])
    if isinstance(value, pd.Index):
        return string("pd.Index") + writer.text(value.name) + _array(pd, writer, value.array)
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return name + _array(pd, writer, value)
    if kind is pd.Timestamp:
        return name + _texts(writer, value.asm8, _zone(value.tz))
    if kind is pd.Timedelta:
        return name + writer.text(value.asm8)
    if kind is pd.Period:
        return name + _texts(writer, value.freqstr, value.ordinal)
    if kind is pd.Interval:
        return name + _texts(writer, value.closed, value.left, value.right)
    if isinstance(value, np.dtype | pd.api.extensions.ExtensionDtype):
        return name + string(str(value))
    return None


def _texts(writer: FormWriter, *parts: Any) -> str:
    return "".join(map(writer.text, parts))


def _zone(zone: Any) -> str | None:
    return None if zone is None else str(zone)


def _array(pd: Any, writer: FormWriter, values: Any) -> str:
    """Write what stands behind a column or an index."""
    arrays = pd.arrays
    if isinstance(values, arrays.NumpyExtensionArray):
        return writer.text(values.to_numpy())
    name = string(str(values.dtype))
    if isinstance(values, pd.Categorical):
        codes = values.codes.astype("<i8")
        return name + _texts(writer, str(values.ordered), codes, values.categories)
    if isinstance(values, arrays.DatetimeArray):
        naive = values if values.tz is None else values.tz_convert(None)
        return name + _texts(writer, _zone(values.tz), np.asarray(naive))
    if isinstance(values, arrays.TimedeltaArray):
        return name + writer.text(np.asarray(values))
    if isinstance(values, arrays.PeriodArray):
        return name + writer.text(values.asi8)
    if isinstance(values, arrays.IntervalArray):
        return name + _texts(writer, values.closed, values.left, values.right)
    if isinstance(values, arrays.IntegerArray | arrays.FloatingArray | arrays.BooleanArray):
        kept = values.to_numpy(dtype=values.dtype.numpy_dtype, na_value=0)
        return name + _texts(writer, np.asarray(values.isna()), kept)
    return name + writer.items(values.astype(object).tolist() if hasattr(values, "tolist") else list(values))
