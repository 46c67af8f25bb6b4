"""Find the attribute inside a value that makes serialising it fail."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType
from typing import Any

__all__ = ["blame"]


def blame(
    value: object, name: str, serialise: Callable[[object], bytes], error: Exception
) -> tuple[str, str]:
    """Return the path of the innermost thing that `serialise` refuses, and why.

    Parameters
    ----------
    value : object
        What could not be serialised.
    name : str
        How the path begins.
    serialise : callable
        Raises for what cannot be serialised.
    error : Exception
        What it raised for `value`.

    Returns
    -------
    tuple of str
        Path and reason.
    """
    path, seen = name, {id(value)}
    while True:
        for step, child in _children(value):
            if id(child) in seen:
                continue
            seen.add(id(child))
            refused = _refusal(child, serialise)
            if refused is not None:
                value, path, error = child, path + step, refused
                break
        else:
            return path, f"it is a {_type_name(value)} ({type(error).__name__}: {error})"


def _refusal(value: object, serialise: Callable[[object], bytes]) -> Exception | None:
    try:
        serialise(value)
    except Exception as error:  # noqa: BLE001 - any refusal counts
        return error
    return None


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _children(value: Any) -> Iterator[tuple[str, object]]:
    """Yield the parts of a value, each with the step that leads to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"[{key!r}]", item
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    if isinstance(value, FunctionType):
        yield from _function_parts(value)
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    elif isinstance(value, functools.partial):
        yield ".func", value.func
        yield ".args", value.args
        yield ".keywords", value.keywords
    for attribute in _attributes(value):
        try:
            yield f".{attribute}", getattr(value, attribute)
        except AttributeError:
            continue


def _attributes(value: object) -> Iterator[str]:
    if isinstance(value, type):
        yield from (name for name in vars(value) if not name.startswith("__"))
        return
    yield from getattr(value, "__dict__", ())
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        yield from [slots] if isinstance(slots, str) else slots


def _function_parts(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".<closure>.{name}", cell.cell_contents
        except ValueError:
            continue
    yield ".__defaults__", function.__defaults__
    yield ".__kwdefaults__", function.__kwdefaults__
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            yield f".<global>.{name}", function.__globals__[name]


def _global_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)
