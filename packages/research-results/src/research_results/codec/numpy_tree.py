"""Arrays and scalars of NumPy as trees, their types as text that is read back without being trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from research_results.codec.trees import TAG, Dump, Json, Load, NotPlainError

_PLAIN = re.compile(r"[<>|=][biufcSUVmM?]\d{1,9}(\[\d{0,9}[A-Za-z]{1,7}\])?")


def encode(dump: Dump, value: Any) -> Json:
    """Return the tree of an array or scalar; NotPlainError for subclasses."""
    kind = type(value)
    if kind is np.ndarray:
        return _array(dump, value)
    if kind is np.str_:
        return {TAG: "np.str", "v": "".join(value)}  # str() drops trailing NUL characters
    if kind is np.bytes_:
        return {TAG: "np.bytes", "b": dump.add(bytes(value))}
    if isinstance(value, np.generic) and kind is value.dtype.type:
        return {TAG: "np", "d": spell_dtype(value.dtype), "b": dump.add(value.tobytes())}
    raise NotPlainError(f"{kind.__module__}.{kind.__qualname__}")


def decode(load: Load, node: Json) -> Any:
    """Return the array or scalar of a tree."""
    return _DECODERS[node[TAG]](load, node)


def _array(dump: Dump, value: np.ndarray[Any, Any]) -> Json:
    if value.dtype == object:
        return {TAG: "objects", "s": list(value.shape), "v": dump.items(value.ravel().tolist())}
    spelling = spell_dtype(value.dtype)
    return {TAG: "array", "d": spelling, "s": list(value.shape), "b": dump.add(value.tobytes())}


def _unarray(load: Load, node: Json, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return array_from(load.bytes(node["b"]), make_dtype(node["d"]), shape)


_DECODERS: dict[str, Callable[[Load, Json], Any]] = {
    "array": lambda load, node: _unarray(load, node, tuple(node["s"])),
    "objects": lambda load, node: np.fromiter(map(load.value, node["v"]), object).reshape(node["s"]),
    "np": lambda load, node: _unarray(load, node, ())[()],
    "np.str": lambda _load, node: np.str_(node["v"]),
    "np.bytes": lambda load, node: np.bytes_(load.bytes(node["b"])),
}


def spell_dtype(dtype: np.dtype[Any]) -> Any:
    """Return a JSON-able spelling of a dtype without objects."""
    if dtype.hasobject or (
        dtype.names is None and dtype.subdtype is None and not _PLAIN.fullmatch(dtype.str)
    ):
        raise NotPlainError(str(dtype))
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": spell_dtype(base), "shape": list(shape)}
    if dtype.names is None:
        return dtype.str
    fields = [dtype.fields[name] for name in dtype.names] if dtype.fields is not None else []
    titles = [entry[2] if len(entry) > 2 else None for entry in fields]
    if dtype.type is not np.void or not all(title is None or type(title) is str for title in titles):
        raise NotPlainError("a record type, or titles that are no strings")
    return {
        "names": list(dtype.names),
        "formats": [spell_dtype(entry[0]) for entry in fields],
        "offsets": [entry[1] for entry in fields],
        "titles": titles,
        "itemsize": dtype.itemsize,
        "align": dtype.isalignedstruct,
    }


def make_dtype(spelling: Any) -> np.dtype[Any]:
    """Return the dtype of a spelling; raise ValueError for anything else."""
    if isinstance(spelling, str):
        if not _PLAIN.fullmatch(spelling):
            raise ValueError(f"no plain dtype: {spelling[:40]!r}")
        return np.dtype(spelling)
    if "base" in spelling:
        return np.dtype((make_dtype(spelling["base"]), tuple(spelling["shape"])))
    formats = [make_dtype(entry) for entry in spelling["formats"]]
    description = {key: spelling[key] for key in ("names", "offsets", "titles", "itemsize")}
    whole: Any = {**description, "formats": formats}
    made: np.dtype[Any] = np.dtype(whole, align=bool(spelling["align"]))
    return made


def array_from(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return a writable array of exactly these bytes."""
    count = math.prod(shape)
    if any(length < 0 for length in shape) or count * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes do not fill an array of {shape} {dtype}")
    if not data:
        return np.empty(shape, dtype)
    array = np.ndarray(shape, dtype, buffer=data)
    return array.copy()
