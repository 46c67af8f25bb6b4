"""Functions found by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from research_experiment.errors import NamespaceError, hint

Namespace: TypeAlias = str | Mapping[str, Any]
"""The name of an imported module, or names → functions."""

DEFAULT: tuple[Namespace, ...] = ("__main__",)
"""Where functions are looked for when nothing was added: the main script or notebook."""


def read_namespace(namespace: ModuleType | str | Mapping[str, Any]) -> Namespace:
    """Return the name of a module, by which what holds namespaces can be pickled, or a mapping."""
    if isinstance(namespace, str):
        try:
            importlib.import_module(namespace)
        except Exception as error:
            raise NamespaceError(
                f"cannot import the namespace {namespace!r}: {type(error).__name__}: {error}; "
                "give a module, the name of one that can be imported, or a mapping of names to functions"
            ) from error
        return namespace
    if isinstance(namespace, ModuleType):
        known = sys.modules.get(namespace.__name__) is namespace
        return namespace.__name__ if known else vars(namespace)
    if isinstance(namespace, Mapping):
        return namespace
    raise NamespaceError(
        f"a namespace is a module, the name of one, or a mapping of names to functions; got {namespace!r}"
    )


def _members(namespaces: Iterable[Namespace]) -> Iterable[Mapping[str, Any]]:
    for namespace in namespaces:
        yield vars(importlib.import_module(namespace)) if isinstance(namespace, str) else namespace


def find_function(name: str, namespaces: Iterable[Namespace]) -> Callable[..., Any] | None:
    """Return the first callable of that name, or None."""
    for members in _members(namespaces):
        found = members.get(name)
        if callable(found) and not _is_of_the_shell(found):
            return found  # type: ignore[no-any-return]
    return None


def _is_of_the_shell(function: Any) -> bool:
    """Whether IPython put it into the main namespace: ``display``, ``exit`` and the like."""
    module = getattr(function, "__module__", None) or type(function).__module__
    return isinstance(module, str) and module.partition(".")[0] == "IPython"


def similar(name: str, namespaces: Iterable[Namespace], more: Iterable[str]) -> str:
    """Return a hint with names of functions, and of `more`, that look like `name`."""
    known = {key for members in _members(namespaces) for key, value in members.items() if callable(value)}
    return hint(name, [*more, *sorted(known)])
