"""Values as netCDF and Zarr keep them beside arrays: attributes, and coordinates of a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from research_domain.texts import clean_text
from research_results.frames.texts import as_text, uncut
from research_results.reading.distinct import different
from research_results.reading.experiments import Option
from research_results.reading.gather import Array

_LEAST, _MOST = -(2**63), 2**63 - 1


def as_attribute(value: Any) -> Any:
    """Return a value as an attribute: numbers, strings and lists of numbers are there, the rest is text.

    Notes
    -----
    **Source**: attributes of netCDF-4 are numbers, strings, and vectors of numbers; xarray writes no others.

    Examples
    --------
    >>> as_attribute(0.1), as_attribute([64, 10]), as_attribute(None), as_attribute({'a': (1, 2)})
    (0.1, [64, 10], 'None', '{"a": [1, 2]}')
    """
    number = _as_number(value)
    if number is not None:
        return number
    if isinstance(value, str):
        return clean_text(value).replace("\0", "\\0")
    items = value.tolist() if isinstance(value, np.ndarray) and value.ndim == 1 else value
    if isinstance(items, list | tuple):
        numbers = [_as_number(item) for item in items]
        if numbers and None not in numbers and len({type(item) for item in items}) == 1:
            return numbers
    with uncut():
        return as_text(value).replace("\0", "\\0")


def _as_number(value: Any) -> int | float | None:
    """Return a number as netCDF has it: bools are 0 and 1, and longer integers than 64 bits are none."""
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return int(value) if _LEAST <= value <= _MOST else None
    return float(value) if isinstance(value, float | np.floating) else None


def as_coordinate(options: Sequence[Option], values: Array) -> Array:
    """Return the values of a parameter along a dimension, of which `options` are as they are stored.

    Bools, numbers or times that are all of one kind and differ stay; strings and the texts that other values
    are called by are an array of strings.
    """
    kinds = {type(value) for value in values.tolist()} if values.dtype.kind == "O" else set()
    if values.dtype.kind in "biufmM" and len(np.unique(values)) == len(values):
        return values
    if kinds == {str}:
        return np.array(values.tolist(), np.str_)
    return np.array(different([option.alias for option in options]), np.str_)
