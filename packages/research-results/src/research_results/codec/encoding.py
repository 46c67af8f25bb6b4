"""Values to rows and back: numbers packed per variable, everything else one row each.

`encode` runs where the values were made, often in a worker process, and returns builtin tuples only. A row is

``(variable, kind, count, first, step, iterations, type, text, data)``

with `kind` one of ``float``, ``int``, ``bool``, ``complex`` or a numpy dtype for packed numbers, and
``none``, ``str``, ``bytes``, ``tree``, ``dill``, ``opaque`` for single values. Iterations are
``first + step * arange(count)`` unless they are given as int64.
"""

from __future__ import annotations

import logging
import struct
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from research_domain.texts import clean_text, cut_text
from research_domain.values.of_numpy import is_numpy
from research_results.codec.pickles import Opaque, pickle_value, unpickle_value
from research_results.codec.tree import dump_tree, load_tree
from research_results.codec.trees import NotPlainError
from research_results.errors import ArgumentError, DamagedError, UnstorableError

if TYPE_CHECKING:
    import numpy as np

Values: TypeAlias = Mapping[str, Mapping[int, Any]]
Row: TypeAlias = tuple[str, str, int, int, int, bytes | None, str | None, str | None, bytes]
Encoded: TypeAlias = tuple[Row, ...]

TEXT_LIMIT = 200
"""Characters of the text of a value that stays opaque; a longer one is cut and ends in three dots."""

_LOG = logging.getLogger("research.results")
_KINDS: dict[type, str] = {float: "float", int: "int", bool: "bool", complex: "complex"}
_FORMATS = {float: ("float", "d"), int: ("int", "q"), bool: ("bool", "?")}
_BUILTIN = {"float": "<f8", "int": "<i8", "bool": "?", "complex": "<c16"}
_NUMPY = ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
NUMBER_KINDS = frozenset((*_BUILTIN, *_NUMPY))
"""Kinds of rows that hold packed numbers."""


@cache
def number_dtype(kind: str) -> np.dtype[Any]:
    """Return the dtype in which a kind of NUMBER_KINDS is packed."""
    import numpy as np  # late, here and below: workers begin without it

    return np.dtype(_BUILTIN.get(kind, kind))


def number_array(kind: str, data: bytes) -> np.ndarray[Any, Any]:
    """Return packed numbers as an array; a bool is whatever is not 0."""
    import numpy as np

    if kind == "bool":
        return np.not_equal(np.frombuffer(data, np.uint8), 0)
    return np.frombuffer(data, number_dtype(kind))


def encode(values: Values) -> Encoded:
    r"""Turn what an experiment made into rows that any storage here can keep.

    Parameters
    ----------
    values : mapping of str to mapping of int to object
        Variable to iteration to value.

    Returns
    -------
    tuple
        Builtin tuples, strings, numbers and bytes only: cheap to send between processes.

    Raises
    ------
    UnstorableError
        If a value can neither be written as plain data nor serialised by dill.
    ArgumentError
        If an iteration is not an int.

    Examples
    --------
    >>> encode({'loss': {0: 0.5}})
    (('loss', 'float', 1, 0, 1, None, None, None, b'\x00\x00\x00\x00\x00\x00\xe0?'),)
    """
    rows: list[Row] = []
    for variable, by_iteration in values.items():
        if len(by_iteration) == 1:
            row = _encode_single(variable, *by_iteration.items())
        else:
            row = _encode_uniform(variable, by_iteration)
        if row is not None:
            rows.append(row)
        else:
            rows.extend(_encode_variable(variable, by_iteration))
    return tuple(rows)


def _encode_uniform(variable: str, by_iteration: Mapping[int, Any]) -> Row | None:
    """Return the row of builtin numbers of one type in successive iterations, the frequent case; or None."""
    numbers = list(by_iteration.values())
    kinds = set(map(type, numbers))
    kind, code = _FORMATS.get(kinds.pop(), ("", "")) if len(kinds) == 1 else ("", "")
    iterations = list(by_iteration)
    if not kind or type(iterations[0]) is not int:
        return None
    first, count = iterations[0], len(iterations)
    fit = _is_int64(first) and _is_int64(first + count)
    if not fit or iterations != list(range(first, first + count)):
        return None
    try:
        data = struct.pack(f"<{count}{code}", *numbers)
    except struct.error:
        return None
    return variable, kind, count, first, 1, None, None, None, data


_PACKERS = {kind: (name, struct.Struct(f"<{code}").pack) for kind, (name, code) in _FORMATS.items()}


def _encode_single(variable: str, item: tuple[int, Any]) -> Row | None:
    """Return the row of one builtin number; or None."""
    iteration, number = item
    name, pack = _PACKERS.get(type(number), ("", None))
    if pack is None or type(iteration) is not int or not -(2**63) <= iteration < 2**63 - 1:
        return None
    try:
        return variable, name, 1, iteration, 1, None, None, None, pack(number)
    except struct.error:
        return None


def _encode_variable(variable: str, by_iteration: Mapping[int, Any]) -> Iterable[Row]:
    packs: dict[str, tuple[list[int], list[Any]]] = {}
    for key, value in by_iteration.items():
        iteration = _as_int(variable, key)
        kind = _number_kind(value)
        if kind is None:
            kind, type_name, text, data = _encode_other(value, variable, iteration)
            yield variable, kind, 1, iteration, 1, None, type_name, text, data
        else:
            iterations, numbers = packs.setdefault(kind, ([], []))
            iterations.append(iteration)
            numbers.append(value)
    for kind, (iterations, numbers) in packs.items():
        first, step, listed = _pack_iterations(iterations)
        yield variable, kind, len(numbers), first, step, listed, None, None, _pack(kind, numbers)


def encode_value(value: Any) -> tuple[str, str | None, str | None, bytes]:
    """Return kind, type, text and data of one value; raise UnstorableError as `encode` does."""
    kind = _number_kind(value)
    if kind is not None:
        return kind, None, None, _pack(kind, [value])
    return _encode_other(value, "config", 0)


def _brought_back(opaque: Opaque, where: str) -> Any:
    """Return the value, or the opaque one if its code is missing or fails."""
    try:
        return unpickle_value(opaque.data)
    except Exception as error:  # noqa: BLE001  (whatever somebody's code raises)
        _LOG.warning("%s: a %s stays opaque: %s: %s", where, opaque.type_name, type(error).__name__, error)
        return opaque


def decode_value(
    kind: str, type_name: str | None, text: str | None, data: bytes, *, allow_pickle: bool, where: str
) -> Any:
    """Return the one value of a row, of which `encode_value` made the first four.

    Opaque values come as `Opaque`, unless `allow_pickle` lets them run their code. Data that is none of its
    kind is a DamagedError, which names `where`.
    """
    if kind in ("dill", "opaque"):
        opaque = Opaque(str(type_name), str(text), bytes(data))
        return _brought_back(opaque, where) if allow_pickle and kind == "dill" else opaque
    decoder = _DECODERS.get(kind)
    try:
        if decoder is not None:
            return decoder(data)
        (value,) = decode_numbers(kind, data, where=where)
    except (DamagedError, MemoryError, zoneinfo.ZoneInfoNotFoundError):
        raise  # the last two are about this machine, and nothing is wrong with the bytes
    except Exception as error:  # noqa: BLE001  (whatever hostile bytes lead to is damage)
        raise DamagedError(where, f"{type(error).__name__}: {str(error)[:TEXT_LIMIT]}") from None
    return value


def decode_numbers(kind: str, data: bytes, *, where: str) -> list[Any]:
    """Return the numbers of a pack, each of the type that it had."""
    import numpy as np

    if kind not in NUMBER_KINDS or len(data) % (dtype := number_dtype(kind)).itemsize:
        raise DamagedError(where, f"{len(data)} bytes of unknown kind {str(kind)[:40]!r}")
    array = np.frombuffer(data, dtype)
    if kind == "bool" and array.size and array.view(np.uint8).max() > 1:
        raise DamagedError(where, "a bool that is neither 0 nor 1")
    return array.tolist() if kind in _BUILTIN else list(array)


def _number_kind(value: Any) -> str | None:
    kind = _KINDS.get(type(value))
    if kind is None and type(value).__module__ == "numpy":
        return _numpy_kinds().get(type(value))
    return None if kind == "int" and not _is_int64(value) else kind


@cache
def _numpy_kinds() -> Mapping[type, str]:
    """Return how the numbers of each type are packed."""
    return {number_dtype(name).type: name for name in _NUMPY}


def _is_int64(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _pack(kind: str, numbers: list[Any]) -> bytes:
    if kind in _NUMPY:
        import numpy as np

        return np.array(numbers, number_dtype(kind)).tobytes()
    if kind == "complex":
        return b"".join([struct.pack("<2d", number.real, number.imag) for number in numbers])
    return struct.pack(f"<{len(numbers)}{_FORMATS[type(numbers[0])][1]}", *numbers)


def _pack_iterations(iterations: list[int]) -> tuple[int, int, bytes | None]:
    first = iterations[0]
    step = iterations[1] - first if len(iterations) > 1 else 1
    if step and _is_int64(step) and iterations == list(range(first, first + step * len(iterations), step)):
        return first, step, None
    return first, 0, struct.pack(f"<{len(iterations)}q", *iterations)


def _encode_other(value: Any, variable: str, iteration: int) -> tuple[str, str | None, str | None, bytes]:
    kind = type(value)
    if value is None:
        return "none", None, None, b""
    if kind is str:
        return "str", None, None, value.encode("utf-8", "surrogatepass")
    if kind is bytes:
        return "bytes", None, None, value
    try:
        return "tree", None, None, dump_tree(value)
    except (NotPlainError, RecursionError):
        kind_name, text = describe(value)
    try:
        return "dill", kind_name, text, pickle_value(value)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnstorableError(variable, iteration, _type_name(value), reason) from error


def _type_name(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def describe(value: Any) -> tuple[str, str]:
    """Return the name of a value's type and the beginning of its repr, for values that stay opaque."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  (a __repr__ of the user's may raise anything)
        text = f"<{_type_name(value)}, whose repr raised {type(error).__name__}>"
    return clean_text(_type_name(value)), clean_text(cut_text(text, TEXT_LIMIT))


def _as_int(variable: str, key: Any) -> int:
    is_integer = isinstance(key, int) or is_numpy(key, "integer")
    if is_integer and not isinstance(key, bool) and _is_int64(int(key)):
        return int(key)
    raise ArgumentError("iteration", f"of variable {variable!r} must be an int of 64 bits, got {key!r}")


_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "none": lambda _data: None,
    "str": lambda data: data.decode("utf-8", "surrogatepass"),
    "bytes": bytes,
    "tree": load_tree,
}
