"""Values as plain data, which JSON, TOML and YAML keep, and back: exactly, or not at all.

Booleans, ints, floats and strings stand for themselves, lists for lists, and dictionaries with string keys
for dictionaries. Everything else is a dictionary whose keys begin with ``$``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from research_domain.errors import DomainWarning, SpecError

_SCALARS = (bool, int, float, str)


def to_plain(name: str, value: Any) -> Any:
    """Return a value as plain data, or raise a SpecError that names the parameter `name`."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if value is None:
        return {"$none": True}
    if kind is list:
        return [to_plain(name, item) for item in value]
    if kind is tuple:
        return {"$tuple": [to_plain(name, item) for item in value]}
    if kind is dict:
        pairs = [(key, to_plain(name, item)) for key, item in value.items()]
        if all(type(key) is str and not key.startswith("$") for key in value):
            return dict(pairs)
        return {"$dict": [[to_plain(name, key), item] for key, item in pairs]}
    if kind is np.ndarray or isinstance(value, np.generic):
        return _array_to_plain(name, value)
    raise _not_plain(name, value)


def _not_plain(name: str, value: Any) -> SpecError:
    return SpecError(name, f"the value {value!r} of type {type(value).__name__} is not plain data")


def _array_to_plain(name: str, value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    dtype = array.dtype
    is_exact = dtype.kind in "biufUmM" and dtype.char != "g"  # a float keeps no long double
    if not is_exact or 0 in array.shape[:-1]:  # a list of no lists does not tell how long they are
        raise _not_plain(name, value)
    plain = (array.astype(np.int64) if dtype.kind in "mM" else array).tolist()
    return {
        "$dtype": dtype.name if dtype.isnative and dtype.kind != "U" else dtype.str,
        "$array" if type(value) is np.ndarray else "$value": plain,
    }


def from_plain(name: str, plain: Any) -> Any:
    """Return the value that :func:`to_plain` wrote, and warn of numbers that YAML 1.1 takes for strings."""
    if isinstance(plain, str):
        _warn_of_number(name, plain)
    if isinstance(plain, list):
        return [from_plain(name, item) for item in plain]
    if not isinstance(plain, Mapping):
        return plain
    marks = {key for key in plain if isinstance(key, str) and key.startswith("$")}
    if not marks:
        return {key: from_plain(name, item) for key, item in plain.items()}
    if marks == plain.keys():
        if marks == {"$none"}:
            return None
        if marks == {"$tuple"} and isinstance(plain["$tuple"], list | tuple):
            return tuple(from_plain(name, item) for item in plain["$tuple"])
        if marks == {"$dict"} and isinstance(plain["$dict"], list | tuple):
            return {from_plain(name, key): from_plain(name, item) for key, item in plain["$dict"]}
        if marks in ({"$dtype", "$value"}, {"$dtype", "$array"}):
            return _array_from_plain(name, dict(plain))
    raise SpecError(name, f"{dict(plain)!r} cannot be understood")


def _array_from_plain(name: str, plain: dict[str, Any]) -> Any:
    try:
        dtype = np.dtype(plain["$dtype"])
        listed = plain.get("$array", plain.get("$value"))
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # of NumPy 1, which wraps what does not fit
            array = np.asarray(listed, np.int64 if dtype.kind in "mM" else dtype).astype(dtype)
    except (TypeError, ValueError, OverflowError, DeprecationWarning) as error:
        raise SpecError(name, f"{plain!r} cannot be understood: {error}") from error
    return array if "$array" in plain else array[()]


def _warn_of_number(name: str, text: str) -> None:
    if _NUMBER.fullmatch(text) and not _NUMBER_OF_YAML.fullmatch(text):
        warnings.warn(
            f"parameter {name!r}: {text!r} is a string that reads like a number; YAML 1.1 takes a number for "
            "one only with a point and a sign in its exponent, as 1.0e-5",
            DomainWarning,
            stacklevel=2,
        )


_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+|[-+]\.\d[\d_]*|0o[0-7]+")
_NUMBER_OF_YAML = re.compile(r"([-+]?\d[\d_]*\.[\d_]*|\.\d[\d_]*)[eE][-+]\d+")
