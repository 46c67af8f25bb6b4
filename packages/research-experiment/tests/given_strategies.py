"""Values that can change, and what a careless unit does to them."""

import collections
from collections.abc import Mapping, MutableSequence

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


class Model:
    """An object of the user's: an estimator that remembers what it was fitted to."""

    def __init__(self, parts):
        self.parts = parts
        self.weights = np.zeros(2)

    def fit(self, *more):
        """Change everything inside, and return what there was before."""
        before = (list(self.parts), self.weights.tolist())
        spoil(self)
        return before


leaves = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    hnp.arrays(st.sampled_from(["f8", "i4", "?", "U2"]), hnp.array_shapes(max_dims=2, max_side=3)),
    st.binary(max_size=3).map(bytearray),
    st.sets(st.integers(0, 9), max_size=3),
    st.builds(lambda n: pd.DataFrame({"x": range(n), "y": [[n]] * n}), st.integers(0, 3)),
    st.builds(lambda n: pd.Series([n, n], name="s"), st.floats()),
)


def _objects(items):
    array = np.empty(len(items), object)
    array[:] = [[item] for item in items]
    return array


values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", "a/b", "x"]), inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=2).map(collections.OrderedDict),
        st.lists(st.integers(), max_size=3).map(_objects),
        st.lists(inner, max_size=2).map(lambda items: [items, items]),
    ),
    max_leaves=6,
)


def spoil(value, seen=None):
    """Change a value in place, with all that is in it."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return
    seen[id(value)] = value
    match value:
        case np.ndarray():
            _spoil_array(value, seen)
        case pd.DataFrame():
            for _, column in value.items():
                _spoil_all(column.tolist(), seen)
            value["new"] = 1
            if len(value):
                value.iloc[0, 0] = -5
        case pd.Series():
            value.iloc[:] = -1
        case Mapping() if hasattr(value, "__setitem__"):
            _spoil_all(value.values(), seen)
            value["spoiled"] = True
        case MutableSequence() if not isinstance(value, bytearray):
            _spoil_all(value, seen)
            value.append("spoiled")
        case bytearray() | set():
            value.clear()
        case tuple():
            _spoil_all(value, seen)
        case Model():
            _spoil_all((value.parts, value.weights), seen)


def _spoil_all(values, seen):
    for value in list(values):
        spoil(value, seen)


def _spoil_array(array, seen):
    if array.dtype == object:
        _spoil_all(array.ravel().tolist(), seen)
    if array.flags.writeable:
        array.fill(array.dtype.type(1) if array.dtype != object else None)
