"""Nested plain values as JSON with the arrays' bytes behind it, exact in value and in type.

A tree is four bytes of length, that much JSON, then the buffers. What JSON has is written as such; everything
else is an object with the key ``@`` that names its type. Nothing is looked up by a name that the data gives.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import math
import pathlib
import struct
import uuid
import zoneinfo
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from research_domain.values.of_numpy import is_numpy
from research_results.codec.trees import TAG, Json, NotPlainError

MAX_DEPTH = 60
_OF_NUMPY = ("array", "objects", "np", "np.str", "np.bytes")


class Dump:
    """Collect the buffers of one value while its JSON is made, down to some levels of nesting."""

    def __init__(self, depth: int = MAX_DEPTH) -> None:
        self.buffers: list[bytes] = []
        self.size = 0
        self.depth = depth

    def add(self, data: bytes) -> list[int]:
        """Keep a buffer and return its span: where it starts, and its length."""
        span = [self.size, len(data)]
        self.buffers.append(data)
        self.size += len(data)
        return span

    def json(self, value: Any) -> Json:
        """Return the JSON of any plain value."""
        kind = type(value)
        if value is None or kind is str or kind is bool:
            return value
        if kind is int and -(2**63) <= value < 2**63:
            return value
        if kind is float and math.isfinite(value):
            return value
        return self._tagged(kind, value)

    def items(self, values: Any) -> list[Json]:
        """Return the JSON of a sequence of values, one level deeper."""
        self.depth -= 1
        if self.depth < 0:
            raise NotPlainError("nested too deeply, or within itself")
        result = [self.json(value) for value in values]
        self.depth += 1
        return result

    def _tagged(self, kind: type, value: Any) -> Json:
        encoder = _ENCODERS.get(kind)
        if encoder is not None:
            return encoder(self, value)
        if is_numpy(value, "generic", "ndarray"):  # its module is imported late, as NumPy is there now
            from research_results.codec import numpy_tree

            return numpy_tree.encode(self, value)
        if kind.__module__.partition(".")[0] == "pandas":
            from research_results.codec import pandas_tree

            return pandas_tree.encode(self, value)
        raise NotPlainError(f"{kind.__module__}.{kind.__qualname__}")


class Load:
    """Rebuild one value from its JSON and its buffers."""

    def __init__(self, buffers: memoryview) -> None:
        self.buffers = buffers

    def bytes(self, span: Any) -> bytes:
        """Return the buffer of a span."""
        start, length = span
        if not 0 <= start <= start + length <= len(self.buffers):
            raise ValueError("a buffer lies outside of the data")
        return bytes(self.buffers[start : start + length])

    def value(self, node: Json) -> Any:
        """Return the value of a piece of JSON."""
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        tag = node.get(TAG)
        if tag is None:
            return {key: self.value(item) for key, item in node.items()}
        if tag in _DECODERS:
            return _DECODERS[tag](self, node)
        if tag in _OF_NUMPY:
            from research_results.codec import numpy_tree

            return numpy_tree.decode(self, node)
        if isinstance(tag, str) and tag.startswith("pd."):
            from research_results.codec import pandas_tree

            return pandas_tree.decode(self, node)
        raise ValueError(f"unknown kind {str(tag)[:40]!r}")


def dump_tree(value: Any) -> bytes:
    """Return the bytes of a plain value; NotPlainError if some part of it is not plain."""
    dump = Dump()
    text = json.dumps(dump.json(value), separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    head = text.encode("utf-8", "surrogatepass")  # escapes of two halves would come back as one character
    return b"".join((struct.pack("<I", len(head)), head, *dump.buffers))


def load_tree(data: bytes) -> Any:
    """Return the value that `dump_tree` was given; raise ValueError and its like for other data."""
    (length,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + length])
    return Load(memoryview(data)[4 + length :]).value(head)


def _dict(dump: Dump, value: dict[Any, Any]) -> Json:
    values = dump.items(value.values())
    if all(type(key) is str and key != TAG for key in value):
        return dict(zip(value, values, strict=True))
    return {TAG: "dict", "k": dump.items(value), "v": values}


def _undict(load: Load, node: Json) -> dict[Any, Any]:
    return dict(zip(map(load.value, node["k"]), map(load.value, node["v"]), strict=True))


def _set(dump: Dump, value: set[Any] | frozenset[Any]) -> Json:
    nodes = sorted(dump.items(value), key=lambda node: json.dumps(node, sort_keys=True))
    return {TAG: type(value).__name__, "v": nodes}


def _tzinfo(value: datetime.tzinfo | None) -> Json:
    if value is None:
        return None
    if type(value) is datetime.timezone:
        offset, *name = value.__getinitargs__()  # type: ignore[attr-defined]
        return [[offset.days, offset.seconds, offset.microseconds], *name]
    if type(value) is zoneinfo.ZoneInfo and value.key is not None:
        return value.key
    raise NotPlainError(f"time zone {type(value).__name__}")


def _untzinfo(node: Json) -> datetime.tzinfo | None:
    if node is None:
        return None
    if isinstance(node, str):
        return zoneinfo.ZoneInfo(node)
    return datetime.timezone(datetime.timedelta(*node[0]), *node[1:])


def _clock(_dump: Dump, value: datetime.datetime | datetime.time) -> Json:
    plain = value.replace(tzinfo=None).isoformat()
    return {TAG: type(value).__name__, "v": plain, "z": _tzinfo(value.tzinfo), "f": value.fold}


def _unclock(_load: Load, node: Json) -> datetime.datetime | datetime.time:
    kind = datetime.datetime if node[TAG] == "datetime" else datetime.time
    return kind.fromisoformat(node["v"]).replace(tzinfo=_untzinfo(node["z"]), fold=node["f"])


_OWN_PATHS = (pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))
_PATHS: dict[str, type[pathlib.PurePath]] = {
    "PosixPath": pathlib.PurePosixPath,
    "WindowsPath": pathlib.PureWindowsPath,
    **{kind.__name__: kind for kind in _OWN_PATHS},
}

_ENCODERS: dict[type, Callable[[Dump, Any], Json]] = {
    int: lambda _dump, value: {TAG: "int", "v": hex(value)},
    float: lambda _dump, value: {TAG: "float", "v": struct.pack("<d", value).hex()},
    complex: lambda dump, value: {TAG: "complex", "b": dump.add(struct.pack("<2d", value.real, value.imag))},
    bytes: lambda dump, value: {TAG: "bytes", "b": dump.add(value)},
    bytearray: lambda dump, value: {TAG: "bytearray", "b": dump.add(bytes(value))},
    list: lambda dump, value: dump.items(value),
    tuple: lambda dump, value: {TAG: "tuple", "v": dump.items(value)},
    set: _set,
    frozenset: _set,
    dict: _dict,
    OrderedDict: lambda dump, value: {
        TAG: "ordered",
        "k": dump.items(value),
        "v": dump.items(value.values()),
    },
    datetime.datetime: _clock,
    datetime.date: lambda _dump, value: {TAG: "date", "v": value.isoformat()},
    datetime.time: _clock,
    datetime.timedelta: lambda _dump, value: {
        TAG: "span",
        "v": [value.days, value.seconds, value.microseconds],
    },
    decimal.Decimal: lambda _dump, value: {TAG: "decimal", "v": str(value)},
    fractions.Fraction: lambda dump, value: {
        TAG: "fraction",
        "v": dump.items([value.numerator, value.denominator]),
    },
    uuid.UUID: lambda _dump, value: {TAG: "uuid", "v": value.hex},
    range: lambda dump, value: {TAG: "range", "v": dump.items([value.start, value.stop, value.step])},
    slice: lambda dump, value: {TAG: "slice", "v": dump.items([value.start, value.stop, value.step])},
    type(Ellipsis): lambda _dump, _value: {TAG: "ellipsis"},
    **dict.fromkeys(
        _OWN_PATHS,
        lambda _dump, value: {TAG: "path", "c": type(value).__name__, "v": str(value)},
    ),
}

_DECODERS: dict[str, Callable[[Load, Json], Any]] = {
    "int": lambda _load, node: int(node["v"], 16),
    "float": lambda _load, node: struct.unpack("<d", bytes.fromhex(node["v"]))[0],
    "complex": lambda load, node: complex(*struct.unpack("<2d", load.bytes(node["b"]))),
    "bytes": lambda load, node: load.bytes(node["b"]),
    "bytearray": lambda load, node: bytearray(load.bytes(node["b"])),
    "tuple": lambda load, node: tuple(map(load.value, node["v"])),
    "set": lambda load, node: set(map(load.value, node["v"])),
    "frozenset": lambda load, node: frozenset(map(load.value, node["v"])),
    "dict": _undict,
    "ordered": lambda load, node: OrderedDict(_undict(load, node)),
    "datetime": _unclock,
    "date": lambda _load, node: datetime.date.fromisoformat(node["v"]),
    "time": _unclock,
    "span": lambda _load, node: datetime.timedelta(*node["v"]),
    "decimal": lambda _load, node: decimal.Decimal(node["v"]),
    "fraction": lambda load, node: fractions.Fraction(*map(load.value, node["v"])),
    "uuid": lambda _load, node: uuid.UUID(hex=node["v"]),
    "range": lambda load, node: range(*map(load.value, node["v"])),
    "slice": lambda load, node: slice(*map(load.value, node["v"])),
    "ellipsis": lambda _load, _node: Ellipsis,
    "path": lambda _load, node: _PATHS[node["c"]](node["v"]),
}
