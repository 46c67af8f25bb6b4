"""Parameters whose names are paths into the values of others: whether anything can be set there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from research_domain.alias import value_of
from research_domain.errors import ParameterError

Values = tuple[str, "Iterable[Any] | None"]
"""Name of a parameter and its values, or aliases of them; None if they are drawn and not known before."""


def check_paths(parameters: Iterable[Values], others: Iterable[str]) -> None:
    """Check that no parameter has to be set inside a value of another one that is no mapping."""
    paths = sorted(name for name in others if "/" in name)
    if not paths:
        return
    for name, values in parameters:
        for path in paths:
            if path.startswith(f"{name}/"):
                _check_values(name, values, path)


def _check_values(name: str, values: Iterable[Any] | None, path: str) -> None:
    advice = f"give {name!r} mappings alone, or rename one of them"
    if values is None:
        raise ParameterError(
            path, f"leads into {name!r}, whose values are drawn and may be anything; list them, or rename one"
        )
    for value in map(value_of, values):
        inner = value
        for part in path[len(name) + 1 :].split("/"):
            if not isinstance(inner, Mapping):
                problem = f"leads into {name!r}, but nothing can be set inside its value {value!r}"
                raise ParameterError(path, f"{problem}; {advice}")
            inner = inner.get(part, {})
