"""Values as users save them, and equality that looks at types and signs of zero."""

import datetime
import decimal
import math
import struct
import zoneinfo
from collections import OrderedDict

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.booleans(),
    st.sampled_from([0, -1, 2**63 - 1, 2**63, -(2**63), 0.0, -0.0, math.nan, math.inf, -math.inf]),
)
numpy_numbers = st.sampled_from(
    ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
).flatmap(lambda name: hnp.arrays(np.dtype(name), ()).map(lambda array: array[()]))
times = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.just(datetime.UTC)),
    st.datetimes(timezones=st.just(datetime.timezone(datetime.timedelta(hours=-3), "here"))),
    st.datetimes(timezones=st.sampled_from([zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Europe/Berlin")])),
    st.dates(),
    st.times(),
    st.timedeltas(),
)
texts = st.one_of(st.text(), st.text(st.characters(categories=["Cs", "Lu", "So"])), st.binary())
arrays = hnp.arrays(
    dtype=st.one_of(
        hnp.scalar_dtypes(),
        hnp.unicode_string_dtypes(min_len=1),
        hnp.byte_string_dtypes(min_len=1),
        hnp.array_dtypes(hnp.scalar_dtypes(), max_size=3),
    ),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
leaves = st.one_of(
    *(st.none(), numbers, numpy_numbers, texts, times, arrays),
    st.complex_numbers(),
    st.fractions(),
    st.decimals(),
    st.uuids(),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
    st.just(...),
    st.text().map(np.str_),
)
keys = st.one_of(st.text(), st.just("@"), st.integers(), st.booleans(), st.tuples(st.integers(), st.text()))


def _objects(items):
    array = np.empty(len(items), object)
    for place, item in enumerate(items):
        array[place] = item
    return array


values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(), inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(st.text(), inner, max_size=3).map(OrderedDict),
        st.frozensets(st.one_of(st.integers(), st.text(), st.booleans()), max_size=4),
        st.sets(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False)), max_size=4),
        st.lists(inner, max_size=3).map(_objects),
    ),
    max_leaves=12,
)


def same(left, right):
    """Tell whether two values are equal in value and in type, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right) or (left != left and right != right)
    if isinstance(left, np.ndarray):
        return _same_arrays(left, right)
    if isinstance(left, np.generic) and not isinstance(left, (str, bytes)):
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left), list(right)) and same(list(left.values()), list(right.values()))
    if isinstance(left, (set, frozenset)):
        return left == right and sorted(map(repr, map(type, left))) == sorted(map(repr, map(type, right)))
    if isinstance(left, complex):
        return struct.pack("<2d", left.real, left.imag) == struct.pack("<2d", right.real, right.imag)
    if isinstance(left, decimal.Decimal):
        return left.as_tuple() == right.as_tuple()
    if isinstance(left, (datetime.datetime, datetime.time)):
        return left == right and left.fold == right.fold and repr(left.tzinfo) == repr(right.tzinfo)
    if isinstance(left, (pd.DataFrame, pd.Series, pd.Index)):
        return left.equals(right)
    return bool(left == right)


def _same_arrays(left, right):
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype == object:
        return all(map(same, left.ravel().tolist(), right.ravel().tolist()))
    if left.dtype.names:  # bytes between fields mean nothing
        return repr(left.tolist()) == repr(right.tolist())
    return left.tobytes() == right.tobytes()
