"""Parquet: the table of `to_df`, with types where a column has one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from research_results.exporting.columns import plain_frame
from research_results.exporting.registry import require
from research_results.frames.texts import uncut

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are those of `to_df`."""
    arrow = require("pyarrow", "to_parquet", "parquet")
    frame = results.to_df(**{"nullable": True, **options})
    with uncut():
        plain = plain_frame(frame, lambda column: _can_be_written(arrow, column))
        plain.to_parquet(path, index=False, engine="pyarrow")


def _can_be_written(arrow: Any, column: pd.Series[Any]) -> bool:
    """Tell whether Parquet gives a column back as it is, by trying."""
    import pandas as pd

    file = io.BytesIO()
    try:
        column.to_frame("value").to_parquet(file, index=False, engine="pyarrow")
        back = pd.read_parquet(file, engine="pyarrow")["value"]
        return bool((back.isna() == column.isna()).all() and (back == column)[column.notna()].all())
    except (arrow.ArrowException, ValueError, TypeError, OverflowError):
        return False
