"""Frames to files of other programs."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain.texts import clean_text
from research_results.errors import ArgumentError, MissingExtraError, NameRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

__all__ = ["write_csv", "write_parquet"]


def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as CSV, completely or not at all; objects are written as text."""
    from research_results.frames.texts import as_text, uncut

    with uncut(), _replacing(path) as temporary:
        columns = {
            label: _mapped(column, as_text, "object") if _holds_objects(column) else column
            for label, column in frame.items()
        }
        type(frame)(columns, index=frame.index).to_csv(temporary, index=False, errors="backslashreplace")
    return Path(path)


def write_parquet(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as Parquet, completely or not at all; objects are written as text.

    Raises
    ------
    MissingExtraError
        Without pyarrow.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError("to_parquet", "parquet") from None
    from research_results.frames.texts import uncut

    with uncut(), _replacing(path) as temporary:
        columns = {label: _parquet_column(pa, column) for label, column in frame.items()}
        type(frame)(columns, index=frame.index).to_parquet(temporary, index=False, engine="pyarrow")
    return Path(path)


def _holds_objects(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind == "O"


def _is_gap(value: Any) -> bool:
    """Tell whether there is no value, which among objects is NaN; None is a value."""
    return type(value) is float and value != value


def _mapped(column: pd.Series[Any], text: Callable[[Any], str], dtype: Any) -> pd.Series[Any]:
    """Return the texts of values; where there is none there is no text."""
    gaps = map(_is_gap, column) if _holds_objects(column) else column.isna()
    texts = [None if gap else text(value) for value, gap in zip(column, gaps, strict=True)]
    mapped: pd.Series[Any] = type(column)(texts, index=column.index, dtype=dtype)
    return mapped


def _parquet_column(pa: Any, column: pd.Series[Any]) -> Any:
    """Return a column that Parquet has a type for: as it is, with nulls, or of texts."""
    from research_results.frames.columns import TEXT
    from research_results.frames.texts import as_json, as_text

    if _holds_objects(column):
        typed = _nullable(column)
        if typed is not None:
            return typed
        return _mapped(column, as_text if _is_told_by_text(column) else as_json, TEXT)
    if _is_common(column) or _can_be_written(pa, column):
        return column
    return _mapped(column, as_text, TEXT)


def _is_common(column: pd.Series[Any]) -> bool:
    """Tell whether a column is of strings or of numbers that every Parquet has."""
    import pandas as pd

    dtype = column.dtype
    return isinstance(dtype, pd.StringDtype) or dtype.kind in "biu" or dtype in (np.float32, np.float64)


def _is_told_by_text(column: pd.Series[Any]) -> bool:
    """Tell whether values are of one simple type, and None among them reads like none of them."""
    kinds = {type(value) for value in column if value is not None and not _is_gap(value)}
    return len(kinds) == 1 and kinds <= {bool, int, str} and not any(value == "None" for value in column)


def _nullable(column: pd.Series[Any]) -> Any:
    """Return objects of one simple type as a column of it with nulls.

    None if there is no such type, or if None and no value would become the same.
    """
    import pandas as pd

    from research_results.frames.columns import TEXT

    values = column.to_numpy()
    gaps = np.fromiter(map(_is_gap, values), np.bool_, len(values))
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
    import pandas as pd

    try:
        return pd.arrays.IntegerArray(values.astype(np.int64), missing)
    except OverflowError:
        return None


def _can_be_written(pa: Any, column: pd.Series[Any]) -> bool:
    """Tell whether Parquet gives a column back as it is, by trying."""
    import pandas as pd

    file = io.BytesIO()
    try:
        column.to_frame("value").to_parquet(file, index=False, engine="pyarrow")
        back = pd.read_parquet(file, engine="pyarrow")["value"]
        return bool((back.isna() == column.isna()).all() and (back == column)[column.notna()].all())
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return False


@contextlib.contextmanager
def _replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside a path and rename it when all went well."""
    target = Path(path)
    if "\0" in str(path) or not target.name:
        raise NameRefusedError("a file", str(path)[:80], "it is no path of a file")
    if not target.parent.is_dir():
        raise ArgumentError("path", f"{str(target.parent)!r} is no folder; make it first")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
