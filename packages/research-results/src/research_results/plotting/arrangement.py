"""Which parameters become colours and which panels, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from research_results.plotting.factors import Factor, Split, refined, split
from research_results.reading.gather import Ints

MOST_PANELS = 9


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Configs by colour and panel."""

    colors: Split
    panels: Split
    """At most as many groups as there are colours, or panels."""
    left_out: tuple[str, ...]
    """Colours, then panels, for which there was no place."""


def arrange(
    varying: Sequence[Factor],
    drawn: Ints,
    by: Sequence[Factor] | None,
    facets: Sequence[Factor] | None,
    limit: int,
    *,
    points: bool = False,
) -> Arrangement:
    """Tell the configs that are drawn apart by colours, of which there are `limit`, and by panels.

    `varying` are the parameters that tell them apart; `by` and `facets` are those that were named for colours
    and panels, and None chooses as many as are needed. Of `points` many may have one colour, so that
    parameters for which there is no place need none.
    """
    rest = [factor for factor in varying if factor not in (*(by or ()), *(facets or ()))]
    if by is None and facets is None:
        by, facets = _share(rest, drawn, limit, points=points)
    elif by is None:
        by = _fitting(rest, drawn, limit) if points else rest
    elif facets is None:
        own = needed(by, rest, drawn)
        facets = [] if points and _count(own, drawn) > MOST_PANELS else own
    colors, more_colors = _limited(split(by, drawn), limit)
    panels, more_panels = _limited(split(facets or (), drawn, named=True), MOST_PANELS)
    return Arrangement(colors, panels, (*more_colors, *more_panels))


def _share(
    factors: Sequence[Factor], drawn: Ints, limit: int, *, points: bool
) -> tuple[list[Factor], list[Factor]]:
    """Give colours to all parameters if there are enough, else panels to those with the fewest values."""
    by, facets = list(factors), list[Factor]()
    for factor in sorted(factors, key=lambda factor: factor.distinct):
        if _count(by, drawn) <= limit:
            return by, facets
        if _count([*facets, factor], drawn) <= MOST_PANELS:
            by.remove(factor)
            facets.append(factor)
    if _count(by, drawn) <= limit:
        return by, facets
    return (_fitting(factors, drawn, limit), []) if points else (list(factors), [])


def _fitting(factors: Sequence[Factor], drawn: Ints, limit: int) -> list[Factor]:
    """Return parameters for which there are colours enough."""
    chosen: list[Factor] = []
    for factor in sorted(factors, key=lambda factor: factor.distinct):
        if _count([*chosen, factor], drawn) <= limit:
            chosen.append(factor)
    return [factor for factor in factors if factor in chosen]


def needed(by: Sequence[Factor], rest: Sequence[Factor], drawn: Ints) -> list[Factor]:
    """Return the parameters that distinguish configs of the same colour."""
    numbers = np.zeros(len(drawn), np.int64)
    for factor in by:
        numbers = refined(numbers, factor.codes[drawn])
    chosen = []
    for factor in rest:
        finer = refined(numbers, factor.codes[drawn])
        if finer.max(initial=0) > numbers.max(initial=0):
            numbers = finer
            chosen.append(factor)
    return chosen


def _count(factors: Sequence[Factor], drawn: Ints) -> int:
    return len(split(factors, drawn))


def _limited(groups: Split, limit: int) -> tuple[Split, tuple[str, ...]]:
    """Return the first groups, and what the others are called."""
    if len(groups) <= limit:
        return groups, ()
    numbers = np.where(groups.numbers < limit, groups.numbers, -1)
    return Split(numbers, groups.labels[:limit], groups.title), groups.labels[limit:]
