"""CSV: the table of `to_df`, objects as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from research_results.exporting.columns import holds_objects, mapped
from research_results.frames.texts import as_text, uncut


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are those of `to_df`."""
    frame = results.to_df(**{"nullable": True, **options})
    with uncut():
        columns = {
            label: mapped(column, as_text, "object") if holds_objects(column) else column
            for label, column in frame.items()
        }
        type(frame)(columns, index=frame.index).to_csv(path, index=False, errors="backslashreplace")
