"""Equality of domains: the same parts, combined in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from research_domain._counting import span_length
from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._filters import Filter, Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.alias import Alias, as_alias
from research_domain.spec._sources import sampler_of
from research_domain.values import same

Part = Body | Term | Node | Filter
Pools = tuple[tuple[Alias, Sequence[Any]], ...]


def equal(left: Part, right: Part) -> bool:
    """Tell whether two parts of domains are put together alike."""
    if isinstance(left, Grid | Span) and isinstance(right, Grid | Span):
        return _same_pools(_pools(left), _pools(right))
    if type(left) is not type(right):
        return False
    if isinstance(left, Filter) and isinstance(right, Filter):
        return left.keys == right.keys and same(left.predicate, right.predicate)
    if isinstance(left, Draw) and isinstance(right, Draw):
        one, other = sampler_of(left.source), sampler_of(right.source)
        return _same_aliases(left.key, right.key) and (one == other or same(one, other))
    if isinstance(left, Term) and isinstance(right, Term) and left.weight != right.weight:
        return False
    mine, theirs = _parts(left), _parts(right)
    return len(mine) == len(theirs) and all(map(equal, mine, theirs))


def _parts(part: Part) -> tuple[Part, ...]:
    match part:
        case Body():
            return part.terms
        case Term():
            return (part.source, *part.filters)
        case Fixed():
            return (part.body,)
        case Kept() | Redraw():
            return (*part.children, *part.filters)
        case Node():
            return part.children
    return ()


def _pools(node: Grid | Span) -> Pools:
    return node.pools if isinstance(node, Grid) else ((node.key, node.values),)


def _same_pools(left: Pools, right: Pools) -> bool:
    return len(left) == len(right) and all(
        _same_aliases(key, other) and _same_values(values, others)
        for (key, values), (other, others) in zip(left, right, strict=True)
    )


def _same_values(left: Sequence[Any], right: Sequence[Any]) -> bool:
    if isinstance(left, range) and isinstance(right, range):
        return left == right
    sizes = [span_length(each) if isinstance(each, range) else len(each) for each in (left, right)]
    return sizes[0] == sizes[1] and all(
        _same_aliases(as_alias(one), as_alias(other)) for one, other in zip(left, right, strict=True)
    )


def _same_aliases(left: Alias, right: Alias) -> bool:
    return left.given == right.given and left == right
