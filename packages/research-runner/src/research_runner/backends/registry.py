"""Finding a backend: an object that makes one, or a name that a package offers one under."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final

from research_runner.backends.protocol import BackendFactory
from research_runner.errors import MissingPackageError, OptionError

GROUP: Final = "research.backends"
"""Entry-point group under which packages register backends: callables from an address to a factory."""


def parse_backend(option: str, value: object) -> BackendFactory | None:
    """Find what makes the backend of a run: by a name, a name and an address, or an object that is returned.

    None if none was given.

    Examples
    --------
    >>> parse_backend("backend", "inline")
    InlineFactory(address=None)
    >>> parse_backend("backend", "dusk")
    Traceback (most recent call last):
    ...
    research_runner.errors.OptionError: backend: there is no 'dusk'; there are dask, inline, ...
    """
    if value is None:
        return None
    factory = _named(value) if isinstance(value, str) else value
    if not (hasattr(factory, "make") and hasattr(factory, "capabilities")) or isinstance(factory, type):
        raise OptionError(
            option, f"must be a name, a name://address or an object like DaskBackend(), got {value!r}"
        )
    return factory


def _named(text: str) -> BackendFactory:
    name, _, address = text.partition("://")
    offered = entry_points(group=GROUP)
    for entry in offered:
        if entry.name == name:
            make: Callable[[str | None], BackendFactory] = entry.load()
            return make(address or None)
    names = ", ".join(sorted({entry.name for entry in offered})) or "none: research-runner is not installed"
    raise OptionError(
        "backend", f"there is no {name!r}; there are {names}, and what packages offer as {GROUP!r}"
    )


def refuse_address(name: str, address: str | None) -> None:
    """Check that a backend of this machine was given no address.

    Raises
    ------
    OptionError
        If it was.
    """
    if address is not None:
        raise OptionError("backend", f"{name!r} is on this machine and has no address, got {address!r}")


def require(module: str, what: str, extra: str) -> None:
    """Check that a package is installed.

    Raises
    ------
    MissingPackageError
        If it is not; names the extra.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingPackageError(what, f"research-runner[{extra}]")
