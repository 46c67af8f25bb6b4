"""Plain values, and an independent way to spell their type and content."""

from __future__ import annotations

import datetime
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

numbers = st.one_of(
    st.booleans(),
    st.integers(-2, 2),
    st.integers(),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, float("nan"), float("inf")]),
    st.floats(),
)
leaves = st.one_of(
    st.none(),
    numbers,
    st.sampled_from(["", "1", "1.0", "True", "None", "nan", "a"]),
    st.text(max_size=3),
    st.binary(max_size=2),
    st.sampled_from([datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.timedelta(1)]),
    hnp.arrays(
        st.sampled_from([np.dtype(name) for name in ("?", "<i2", "<i8", "<f8", "U2")]),
        st.sampled_from([(), (0,), (2,), (1, 2)]),
    ),
)
keys = st.one_of(st.text(max_size=1), st.integers(-1, 1), st.booleans())
plain_values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=2).map(OrderedDict),
        st.frozensets(keys, max_size=3),
        st.sets(keys, max_size=3),
    ),
    max_leaves=6,
)


def spelled(value: Any, by_value: bool = False) -> Any:
    """Return tuples that are equal exactly if two values are equal in type and content.

    By value, numbers count without their type, and mappings and sets without their kind.
    """
    if isinstance(value, bool | str | bytes | None.__class__):
        return type(value).__name__, value
    if isinstance(value, int | float):
        if value != value:
            return "number" if by_value else "float", "nan"
        return (
            ("number", value)
            if by_value
            else (type(value).__name__, value, struct.pack("<d", value) if isinstance(value, float) else b"")
        )
    if isinstance(value, np.ndarray):
        if by_value:
            return (
                "array",
                value.shape,
                value.dtype.kind in "bU" and value.dtype.kind,
                spelled(value.ravel().tolist(), True),
            )
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list | tuple):
        return type(value).__name__, *(spelled(item, by_value) for item in value)
    if isinstance(value, OrderedDict) and not by_value:
        return "ordered", *((spelled(key), spelled(item)) for key, item in value.items())
    if isinstance(value, dict):
        return "dict", frozenset(
            (spelled(key, by_value), spelled(item, by_value)) for key, item in value.items()
        )
    if isinstance(value, set | frozenset):
        return ("set" if by_value else type(value).__name__), frozenset(
            spelled(item, by_value) for item in value
        )
    return type(value).__name__, str(value)
