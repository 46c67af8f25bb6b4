"""Find the attribute inside a value that makes serialising it fail."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from research_runner.pool.code_pickle import global_names


@dataclass(frozen=True, slots=True)
class Culprit:
    """The innermost object that cannot be pickled."""

    path: str  # how to get there from the whole, such as ``.model._lock``; empty if the whole is at fault
    kind: str  # the type of the thing
    error: Exception  # why it is refused

    @property
    def reason(self) -> str:
        """What the object is, and why it cannot be pickled."""
        article = "an" if self.kind[0] in "aeiou" else "a"
        return f"it is {article} {self.kind} ({describe(self.error)})"


class Refusal(Exception):
    """Something was refused elsewhere; the text is the whole reason."""


def describe(error: Exception) -> str:
    """Return the type and the first line of the text of an error."""
    if isinstance(error, Refusal):
        return str(error)
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def blame(value: object, attempt: Callable[[object], object], error: Exception) -> Culprit:
    """Find the innermost part of a value for which `attempt` raises, as it did for the whole.

    Examples
    --------
    >>> def attempt(value):
    ...     if "bad" in repr(value):
    ...         raise ValueError("no")
    >>> blame({"a": 1, "b": ["good", "bad"]}, attempt, ValueError("no")).path
    "['b'][1]"
    """
    path, seen = "", {id(value)}
    while True:
        for step, child in _children(value):
            if id(child) in seen:
                continue
            seen.add(id(child))
            try:
                attempt(child)
            except Exception as refusal:  # noqa: BLE001 - any refusal counts
                value, path, error = child, path + step, refusal
                break
        else:
            kind = type(value)
            module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
            return Culprit(path, module + kind.__qualname__, error)


def _children(value: Any) -> Iterator[tuple[str, object]]:
    """Yield the parts of a value, each with the step that leads to it."""
    yield from contents_of(value)
    if isinstance(value, FunctionType):
        yield from function_parts(value)
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    for attribute in attributes_of(value):
        try:
            yield f".{attribute}", getattr(value, attribute)
        except AttributeError:
            continue


def contents_of(value: Any) -> Iterator[tuple[str, object]]:
    """Yield what a container or partial function holds, each with the step that leads to it."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))


def attributes_of(value: object) -> Iterator[str]:
    """Yield the names of the own attributes of an object, or of a class without special ones."""
    if isinstance(value, type):
        yield from (name for name in vars(value) if not name.startswith("__"))
        return
    yield from getattr(value, "__dict__", ())
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        yield from [slots] if isinstance(slots, str) else slots


def function_parts(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Yield closure, defaults and globals of a function, each with the step that leads to it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".<closure>.{name}", cell.cell_contents
        except ValueError:
            continue
    yield ".__defaults__", function.__defaults__
    yield ".__kwdefaults__", function.__kwdefaults__
    for name in global_names(function.__code__):
        if name in function.__globals__:
            yield f".<global>.{name}", function.__globals__[name]
