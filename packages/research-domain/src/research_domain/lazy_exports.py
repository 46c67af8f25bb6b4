"""Exports of a package that are imported on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(
    package: str, modules: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package with lazy exports, see PEP 562.

    Parameters
    ----------
    package : str
        Its name.
    modules : mapping of str to iterable of str
        Module → what it exports. Other names are looked for as modules of the package.

    Examples
    --------
    >>> import research_domain
    >>> get, names = lazy_exports('research_domain', {'math': ['pi']})
    >>> get('pi'), get('errors').__name__, 'pi' in names()
    (3.141592653589793, 'research_domain.errors', True)
    >>> del research_domain.pi
    >>> get('nothing')
    Traceback (most recent call last):
    ...
    AttributeError: module 'research_domain' has no attribute 'nothing'
    """
    sources = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        here = sys.modules[package]
        if name in sources:
            value = getattr(import_module(sources[name]), name)
        else:
            value = None if name.startswith("_") else _module(f"{package}.{name}")
            if value is None:
                raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=here)
        setattr(here, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *sources})

    return get, names


def _module(name: str) -> Any:
    """Return a module, None if there is none of that name."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
