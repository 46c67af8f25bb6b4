"""NetCDF: the labelled arrays of `to_xarray`; those of a union are groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from research_results.exporting.arrays import plain_arrays, writing
from research_results.exporting.registry import require


def write(results: Any, path: Path, /, **options: Any) -> None:
    """Write results; `options` are those of `to_xarray`."""
    for module in ("h5py", "h5netcdf"):
        require(module, "an .nc file", "xarray")
    arrays = plain_arrays(results, options)
    with writing():
        arrays.to_netcdf(path, engine="h5netcdf")
