"""Zarr: the labelled arrays of `to_xarray`, in a folder; those of a union are groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from research_results.exporting.arrays import plain_arrays, writing
from research_results.exporting.registry import require

_FORMAT: Final = 2
"""Format 3 has no specification of strings yet."""


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are those of `to_xarray`."""
    require("zarr", "a .zarr folder", "zarr")
    arrays = plain_arrays(results, options)
    with writing():
        arrays.to_zarr(path, mode="w", zarr_format=_FORMAT)
