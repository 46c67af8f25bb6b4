"""Frames to files of other programs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research_results.errors import ArgumentError, MissingExtraError, NameRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["write_csv", "write_parquet"]


def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as CSV, completely or not at all."""
    with _replacing(path) as temporary:
        frame.to_csv(temporary, index=False, errors="backslashreplace")
    return Path(path)


def write_parquet(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as Parquet, completely or not at all; what Parquet has no type for is written as text.

    Raises
    ------
    MissingExtraError
        Without pyarrow.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError("to_parquet", "parquet") from None
    kept = {name: column if _has_type(pa, column) else _texts(column) for name, column in frame.items()}
    with _replacing(path) as temporary:
        type(frame)(kept).to_parquet(temporary, index=False, engine="pyarrow")
    return Path(path)


def _has_type(pa: Any, column: pd.Series[Any]) -> bool:
    """Tell whether Arrow has a type for a column."""
    if column.dtype.kind not in "Oc":
        return True
    try:
        pa.array(column, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError):
        return False
    return True


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(repr, na_action="ignore").astype("string")


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
