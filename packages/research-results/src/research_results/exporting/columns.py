"""Columns of frames as formats of tables hold them: of one simple type with nulls, or of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from research_domain.texts import clean_text
from research_results.frames.columns import TEXT, is_gap
from research_results.frames.texts import as_json, as_text
from research_results.reading.gather import Mask


def plain_frame(frame: pd.DataFrame, keeps: Callable[[pd.Series[Any]], bool]) -> pd.DataFrame:
    """Return a frame whose columns are strings, numbers, bools, or other types of the format.

    `keeps` tells of a column that is none of objects, strings, bools, ints and floats whether the format has
    a type for it.
    """
    columns = {label: plain_column(column, keeps) for label, column in frame.items()}
    return pd.DataFrame(columns, index=frame.index)


def plain_column(column: pd.Series[Any], keeps: Callable[[pd.Series[Any]], bool]) -> Any:
    """Return a column as it is, as one of a simple type with nulls, or as one of texts."""
    if holds_objects(column):
        typed = _nullable(column)
        if typed is not None:
            return typed
        return mapped(column, as_text if _is_told_by_text(column) else as_json, TEXT)
    if _is_common(column) or keeps(column):
        return column
    return mapped(column, as_text, TEXT)


def holds_objects(column: pd.Series[Any]) -> bool:
    """Tell whether a column is of objects."""
    return isinstance(column.dtype, np.dtype) and column.dtype.kind == "O"


def mapped(column: pd.Series[Any], text: Callable[[Any], str], dtype: Any) -> pd.Series[Any]:
    """Return the texts of values; where there is none there is no text."""
    gaps = map(is_gap, column) if holds_objects(column) else column.isna()
    texts = [None if gap else text(value) for value, gap in zip(column, gaps, strict=True)]
    made: pd.Series[Any] = pd.Series(texts, index=column.index, dtype=dtype)
    return made


def _is_common(column: pd.Series[Any]) -> bool:
    """Tell whether a column is of strings or of numbers that every format has."""
    dtype = column.dtype
    return isinstance(dtype, pd.StringDtype) or dtype.kind in "biu" or dtype in (np.float32, np.float64)


def _is_told_by_text(column: pd.Series[Any]) -> bool:
    """Tell whether values have one simple type, and the text of None differs from all of them."""
    kinds = {type(value) for value in column if value is not None and not is_gap(value)}
    return len(kinds) == 1 and kinds <= {bool, int, str} and not any(value == "None" for value in column)


def _nullable(column: pd.Series[Any]) -> Any:
    """Return objects of one simple type as a column of it with nulls.

    None if there is no such type, or if None and no value would become the same.
    """
    values = column.to_numpy()
    gaps = np.fromiter(map(is_gap, values), np.bool_, len(values))
    nones = np.fromiter((value is None for value in values), np.bool_, len(values))
    missing = gaps | nones
    kinds = {type(value) for value in values[~missing]}
    if kinds == {float}:
        return pd.arrays.FloatingArray(np.where(nones, np.nan, values).astype(np.float64), nones)
    if len(kinds) > 1 or (gaps.any() and nones.any()):
        return None
    if kinds == {bool}:
        return pd.arrays.BooleanArray(np.where(missing, False, values).astype(np.bool_), missing)
    if kinds == {int}:
        return _nullable_ints(np.where(missing, 0, values), missing)
    if kinds <= {str}:
        texts = [None if gap else clean_text(text) for text, gap in zip(values, missing, strict=True)]
        return pd.Series(texts, column.index, dtype=TEXT)
    return None


def _nullable_ints(values: np.ndarray[Any, Any], missing: Mask) -> Any:
    try:
        return pd.arrays.IntegerArray(values.astype(np.int64), missing)
    except OverflowError:
        return None
