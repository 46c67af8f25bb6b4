"""The exact form of a value, the digest of it, and the one equality of values.

The form is a text that two values share exactly if they are equal in type and content. Each piece of it says
where it ends, so that no two values can be written alike; what is long stands in it by its hash.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from research_domain.values.names import display, field_names, qualified_name
from research_domain.values.numbers import by_value, decimal_by_value, string
from research_domain.values.of_numpy import is_numpy
from research_domain.values.writer import FormWriter, TangledError, digest_of, hashed


class ValueWriter(FormWriter):
    """Writes values of all types."""

    def compound(self, value: Any) -> str:
        """Return the form of a value that is not a scalar, by its type."""
        kind = type(value)
        write = _WRITERS.get(kind) or _BY_NAME.get(f"{_package(kind)}.{kind.__qualname__}")
        if write is not None:
            return write(self, value)
        if is_numpy(value, "generic"):
            return str(_arrays().scalar(self, value))
        if _package(kind) == "pandas":
            from research_domain.values.frames import pandas_text  # late, like code: few values are of it

            if (text := pandas_text(self, value)) is not None:
                return text
        if not isinstance(value, type):
            text = self._record(value)
            if text is not None:
                return text
        return self.not_plain(value)

    def _record(self, value: Any) -> str | None:
        """Write what consists of named values: members of enums, named tuples, dataclasses."""
        kind = type(value)
        if isinstance(value, enum.Enum):
            return f"e{string(qualified_name(kind))}" + self.text(value._name_) + self.text(value._value_)
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            tag = "t" if self.by_value else f"T{string(qualified_name(kind))}"
            return tag + self.items(list(value))
        if (names := field_names(value)) is not None:
            fields = [(name, getattr(value, name, None)) for name in names]
            return f"R{string(qualified_name(kind))}" + self.pairs(fields)
        return None

    def not_plain(self, value: Any) -> str:
        """Write a function, class or any other object, always exactly."""
        self.plain = False
        if self.by_value:
            return "D" + digest(value).hex()
        from research_domain.values.code import code_text, object_text

        text = code_text(self, value)
        return object_text(self, value) if text is None else text


def _arrays() -> Any:
    from research_domain.values import arrays  # late, as they import NumPy

    return arrays


def _sequence(tag: str) -> Callable[[FormWriter, Any], str]:
    return lambda writer, value: tag + writer.items(list(value))


def _set(tag: str) -> Callable[[FormWriter, Any], str]:
    def write(writer: FormWriter, value: Any) -> str:
        written = sorted(map(writer.text, value))
        return ("{" if writer.by_value else tag) + hashed("".join(written), len(written))

    return write


def _items_of(writer: FormWriter, value: Any) -> str:
    return writer.pairs(value.items())


def _mapping(
    tag: str, write: Callable[[FormWriter, Any], str] = _items_of
) -> Callable[[FormWriter, Any], str]:
    return lambda writer, value: (
        "d" + _items_of(writer, value) if writer.by_value else tag + write(writer, value)
    )


def _complex(writer: FormWriter, value: complex) -> str:
    if not writer.by_value:
        return f"c{value.real!r},{value.imag!r};"
    real = by_value(value.real)
    return real if value.imag == 0 else f"c{real}{by_value(value.imag)}"


def _bytes(tag: str) -> Callable[[FormWriter, Any], str]:
    return lambda writer, value: ("" if writer.by_value else tag) + writer.bytes(bytes(value))


def _time(tag: str) -> Callable[[FormWriter, Any], str]:
    def write(writer: FormWriter, value: Any) -> str:
        plain = value.replace(tzinfo=None, fold=0).isoformat()
        return f"{tag}{value.fold}{string(plain)}" + writer.text(value.tzinfo)

    return write


_WRITERS: dict[type, Callable[[FormWriter, Any], str]] = {
    complex: _complex,
    bytes: _bytes(""),
    bytearray: _bytes("w"),
    memoryview: _bytes("x"),
    list: _sequence("l"),
    tuple: _sequence("t"),
    deque: lambda writer, value: "u" + writer.text(value.maxlen) + writer.items(list(value)),
    set: _set("{"),
    frozenset: _set("("),
    dict: _mapping("d"),
    MappingProxyType: _mapping("p"),
    Counter: _mapping("k"),
    OrderedDict: _mapping("o", lambda writer, value: writer.items(list(chain(*value.items())))),
    defaultdict: _mapping(
        "h", lambda writer, value: writer.text(value.default_factory) + _items_of(writer, value)
    ),
    range: lambda writer, value: "r" + writer.items([value.start, value.stop, value.step]),
    slice: lambda writer, value: "j" + writer.items([value.start, value.stop, value.step]),
    type(Ellipsis): lambda _writer, _value: "...;",
    type(NotImplemented): lambda _writer, _value: "!;",
}
_BY_NAME: dict[str, Callable[[FormWriter, Any], str]] = {
    "numpy.ndarray": lambda writer, value: _arrays().array(writer, value),
    "decimal.Decimal": lambda writer, value: (
        decimal_by_value(value) if writer.by_value else f"D{string(str(value))}"
    ),
    "fractions.Fraction": lambda writer, value: (
        by_value(value) if writer.by_value else f"q{value.numerator:x}/{value.denominator:x};"
    ),
    "datetime.datetime": _time("A"),
    "datetime.time": _time("E"),
    "datetime.date": lambda _writer, value: f"G{value.isoformat()};",
    "datetime.timedelta": lambda _writer, value: f"H{value.days},{value.seconds},{value.microseconds};",
    "datetime.timezone": lambda writer, value: "z" + writer.items(list(value.__getinitargs__())),
    "zoneinfo.ZoneInfo": lambda writer, value: (
        f"Z{string(str(value))}" if value.key is not None else writer.not_plain(value)
    ),
    "uuid.UUID": lambda _writer, value: f"U{value.hex};",
    **{
        f"pathlib.{name}": lambda _writer, value: f"P{string(type(value).__name__)}{string(str(value))}"
        for name in ("PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath")
    },
}
"""Types of modules that need not be imported here; the first part of the module and the name."""


def count_as(kind: type, convert: Callable[[Any], Any]) -> None:
    """Let the values of a type count as the plain data that they are turned into."""
    _WRITERS[kind] = lambda writer, value: writer.text(convert(value))


def _package(kind: type) -> str:
    """Return the package of a type; ``__module__`` of Cython types may be any object."""
    module = kind.__module__
    return module.partition(".")[0] if isinstance(module, str) else ""


class Form(NamedTuple):
    """What a value is: its exact form, and whether that is plain data."""

    text: str
    plain: bool
    vague: tuple[str, ...]
    """Types in it whose objects are told apart by their text alone."""


def form(value: Any, by_value: bool = False) -> Form:
    """Return the form of a value; what cannot be written has that of its type and text."""
    writer = ValueWriter(by_value)
    try:
        text = writer.text(value)
    except (TangledError, RecursionError):
        name = qualified_name(type(value))
        return Form(f"V{string(name)}{string(display(value))}", False, (name,))
    return Form(text, writer.plain, tuple(sorted(writer.vague)))


def digest(value: Any) -> bytes:
    """Return 32 bytes that identify a value.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bytes, length 32
        Equal for values that are equal in type and content, and different for all others.

    Notes
    -----
    ``1``, ``1.0`` and ``True`` differ; a number of numpy counts as its ``.item()``. Arrays are told apart by
    dtype, shape and all of their bytes, containers by their items, dicts whatever the order of their keys.
    Functions and classes count by qualified name and code, with defaults and closure values, other objects by
    type and state. Digests of plain data are equal in every process and every supported version of Python.

    Examples
    --------
    >>> digest({'a': 1, 'b': 2}) == digest({'b': 2, 'a': 1}), digest(1) == digest(True)
    (True, False)
    """
    stored = _stored_digest(value)
    return digest_of(form(value).text) if stored is None else stored


def is_plain(value: Any) -> bool:
    """Tell whether a value is plain data, whose digest is the same everywhere.

    Plain are numbers, text, bytes, None, dates and times, paths and the like, numpy arrays, frames and series
    of pandas, members of enums, and lists, tuples, sets, dicts, named tuples and dataclasses of plain data.

    Examples
    --------
    >>> is_plain([1, 'a', {'b': None}]), is_plain([max])
    (True, False)
    """
    return form(value).plain


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are the same to a filter.

    Parameters
    ----------
    left, right : object
        Any values.

    Returns
    -------
    bool

    Notes
    -----
    Values with equal digests are the same. Besides, numbers match by their value whatever their type (but
    True is not 1, and nan is nan), also within containers and arrays; a named tuple matches the tuple, an
    OrderedDict the dict, a set the frozenset with the same items, an array the nested list of its items.

    Examples
    --------
    >>> same(32, 32.0), same(1, True), same([1, 'a'], [1.0, 'a']), same([1], (1,))
    (True, False, True, False)
    """
    if left is right:
        return True
    stored = _stored_digest(left), _stored_digest(right)
    if stored != (None, None):
        return digest(left) == digest(right)
    for array, items in ((left, right), (right, left)):
        if isinstance(items, list | tuple) and is_numpy(array, "ndarray"):
            return bool(_arrays().equals_list(ValueWriter(by_value=True), array, items))
    if type(left) in _SIMPLE and type(right) in _SIMPLE:
        return bool(left == right) or (left != left and right != right)
    return form(left, by_value=True).text == form(right, by_value=True).text


_SIMPLE = frozenset((int, float, str, type(None)))
"""Types that Python compares as we do."""


def _stored_digest(value: Any) -> bytes | None:
    """Return the digest that a stand-in for a stored value knows."""
    stored = getattr(type(value), "value_digest", None)
    return value.value_digest if stored is not None and isinstance(value.value_digest, bytes) else None
