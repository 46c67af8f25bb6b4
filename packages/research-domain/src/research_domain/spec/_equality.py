"""Equality of what domains consist of: the same parts, put together in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from research_domain._counting import span_length
from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._filters import Filter, Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.alias import Alias, as_alias
from research_domain.spec._sources import sampler_of
from research_domain.values import same

if TYPE_CHECKING:
    from collections.abc import Sequence

    Pools = tuple[tuple[Alias, Sequence[Any]], ...]

__all__ = ["equal"]


def equal(left: Body, right: Body) -> bool:
    """Tell whether two bodies have equal terms."""
    return len(left.terms) == len(right.terms) and all(map(_same_terms, left.terms, right.terms))


def _same_terms(left: Term, right: Term) -> bool:
    if left.weight != right.weight or not _same_filters(left.filters, right.filters):
        return False
    if isinstance(left.source, Node) and isinstance(right.source, Node):
        return _same_nodes(left.source, right.source)
    if isinstance(left.source, Body) and isinstance(right.source, Body):
        return equal(left.source, right.source)
    return False


def _same_filters(left: tuple[Filter, ...], right: tuple[Filter, ...]) -> bool:
    return len(left) == len(right) and all(
        one.keys == other.keys and same(one.predicate, other.predicate)
        for one, other in zip(left, right, strict=True)
    )


def _same_nodes(left: Node, right: Node) -> bool:
    if isinstance(left, Grid | Span) and isinstance(right, Grid | Span):
        return _same_pools(_pools(left), _pools(right))
    if type(left) is not type(right):
        return False
    if isinstance(left, Draw) and isinstance(right, Draw):
        one, other = sampler_of(left.source), sampler_of(right.source)
        return _same_aliases(left.key, right.key) and (one == other or same(one, other))
    if isinstance(left, Fixed) and isinstance(right, Fixed):
        return equal(left.body, right.body)
    if isinstance(left, Kept | Redraw) and isinstance(right, Kept | Redraw):
        (one,), (other,) = left.children, right.children
        return _same_filters(left.filters, right.filters) and _same_nodes(one, other)
    return len(left.children) == len(right.children) and all(map(_same_nodes, left.children, right.children))


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
    return _length(left) == _length(right) and all(
        _same_aliases(as_alias(one), as_alias(other)) for one, other in zip(left, right, strict=True)
    )


def _length(values: Sequence[Any]) -> int:
    return span_length(values) if isinstance(values, range) else len(values)


def _same_aliases(left: Alias, right: Alias) -> bool:
    return left.given == right.given and left == right
