"""JSON: a list with an object for each row of `to_df`, one a line."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from research_domain.texts import clean_text, encode_text
from research_results.exporting.columns import holds_objects
from research_results.frames.columns import is_gap
from research_results.frames.texts import as_json, plain_or_none, uncut

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


_GAP: Final = object()


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are those of `to_df`."""
    frame = results.to_df(**{"nullable": True, **options})
    with uncut(), path.open("wb") as file:
        columns = [_cells(column) for _, column in frame.items()]
        names = list(map(str, frame.columns))
        separator = "[\n"
        for row in zip(*columns, strict=True):
            record = {name: cell for name, cell in zip(names, row, strict=True) if cell is not _GAP}
            file.write(encode_text(separator + json.dumps(record, ensure_ascii=False, allow_nan=False)))
            separator = ",\n"
        file.write(b"\n]\n" if len(frame) else b"[]\n")


def _cells(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column as JSON has them; where there is none, a mark that leaves it out."""
    if holds_objects(column):
        return [_GAP if is_gap(value) else _cell(value) for value in column]
    gaps = column.isna()
    return [_GAP if gap else _cell(value) for value, gap in zip(column.tolist(), gaps, strict=True)]


def _cell(value: Any) -> Any:
    plain = plain_or_none(value)
    return clean_text(as_json(value)) if plain is None and value is not None else _finite(plain)


def _finite(value: Any) -> Any:
    """Return plain data with texts for the numbers that JSON has not."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value
