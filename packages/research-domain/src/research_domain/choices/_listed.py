"""Listed values as a question about their index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Real as RealNumber
from typing import Any

from research_domain.alias import as_alias, name_of, value_of
from research_domain.choices.kinds import Category, Choice, Integer
from research_domain.values import digest, same

_FEW = 3
"""From so many numbers on, their order tells a search something."""


def listed(
    values: Iterable[Any], weights: Sequence[float] | None = None
) -> tuple[tuple[Any, ...], Choice | None]:
    """Return different values, and the question which of them; None if there is only one.

    The weights say how often each is drawn; what is never drawn is left out.
    """
    kept: dict[Any, Any] = {}
    counts: Counter[Any] = Counter()
    for number, value in enumerate(values):
        weight = 1.0 if weights is None else weights[number]
        if weight:
            alias = as_alias(value)
            mark = (alias.alias if alias.given else None, digest(alias.value))
            kept.setdefault(mark, value)
            counts[mark] += weight  # type: ignore[assignment]
    different = tuple(kept.values())
    if len(different) == 1:
        return different, None
    names = distinct([name_of(value) for value in different])
    if weights is None and _are_ordered([value_of(value) for value in different]):
        return different, Integer(0, len(different) - 1, names)
    return different, Category(names, None if weights is None else shares([counts[mark] for mark in kept]))


def shares(weights: Sequence[float]) -> tuple[float, ...]:
    """Return weights that sum up to 1."""
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return distinct names; repeated ones get a number."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(found) if len(set(found)) == len(found) else tuple(f"{n}: {s}" for n, s in enumerate(names))


def _are_ordered(values: list[Any]) -> bool:
    """Tell whether values are numbers that grow or fall, so that neighbours are alike."""
    if len(values) < _FEW or any(isinstance(v, bool) or not isinstance(v, RealNumber) for v in values):
        return False
    pairs = list(pairwise(values))
    return all(one < other for one, other in pairs) or all(one > other for one, other in pairs)


def index_of(values: Sequence[Any], value: Any) -> int:
    """Return the index of a value; an equal value of the same type is preferred."""
    found = [number for number, one in enumerate(values) if same(value_of(one), value)]
    return min(found, key=lambda number: type(value_of(values[number])) is not type(value))
