"""Arrays and scalars of numpy as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from research_domain.values.numbers import by_value, string
from research_domain.values.writer import FormWriter, hashed


def scalar(writer: FormWriter, value: np.generic[Any]) -> str:
    """Write a scalar: a number as the equal Python number, others with their dtype."""
    if isinstance(value, np.bool_ | np.integer):
        return writer.text(value.item())
    if isinstance(value, np.floating):
        plain = value.item()
        if type(plain) is float:
            return writer.text(plain)
        return by_value(value) if writer.by_value else f"g{value!s};"
    if isinstance(value, np.complexfloating):
        if type(value.item()) is complex:
            return writer.text(value.item())
        return f"c{scalar(writer, value.real)}{scalar(writer, value.imag)}"
    if isinstance(value, np.str_):
        return string("".join(value))  # str() drops trailing NUL characters
    if isinstance(value, np.bytes_):
        return writer.text(bytes(value))
    return "0" + array(writer, np.asarray(value))


def array(writer: FormWriter, value: np.ndarray[Any, Any]) -> str:
    """Write an array: dtype, shape and all of its bytes; by value, shape and numbers."""
    shape = ",".join(map(str, value.shape))
    if writer.by_value and value.dtype.kind in "iufc":
        return f"a({shape}){_numbers(writer, value)}"
    return f"a({shape}){_items(writer, value)}"


def _items(writer: FormWriter, value: np.ndarray[Any, Any]) -> str:
    dtype = value.dtype
    if dtype.names is not None:  # the bytes between fields mean nothing
        fields = (string(name) + array(writer, value[name]) for name in dtype.names)
        return f"v{len(dtype.names)}:" + "".join(fields)
    if dtype.kind in "OT" or (writer.by_value and dtype.kind in "US"):
        kind = "O" if writer.by_value else dtype.kind
        return kind + writer.items(value.ravel().tolist())
    if dtype.char in "gG":  # some of the bytes of a long double mean nothing
        return f"{dtype.str}:" + hashed("".join(f"{item!s};" for item in value.ravel()))
    return f"{dtype.str}{dtype.name}:" + writer.bytes(value.tobytes())


def _numbers(writer: FormWriter, value: np.ndarray[Any, Any]) -> str:
    """Write numbers as floats if that is exact for all of them, else one by one."""
    if value.dtype.kind == "c":
        if (value.imag == 0).all():
            value = value.real
        else:
            return f"c{_numbers(writer, value.real)}{_numbers(writer, value.imag)}"
    with np.errstate(all="ignore"):
        floats = value.astype(np.float64)
        back = floats.astype(value.dtype)
    exact = (back == value) | (value != value)
    if value.dtype.kind in "iu":
        exact &= np.abs(floats) < 2.0**63  # what is more may wrap around on its way back
    if exact.all():
        floats = np.where(floats != floats, np.nan, floats + 0.0)  # one nan, one zero
        return "n" + writer.bytes(floats.astype("<f8").tobytes())
    return "N" + hashed("".join(map(by_value, value.ravel().tolist())))


def equals_list(writer: FormWriter, value: np.ndarray[Any, Any], items: list[Any] | tuple[Any, ...]) -> bool:
    """Tell whether an array has the same items as nested lists or tuples, and they its shape."""
    return writer.text(value.tolist()) == writer.text(_as_lists(items))


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, list | tuple) else value
