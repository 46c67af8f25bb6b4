"""Finding functions by name."""

from __future__ import annotations

import builtins
import difflib
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from research_experiment.errors import NamespaceError

__all__ = ["Namespace", "close_matches", "default_namespaces", "find_function", "read_namespace"]

Namespace: TypeAlias = ModuleType | Mapping[str, Any]


def default_namespaces() -> tuple[Namespace, ...]:
    """Return where functions are looked for by default: the main script or notebook, and builtins."""
    return (sys.modules["__main__"], builtins)


def read_namespace(namespace: ModuleType | str | Mapping[str, Any]) -> Namespace:
    """Return a module or mapping for a module, its name, or a mapping.

    Raises
    ------
    NamespaceError
        If it is none of these, or the module cannot be imported.
    """
    if isinstance(namespace, str):
        try:
            return importlib.import_module(namespace)
        except Exception as error:
            raise NamespaceError(
                f"cannot import the namespace {namespace!r}: {type(error).__name__}: {error}; "
                "give a module, the name of one that can be imported, or a mapping of names to functions"
            ) from error
    if isinstance(namespace, ModuleType | Mapping):
        return namespace
    raise NamespaceError(
        f"a namespace is a module, the name of one, or a mapping of names to functions; got {namespace!r}"
    )


def _members(namespace: Namespace) -> Mapping[str, Any]:
    return namespace if isinstance(namespace, Mapping) else vars(namespace)


def find_function(name: str, namespaces: Iterable[Namespace]) -> Callable[..., Any] | None:
    """Return the first callable of that name, or None."""
    for namespace in namespaces:
        found = _members(namespace).get(name)
        if callable(found):
            return found  # type: ignore[no-any-return]
    return None


def close_matches(name: str, namespaces: Iterable[Namespace], more: Iterable[str] = ()) -> list[str]:
    """Return names of functions, and of `more`, that look like `name`."""
    known = {key for namespace in namespaces for key, value in _members(namespace).items() if callable(value)}
    return difflib.get_close_matches(name, [*more, *sorted(known)], n=2)
