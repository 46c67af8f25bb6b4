"""Pandas objects as trees: what they are made of, nothing that is looked up by name."""

from __future__ import annotations

import datetime
import importlib
import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from research_results.codec.trees import Dump, Json, Load, NotPlainError

_INDEXES = (
    *(pd.Index, pd.CategoricalIndex, pd.IntervalIndex),
    *(pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex),
)
_MASKED = {
    "pd.integers": pd.arrays.IntegerArray,
    "pd.floats": pd.arrays.FloatingArray,
    "pd.booleans": pd.arrays.BooleanArray,
}


def encode(dump: Dump, value: Any) -> Json:
    """Return the tree of a pandas object; NotPlainError for subclasses and for arrays of extensions."""
    kind = type(value)
    if value is pd.NaT:
        return {"@": "pd.NaT"}
    if value is pd.NA:
        return {"@": "pd.NA"}
    if kind in _INDEXES:
        freq = getattr(value, "freqstr", None) if kind is not pd.PeriodIndex else None
        return {"@": "pd.index", "v": _array(dump, value.array), "n": dump.json(value.name), "f": freq}
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        raise NotPlainError(f"{kind.__module__}.{kind.__qualname__}")
    return encoder(dump, value)


def decode(load: Load, node: Json) -> Any:
    """Return the pandas object of a tree."""
    tag = node["@"]
    if tag in _MASKED:
        return _MASKED[tag](load.value(node["v"]), load.value(node["m"]))
    return _DECODERS[tag](load, node)


def _array(dump: Dump, array: Any) -> Json:
    """Return the tree of the array behind a column or an index."""
    if type(array) is pd.arrays.NumpyExtensionArray:
        return dump.json(array.to_numpy())
    return encode(dump, array)


def _restore(load: Load, node: Json, index: pd.Index) -> Any:
    """Return an array as a series of exactly its type."""
    array = load.value(node)
    return pd.Series(array, index=index, dtype=array.dtype)


def _zone(dump: Dump, value: Any) -> Json:
    """Return the tree of a time zone: that of a moment in it, or for pytz its name."""
    zone = value.tz
    if zone is None:
        return None
    if type(zone).__module__.partition(".")[0] == "pytz" and isinstance(zone.zone, str):
        return zone.zone
    return dump.json(datetime.datetime(2000, 1, 1, tzinfo=zone))


def _unzone(load: Load, node: Json) -> Any:
    if not isinstance(node, str):
        moment = load.value(node)
        return None if moment is None else moment.tzinfo
    try:
        pytz: Any = importlib.import_module("pytz")
    except ImportError:
        return zoneinfo.ZoneInfo(node)
    return pytz.timezone(node)


def _in_zone(load: Load, node: Json, moments: Any) -> Any:
    """Return moments of UTC in the time zone of a node."""
    zone = _unzone(load, node["z"])
    return moments if zone is None else moments.tz_localize("UTC").tz_convert(zone)


def _datetimes(dump: Dump, value: Any) -> Json:
    naive = value if value.tz is None else value.tz_convert(None)
    return {"@": "pd.datetimes", "v": dump.json(np.asarray(naive)), "z": _zone(dump, value)}


def _masked(tag: str) -> Callable[[Dump, Any], Json]:
    def encode_masked(dump: Dump, value: Any) -> Json:
        mask = np.asarray(value.isna())
        data = value.to_numpy(dtype=value.dtype.numpy_dtype, na_value=value.dtype.type(0))
        return {"@": tag, "v": dump.json(data), "m": dump.json(mask)}

    return encode_masked


def _strings(dump: Dump, value: Any) -> Json:
    missing = value.isna().tolist()
    texts = [None if gap else str(text) for text, gap in zip(value.tolist(), missing, strict=True)]
    storage, na_value = value.dtype.storage, value.dtype.na_value
    return {"@": "pd.strings", "v": dump.items(texts), "s": storage, "na": na_value is pd.NA}


def _unstrings(load: Load, node: Json) -> Any:
    na_value: Any = pd.NA if node["na"] else np.nan
    texts = [na_value if text is None else load.value(text) for text in node["v"]]
    dtype = _string_dtype(node["s"], na_value)
    if dtype is None:
        array = np.empty(len(texts), object)
        array[:] = texts
        return array
    return pd.array(texts, dtype=dtype)


def _string_dtype(storage: str, na_value: Any) -> Any:
    """Return a dtype of strings as this pandas has it; None if its strings are objects."""
    make: Any = pd.StringDtype
    try:
        return make(storage, na_value=na_value)
    except ImportError:
        return make("python", na_value=na_value)
    except TypeError:  # before pandas 2.3: pd.NA is the only gap
        return make(storage) if na_value is pd.NA else None


def _categorical(dump: Dump, value: pd.Categorical) -> Json:
    categories = dump.json(value.categories)
    return {"@": "pd.categorical", "c": dump.json(value.codes), "v": categories, "o": bool(value.ordered)}


def _unperiods(load: Load, node: Json) -> Any:
    dtype: Any = pd.PeriodDtype.construct_from_string(node["f"])
    return pd.arrays.PeriodArray(load.value(node["v"]), dtype=dtype)


def _interval(dump: Dump, value: Any) -> Json:
    """Return the tree of an interval, or of an array of intervals."""
    tag = "pd.interval" if isinstance(value, pd.Interval) else "pd.intervals"
    return {"@": tag, "v": dump.items([value.left, value.right]), "c": value.closed}


def _uninterval(load: Load, node: Json) -> Any:
    make: Any = pd.Interval if node["@"] == "pd.interval" else pd.arrays.IntervalArray.from_arrays
    left, right = map(load.value, node["v"])
    return make(left, right, closed=node["c"])


def _multi(dump: Dump, value: pd.MultiIndex) -> Json:
    levels = dump.items(value.levels)
    codes = dump.items([np.asarray(code) for code in value.codes])
    return {"@": "pd.multi", "v": levels, "c": codes, "n": dump.items(value.names)}


def _unmulti(load: Load, node: Json) -> Any:
    levels, codes, names = (load.value(node[part]) for part in ("v", "c", "n"))
    return pd.MultiIndex(levels=levels, codes=codes, names=names)


def _range(dump: Dump, value: pd.RangeIndex) -> Json:
    bounds = [value.start, value.stop, value.step]
    return {"@": "pd.range", "v": dump.items(bounds), "n": dump.json(value.name)}


def _unrange(load: Load, node: Json) -> Any:
    start, stop, step = map(load.value, node["v"])
    return pd.RangeIndex(start, stop, step, name=load.value(node["n"]))


def _unindex(load: Load, node: Json) -> Any:
    array = load.value(node["v"])
    index = pd.Index(array, dtype=array.dtype, name=load.value(node["n"]))
    if node["f"] is not None:
        index.freq = node["f"]
    return index


def _series(dump: Dump, value: pd.Series) -> Json:
    index, name = dump.json(value.index), dump.json(value.name)
    return {"@": "pd.series", "v": _array(dump, value.array), "i": index, "n": name, "a": _attrs(dump, value)}


def _unseries(load: Load, node: Json) -> Any:
    series = _restore(load, node["v"], load.value(node["i"]))
    series.name = load.value(node["n"])
    series.attrs = load.value(node["a"])
    return series


def _frame(dump: Dump, value: pd.DataFrame) -> Json:
    columns = [_array(dump, value.iloc[:, number].array) for number in range(value.shape[1])]
    index, names = dump.json(value.index), dump.json(value.columns)
    return {"@": "pd.frame", "v": columns, "i": index, "n": names, "a": _attrs(dump, value)}


def _unframe(load: Load, node: Json) -> Any:
    index = load.value(node["i"])
    columns = {number: _restore(load, column, index) for number, column in enumerate(node["v"])}
    frame = pd.DataFrame(columns, index=index)
    frame.columns = load.value(node["n"])
    frame.attrs = load.value(node["a"])
    return frame


def _attrs(dump: Dump, value: Any) -> Json:
    if not value.flags.allows_duplicate_labels:
        raise NotPlainError("flags")
    return dump.json(dict(value.attrs))


_ENCODERS: dict[type, Callable[[Dump, Any], Json]] = {
    pd.Timestamp: lambda dump, value: {
        "@": "pd.timestamp",
        "v": dump.json(value.asm8),
        "z": _zone(dump, value),
    },
    pd.Timedelta: lambda dump, value: {"@": "pd.timedelta", "v": dump.json(value.asm8)},
    pd.Period: lambda _dump, value: {"@": "pd.period", "v": value.ordinal, "f": value.freqstr},
    pd.Interval: _interval,
    pd.arrays.DatetimeArray: _datetimes,
    pd.arrays.TimedeltaArray: lambda dump, value: {"@": "pd.timedeltas", "v": dump.json(np.asarray(value))},
    pd.arrays.IntegerArray: _masked("pd.integers"),
    pd.arrays.FloatingArray: _masked("pd.floats"),
    pd.arrays.BooleanArray: _masked("pd.booleans"),
    pd.arrays.PeriodArray: lambda dump, value: {
        "@": "pd.periods",
        "v": dump.json(value.asi8),
        "f": str(value.dtype),
    },
    pd.arrays.IntervalArray: _interval,
    pd.Categorical: _categorical,
    pd.MultiIndex: _multi,
    pd.RangeIndex: _range,
    pd.Series: _series,
    pd.DataFrame: _frame,
    **{
        getattr(pd.arrays, name): _strings
        for name in ("StringArray", "ArrowStringArray")
        if hasattr(pd.arrays, name)
    },
    **{type(pd.array(["text"], dtype=dtype)): _strings for dtype in ("str", "string")},
}

_DECODERS: dict[str, Callable[[Load, Json], Any]] = {
    "pd.NaT": lambda _load, _node: pd.NaT,
    "pd.NA": lambda _load, _node: pd.NA,
    "pd.timestamp": lambda load, node: _in_zone(load, node, pd.Timestamp(load.value(node["v"]))),
    "pd.timedelta": lambda load, node: pd.Timedelta(load.value(node["v"])),
    "pd.period": lambda _load, node: pd.Period(ordinal=node["v"], freq=node["f"]),
    "pd.interval": _uninterval,
    "pd.datetimes": lambda load, node: _in_zone(load, node, pd.DatetimeIndex(load.value(node["v"]))).array,
    "pd.timedeltas": lambda load, node: pd.TimedeltaIndex(load.value(node["v"])).array,
    "pd.periods": _unperiods,
    "pd.intervals": _uninterval,
    "pd.strings": _unstrings,
    "pd.categorical": lambda load, node: pd.Categorical.from_codes(
        load.value(node["c"]), load.value(node["v"]), ordered=node["o"]
    ),
    "pd.multi": _unmulti,
    "pd.range": _unrange,
    "pd.index": _unindex,
    "pd.series": _unseries,
    "pd.frame": _unframe,
}
