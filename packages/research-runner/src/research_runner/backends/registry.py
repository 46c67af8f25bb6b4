"""Finding a backend: an object that makes one, or a name that a package offers one under."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from research_runner.backends.protocol import BackendFactory
from research_runner.errors import MissingPackageError, OptionError

__all__ = ["GROUP", "LOCAL", "parse_backend", "require"]

GROUP: Final = "research.backends"
"""Entry-point group under which packages register backends: callables from an address to a factory."""

LOCAL: Final = {"inline": False, "processes": True}
"""Backends on this machine → whether they are parallel."""

_OURS: Final = {
    "dask": "research_runner.cluster.dask:DaskBackend",
    "ray": "research_runner.cluster.ray.backend:RayBackend.of_client",
}


def parse_backend(value: object, parallel: bool) -> tuple[bool, BackendFactory | None]:
    """Read where tasks run.

    Parameters
    ----------
    value : None, str or BackendFactory
        ``'inline'``, ``'processes'``, the name of an engine, its name and address (``'dask://host:8786'``),
        or an object that makes a backend. None leaves it to `parallel`.
    parallel : bool
        Whether worker processes may be used.

    Returns
    -------
    parallel : bool
        Whether tasks run in other processes.
    factory : BackendFactory or None
        Makes the backend of an engine; None for those on this machine.

    Raises
    ------
    OptionError
        If there is no such backend, or `parallel` says otherwise.
    MissingPackageError
        If its package is not installed.

    Examples
    --------
    >>> parse_backend("inline", True)
    (False, None)
    >>> parse_backend("dusk", True)
    Traceback (most recent call last):
    ...
    research_runner.errors.OptionError: backend: there is no 'dusk'; there are dask, inline, ...
    """
    if value is None:
        return parallel, None
    if value == "inline":
        return False, None
    if not parallel:
        raise OptionError("backend", f"{value!r} runs in other processes, and parallel=False forbids them")
    if value == "processes":
        return True, None
    if isinstance(value, str):
        return True, _named(value)
    if not (hasattr(value, "make") and hasattr(value, "capabilities")) or isinstance(value, type):
        raise OptionError(
            "backend", f"must be a name, a name://address or an object like DaskBackend(), got {value!r}"
        )
    return True, value


def _named(text: str) -> BackendFactory:
    name, _, address = text.partition("://")
    make = _find(name)
    return make(address or None)


def _find(name: str) -> Callable[[str | None], BackendFactory]:
    if name in _OURS:
        ours: Callable[[str | None], BackendFactory] = EntryPoint(name, _OURS[name], GROUP).load()
        return ours
    offered = entry_points(group=GROUP)
    for entry in offered:
        if entry.name == name:
            found: Callable[[str | None], BackendFactory] = entry.load()
            return found
    names = sorted({*LOCAL, *_OURS, *(entry.name for entry in offered)})
    raise OptionError(
        "backend", f"there is no {name!r}; there are {', '.join(names)}, and what packages offer as {GROUP!r}"
    )


def require(module: str, what: str, extra: str) -> None:
    """Check that a package is installed.

    Raises
    ------
    MissingPackageError
        If it is not; names the extra.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingPackageError(what, f"research-runner[{extra}]")
