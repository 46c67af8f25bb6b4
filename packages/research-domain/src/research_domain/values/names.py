"""Names of functions and classes, and what objects are called."""

from __future__ import annotations

import dataclasses
import inspect
import re
from types import BuiltinFunctionType, FunctionType
from typing import Any


def qualified_name(value: Any) -> str:
    """Return module and name of a function or class; a script's module has one name in all processes."""
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{'__main__' if module == '__mp_main__' else module}.{name}"


def lasting_name(value: Any) -> str | None:
    """Return the name by which a module knows a function or class, None for all else."""
    wraps = hasattr(value, "__wrapped__") and isinstance(getattr(value, "__qualname__", None), str)
    if not wraps and not isinstance(value, FunctionType | BuiltinFunctionType | type):
        return None
    name = qualified_name(value)
    return None if "<" in name else name


def takes(function: Any, name: str) -> bool:
    """Tell whether a function has a parameter of that name, as far as it tells."""
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def field_names(value: Any) -> tuple[str, ...] | None:
    """Return the names of the fields of a dataclass's instance, None for all else.

    Classes may answer for any attribute, as those of expressions do; what counts is what they define.
    """
    kind = type(value)
    if isinstance(value, type) or not any("__dataclass_fields__" in vars(base) for base in kind.__mro__):
        return None
    return tuple([field.name for field in dataclasses.fields(value)])


def display(value: Any) -> str:
    """Return the name of a value, or its text without addresses, which differ from run to run."""
    try:
        name = getattr(value, "__name__", None)
        text = name if isinstance(name, str) else str(value)
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything
        return ""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text) if " at 0x" in text else text
