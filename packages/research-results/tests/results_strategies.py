"""Values as users save them and give them to parameters, and equality that looks at types and signs of zero.

`plain_values` are those that are stored as plain data, `values` all that come back exactly, also those that
take dill. They drive the tests of this package, and those of the whole product, of all that meets values of
users: ids, resumes, filters, tables, files, pictures.
"""

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import math
import operator
import pathlib
import struct
import typing
import uuid
import zoneinfo
from collections import OrderedDict

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

HERE = datetime.timezone(datetime.timedelta(hours=-3), "here")
SECONDS = datetime.timezone(datetime.timedelta(seconds=1))
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.booleans(),
    st.sampled_from([0, -1, 2**63 - 1, 2**63, -(2**63), 10**400, 0.0, -0.0, math.nan, math.inf, -math.inf]),
)
numpy_numbers = st.sampled_from(
    ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
).flatmap(lambda name: hnp.arrays(np.dtype(name), ()).map(lambda array: array[()]))
times = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.just(datetime.UTC)),
    st.datetimes(timezones=st.sampled_from([HERE, SECONDS])),
    st.datetimes(timezones=st.sampled_from([zoneinfo.ZoneInfo("UTC"), BERLIN])),
    st.dates(),
    st.times(),
    st.timedeltas(),
)
numpy_times = st.builds(
    lambda kind, unit, count: kind(count, unit),
    st.sampled_from([np.datetime64, np.timedelta64]),
    st.sampled_from(["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]),
    st.integers(-(2**40), 2**40),
)
texts = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Lu", "So"])),
    st.binary(),
    st.sampled_from(["", "007", "nan", "None", "True", "=1+1", "$x$", "_x", "a\nb", "a,b", 'q"q', "\0"]),
)
arrays = hnp.arrays(
    dtype=st.one_of(
        hnp.scalar_dtypes(),
        hnp.unicode_string_dtypes(min_len=1),
        hnp.byte_string_dtypes(min_len=1),
        hnp.array_dtypes(hnp.scalar_dtypes(), max_size=3),
    ),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
native_arrays = arrays.map(lambda array: array.astype(array.dtype.newbyteorder("=")))
"""Arrays in the byte order of the machine, which others have after dill."""

scalars = st.one_of(
    *(st.none(), numbers, numpy_numbers, texts, times, numpy_times),
    st.complex_numbers(),
    st.fractions(),
    st.decimals(),
    st.uuids(),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
    st.just(...),
    st.text().map(np.str_),
    st.sampled_from(
        [
            np.longdouble(1) / 3,
            pathlib.PurePosixPath("/a/b"),
            pathlib.PureWindowsPath("c:/a"),
            slice(1, None, 2),
            bytearray(b"a"),
            np.bytes_(b"a\0b"),
            uuid.UUID(int=7),
        ]
    ),
)
keys = st.one_of(
    st.text(), st.just("@"), st.just("a/b"), st.integers(), st.booleans(), st.tuples(st.integers(), st.text())
)


def _objects(items):
    array = np.empty(len(items), object)
    for place, item in enumerate(items):
        array[place] = item
    return array


def _nested(inner):
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(), inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(st.text(), inner, max_size=3).map(OrderedDict),
        st.frozensets(st.one_of(st.integers(), st.text(), st.booleans()), max_size=4),
        st.sets(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False)), max_size=4),
        st.lists(inner, max_size=3).map(_objects),
    )


plain_values = st.recursive(st.one_of(scalars, arrays), _nested, max_leaves=12)
"""What is stored as plain data."""


class Color(enum.Enum):
    """An enum."""

    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    """Ints with names."""

    LOW = 1


class Point(typing.NamedTuple):
    """A named tuple."""

    x: float
    y: object


@dataclasses.dataclass(frozen=True)
class Net:
    """A dataclass."""

    width: int
    rates: tuple = ()


def relu(x):
    """Do what a function of a module does."""
    return max(x, 0)


_MOMENTS = pd.to_datetime(["2020-01-01", None, "2021-06-01"])
pandas_values = [
    *(pd.NaT, pd.NA, pd.Timestamp(2020, 1, 1), pd.Timestamp("2020-01-01", tz="Europe/Berlin")),
    *(pd.Timedelta(3, "s"), pd.Period("2020-01", "M"), pd.Interval(0, 1.5)),
    *(pd.Index([1, 2]), pd.RangeIndex(3), pd.MultiIndex.from_tuples([(1, "a")], names=["n", None])),
    pd.Series([1.5, None], name="s"),
    pd.Series(["a", "b"], index=[3, 4]).astype("category"),
    pd.Series([1, None], dtype="Int64"),
    pd.Series(_MOMENTS),
    pd.DataFrame({"a": [1, 2], "b": [0.5, math.nan]}, index=pd.Index([3, 4], name="i")),
    pd.DataFrame({"t": _MOMENTS, "x": [None, 1, "x"]}),
    pd.DataFrame(),
]
"""Values of pandas, stored as plain data as well."""

pickled_values = [
    *(Color.RED, Color.BLUE, Level.LOW, Point(1, (2.5, None)), Net(3, (0.1,)), Net),
    *(relu, max, math.sqrt, functools.partial(relu, 3), operator.attrgetter("x")),
    *(collections.Counter("aab"), collections.deque([1, 2]), np.dtype("f4"), int),
]
"""Values that take dill, and code to come back."""

values = st.recursive(
    st.one_of(scalars, native_arrays, st.sampled_from(pandas_values), st.sampled_from(pickled_values)),
    _nested,
    max_leaves=8,
)
"""Whatever comes back exactly."""


def same(left, right):
    """Tell whether two values are equal in value and in type, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right) or (left != left and right != right)
    if isinstance(left, np.ndarray):
        return _same_arrays(left, right)
    if isinstance(left, np.generic) and not isinstance(left, (str, bytes)):
        return left.dtype == right.dtype and (left.tobytes() == right.tobytes() or bool(left == right))
    if isinstance(left, (list, tuple, collections.deque)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left), list(right)) and same(list(left.values()), list(right.values()))
    if isinstance(left, (set, frozenset)):
        return left == right and sorted(map(repr, map(type, left))) == sorted(map(repr, map(type, right)))
    if isinstance(left, complex):
        return struct.pack("<2d", left.real, left.imag) == struct.pack("<2d", right.real, right.imag)
    if isinstance(left, decimal.Decimal):
        return left.as_tuple() == right.as_tuple()
    if isinstance(left, (datetime.datetime, datetime.time)) and left is not pd.NaT:
        return left == right and left.fold == right.fold and repr(left.tzinfo) == repr(right.tzinfo)
    if isinstance(left, (pd.DataFrame, pd.Series, pd.Index)):
        return left.equals(right)
    if isinstance(left, functools.partial):
        return all(same(getattr(left, name), getattr(right, name)) for name in ("func", "args", "keywords"))
    if isinstance(left, operator.attrgetter):
        return repr(left) == repr(right)
    return left is right or bool(left == right)


def _same_arrays(left, right):
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype == object:
        return all(map(same, left.ravel().tolist(), right.ravel().tolist()))
    if left.dtype.names:  # bytes between fields mean nothing
        return repr(left.tolist()) == repr(right.tolist())
    return left.tobytes() == right.tobytes()
