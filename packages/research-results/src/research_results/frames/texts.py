"""Values as full text: JSON for plain data, otherwise their own representation."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import fractions
import json
import pathlib
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from research_domain.texts import clean_text
from research_results.codec.encoding import TEXT_LIMIT
from research_results.codec.pickles import Opaque

_NUMBERS = (bool, int, float)
_OWN_TEXT = (
    *(complex, decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath, np.generic),
    *(datetime.date, datetime.time, datetime.timedelta),
    *(type(pd.NaT), type(pd.NA), pd.Period, pd.Interval),
)
"""Types whose str() is the value itself."""

_MOST_DIGITS = 4000
"""Of an int in JSON: most readers, Python's among them, refuse longer ones."""


@contextlib.contextmanager
def uncut() -> Iterator[None]:
    """Let arrays, frames and ints print themselves whole and exactly."""
    digits = sys.get_int_max_str_digits()
    options: dict[str, Any] = {
        **dict.fromkeys(("max_rows", "max_columns", "max_colwidth", "max_seq_items"), None),
        "float_format": repr,
        "expand_frame_repr": False,
        "show_dimensions": False,
    }
    pairs = [part for name, value in options.items() for part in (f"display.{name}", value)]
    arrays: Any = {"threshold": sys.maxsize, "linewidth": sys.maxsize, "floatmode": "unique"}
    with np.printoptions(**arrays), pd.option_context(*pairs):
        sys.set_int_max_str_digits(0)
        try:
            yield
        finally:
            sys.set_int_max_str_digits(digits)


def as_text(value: Any) -> str:
    """Return a value as text: a string as it is, ``None``, numbers as Python writes them, the rest as JSON.

    What is no plain data has the text that it gives itself. Inside of `uncut` nothing is left out.
    """
    if type(value) is str:
        return value
    if value is None or type(value) in _NUMBERS or isinstance(value, np.number):
        return _said(str, value)
    return as_json(value)


def as_json(value: Any) -> str:
    """Return plain data as JSON, other values as their own text."""
    try:
        plain = _plain(value)
        return _encodable(json.dumps(plain, ensure_ascii=False)) or json.dumps(plain)
    except (_NotPlainError, RecursionError):
        return clean_text(_own_text(value))


def plain_or_none(value: Any) -> Any:
    """Return plain data as input for JSON; None for other values."""
    try:
        return _plain(value)
    except (_NotPlainError, RecursionError):
        return None


def _encodable(text: str) -> str | None:
    """Return a text if it has no half of a surrogate pair, which JSON can write as an escape only."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text


class _NotPlainError(Exception):
    """Internal: JSON has nothing for a value."""


def _plain(value: Any) -> Any:
    """Return a value as what JSON has; raise _NotPlainError if something in it is more than that."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int and value.bit_length() <= 3 * _MOST_DIGITS:
        return value
    if kind in (list, tuple):
        return [_plain(item) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain_array(value)
    if kind in (pd.Series, pd.DataFrame):
        return _plain_frame(value)
    if kind in (pd.Index, pd.RangeIndex):
        return _plain(value.tolist())
    raise _NotPlainError


def _plain_array(value: np.ndarray[Any, Any] | np.generic) -> Any:
    dtype = value.dtype
    if dtype.kind == "O":
        return _plain(value.tolist())
    if dtype.kind not in "biufU" or (dtype.kind == "f" and dtype.itemsize > 8):
        raise _NotPlainError
    return value.tolist()


def _plain_frame(value: pd.Series[Any] | pd.DataFrame) -> Any:
    """Return a frame or a series in the layout that pandas calls split."""
    index = _plain(value.index.tolist())
    if isinstance(value, pd.Series):
        return {"name": _plain(value.name), "index": index, "data": _plain(value.tolist())}
    columns = [_plain(value.iloc[:, number].tolist()) for number in range(value.shape[1])]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": _plain(value.columns.tolist()), "index": index, "data": rows}


def _own_text(value: Any) -> str:
    if isinstance(value, Opaque) and len(value.text) < TEXT_LIMIT:
        return value.text  # whole
    if type(value) in (set, frozenset):
        items = ", ".join(sorted(_own_text(item) for item in value))
        return f"{type(value).__name__}({{{items}}})" if value else f"{type(value).__name__}()"
    return _said(str if isinstance(value, _OWN_TEXT) else repr, value)


def _said(say: Any, value: Any) -> str:
    """Return what a value says of itself, or that it does not."""
    try:
        return str(say(value))
    except Exception as error:  # noqa: BLE001  (code of the user's may raise anything)
        return (
            f"<{type(value).__module__}.{type(value).__qualname__}, whose text raised {type(error).__name__}>"
        )
