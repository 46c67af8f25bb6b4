"""Adapters: everything that values can be taken from, as a grid node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from research_domain._counting import span_length
from research_domain.algebra._draws import ValueSource
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.algebra._reseeding import can_be_reseeded, reseeded
from research_domain.alias import PLAIN, Alias, as_alias, check_key
from research_domain.errors import AliasError, ParameterError
from research_domain.values import digest
from research_domain.values.names import takes

LONGEST_GRID = 4096
"""Ranges up to this length are written out, which makes them faster."""


class Native(ValueSource):
    """A sampler whose method ``sample(size, rng)`` takes a generator."""

    __slots__ = ()

    def draw(self, name: str, size: int, rng: np.random.Generator) -> list[Any]:
        return as_values(name, self.sampler.sample(size, rng=rng), size)


class Frozen(ValueSource):
    """A frozen distribution of ``scipy.stats``."""

    __slots__ = ()

    def draw(self, name: str, size: int, rng: np.random.Generator) -> list[Any]:
        return as_values(name, self.sampler.rvs(size=size, random_state=rng), size)


class Holding(ValueSource):
    """An object with ``sample(size)`` that holds generators: each block is drawn from a copy with another."""

    __slots__ = ()

    def draw(self, name: str, size: int, rng: np.random.Generator) -> list[Any]:
        return as_values(name, reseeded(self.sampler, rng).sample(size), size)


class Foreign(ValueSource):
    """An object with ``sample(size)`` alone, which cannot be seeded."""

    __slots__ = ()
    repeatable = False

    def draw(self, name: str, size: int, rng: np.random.Generator) -> list[Any]:
        return as_values(name, self.sampler.sample(size), size)


def as_source(values: Any) -> ValueSource | None:
    """Return where to draw values from, None if `values` is not something to draw from."""
    if isinstance(values, type):
        return None
    if callable(sample := getattr(values, "sample", None)) and not hasattr(values, "__array__"):
        if takes(sample, "rng"):
            return Native(values)
        return Holding(values) if can_be_reseeded(values) else Foreign(values)
    return Frozen(values) if callable(getattr(values, "rvs", None)) else None


def as_values(name: str, sample: Any, size: int) -> list[Any]:
    """Turn a sample into a list: scalars if one-dimensional, arrays otherwise."""
    if isinstance(sample, list | tuple):
        values = list(sample)
    else:
        array = np.asarray(sample)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        values = array.tolist() if array.ndim == 1 else list(array)
    if len(values) != size:
        raise ParameterError(name, f"the sampler was asked for {size} values and gave {len(values)}")
    return values


def option_node(key: Any, values: Any) -> Node:
    """Return the node of one parameter."""
    name = check_key(key)
    if (source := as_source(values)) is not None:
        return Draw(name, source)
    if isinstance(values, range) and span_length(values) > LONGEST_GRID:
        return Span(name, values)
    pool = tuple(listed(name.value, values))
    if not PLAIN.issuperset(map(type, pool)):
        pool = tuple(value if type(value) in PLAIN else as_alias(value) for value in pool)
        _check_aliases(name.value, pool)
    return Grid(((name, pool),))


def _check_aliases(name: str, listed: Sequence[Any]) -> None:
    """Refuse two different values with the same explicit alias."""
    chosen: dict[str, Any] = {}
    for alias in listed:
        if isinstance(alias, Alias) and alias.given:
            first = chosen.setdefault(alias.alias, alias.value)
            if first is not alias.value and digest(first) != digest(alias.value):
                raise AliasError(name, alias.alias)


def listed(name: str, values: Any) -> Sequence[Any]:
    """Return values that have an order and are at least one."""
    if isinstance(values, str | bytes):
        raise ParameterError(name, f"values are a list, got the string {values!r}; write [{values!r}]")
    if isinstance(values, Mapping):
        raise ParameterError(
            name,
            f"values are a list, got a mapping with keys {list(values)}; write a list of mappings, "
            f"or paths such as {name + '/' + str(next(iter(values), 'key'))!r} as names of parameters",
        )
    if isinstance(values, list | tuple | range):
        found: Sequence[Any] = values
    elif hasattr(values, "__array__"):
        found = _from_array(name, np.asarray(values))
    else:
        raise ParameterError(
            name,
            f"values are a list, tuple, array, range or sampler, got {values!r} ({type(values).__name__})",
        )
    if not len(found):
        raise ParameterError(name, "the list of values is empty; leave the parameter out or give it values")
    return found


def _from_array(name: str, array: np.ndarray[Any, Any]) -> list[Any]:
    if not array.ndim:
        raise ParameterError(name, f"values are a list, got an array without dimensions, {array!r}")
    exact = array.ndim == 1 and array.dtype in (np.int64, np.float64, np.bool_)
    return list(array.tolist()) if exact or array.dtype.kind in "OU" else list(array)
