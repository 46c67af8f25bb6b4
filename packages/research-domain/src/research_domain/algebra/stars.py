"""Ablations: a base config, and configs that differ from it in one parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from research_domain.alias import ConfigAlias, as_alias
from research_domain.config import Config
from research_domain.errors import ParameterError, hint
from research_domain.values import same


def star_options(base: Any, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of each summand of a star: the base, then one parameter after another."""
    names = _flat(base)
    centre = {name: [value] for name, value in names.items()}
    summands = [centre]
    for name, values in options.items():
        if name not in centre:
            close = hint(name, centre, most=1)
            raise ParameterError(name, f"the base has no such parameter{close}; it has {', '.join(centre)}")
        others = [value for value in _listed(name, values) if not _equal(value, names[name])]
        if others:
            summands.append({**centre, name: others})
    return summands


def _flat(base: Any) -> dict[str, Any]:
    """Return name to value, or alias of a value."""
    if isinstance(base, ConfigAlias):
        return {str(key.value): value for key, value in base.pairs if key.value not in base.auxiliary}
    if isinstance(base, Mapping | Config):
        return Config(base).flatten() if base else {}
    raise ParameterError("base", f"expected a mapping from names to values, got {base!r}")


def _listed(name: str, values: Any) -> Iterable[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ParameterError(name, f"expected a list of values, got {values!r}; write [{values!r}]")
    return values


def _equal(value: Any, other: Any) -> bool:
    """Tell whether two values, or aliases of values, are one config."""
    one, another = as_alias(value), as_alias(other)
    return type(one.value) is type(another.value) and same(one.value, another.value)
