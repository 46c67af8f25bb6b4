"""Excel: the table of `to_df` on one sheet; texts are never formulas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from research_results.errors import ArgumentError
from research_results.exporting.columns import plain_frame
from research_results.exporting.registry import require
from research_results.frames.texts import uncut

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


_ROWS: Final = 1_048_576
_COLUMNS: Final = 16_384
_LETTERS: Final = 32_767
"""The most that a cell of a sheet holds."""
_EXACT: Final = 2**53
"""Ints below this are numbers in Excel, which has floats alone."""


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are those of `to_df`. What does not fit into a sheet is refused."""
    xlsxwriter = require("xlsxwriter", "an .xlsx file", "xlsx")
    frame = results.to_df(**{"nullable": True, **options})
    _check_size(frame)
    with uncut():
        plain = plain_frame(frame, lambda column: False)
    columns = [column.astype(object).where(column.notna(), None).tolist() for _, column in plain.items()]
    for name, column in zip(plain.columns, columns, strict=True):
        _check_letters(str(name), column)
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet("results")
    for index, name in enumerate(plain.columns):
        sheet.write_string(0, index, str(name))
    for number, row in enumerate(zip(*columns, strict=True), start=1):
        for index, value in enumerate(row):
            _write_cell(sheet, number, index, value)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(plain), max(len(columns) - 1, 0))
    book.close()


def _write_cell(sheet: Any, row: int, column: int, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif _is_number(value):
        sheet.write_number(row, column, value)
    else:
        sheet.write_string(row, column, str(value))


def _is_number(value: Any) -> bool:
    """Tell whether Excel has a number for a value, exactly."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and abs(value) <= _EXACT


def _check_size(frame: pd.DataFrame) -> None:
    """Refuse what a sheet cannot hold, which other programs would cut off in silence."""
    rows, columns = frame.shape
    if rows >= _ROWS or columns > _COLUMNS:
        raise ArgumentError(
            "path",
            f"a sheet has {_ROWS:,} rows and {_COLUMNS:,} columns, and there are {rows + 1:,} and "
            f"{columns:,}; choose some by filters, or take .csv or .parquet",
        )


def _check_letters(name: str, column: list[Any]) -> None:
    longest = max((len(value) for value in [name, *column] if isinstance(value, str)), default=0)
    if longest > _LETTERS:
        raise ArgumentError(
            "path",
            f"a cell has {_LETTERS:,} letters, and a value of {name[:80]!r} has {longest:,}; choose other "
            "variables with name=[...], or take .csv or .parquet",
        )
