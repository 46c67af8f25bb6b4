"""Labelled arrays whose values files of arrays can hold: numbers, bools, times and strings."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

import numpy as np

from research_domain.texts import clean_text
from research_results.errors import ArgumentError
from research_results.exporting.registry import TABLE_OPTIONS, refuse_options
from research_results.frames.columns import is_gap
from research_results.frames.texts import as_text, uncut


def plain_arrays(results: Any, options: dict[str, Any]) -> Any:
    """Return `to_xarray` with arrays of objects as numbers or strings.

    Bools among places without a value are 0 and 1 among NaN. All other objects are texts, as in CSV; they
    are empty where there is no value.
    """
    refuse_options(options, ("use_alias", *TABLE_OPTIONS), "these are arrays")
    arrays = results.to_xarray(**options)
    with uncut():
        if hasattr(arrays, "map_over_datasets"):  # a tree
            return arrays.map_over_datasets(_plain)
        return _plain(arrays)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Say what to do where a library cannot write a value or a name."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
            raise
        text = f"a file of arrays cannot hold this: {error}; choose variables with name=[...], or take .csv"
        raise ArgumentError("path", text) from error


def _plain(dataset: Any) -> Any:
    objects = [name for name, array in dataset.data_vars.items() if array.dtype.kind in "OUT"]
    plain = {name: dataset[name].copy(data=_plain_values(dataset[name].values)) for name in objects}
    texts = [name for name, array in dataset.coords.items() if array.dtype.kind in "UT"]
    labels = {name: (dataset[name].dims, _plain_values(dataset[name].values)) for name in texts}
    return dataset.assign(plain).assign_coords(labels)


def _plain_values(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat = values.ravel().tolist()
    if {type(value) for value in flat if not is_gap(value)} == {bool}:
        return values.astype(np.float64)
    texts = ["" if is_gap(value) else clean_text(as_text(value)) for value in flat]
    return np.array(texts, dtype=str).reshape(values.shape)
