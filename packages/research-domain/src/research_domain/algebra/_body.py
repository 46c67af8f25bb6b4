"""Body: what a domain consists of, and the operators upon it.

A body is a sum of terms. A term may have a weight and filters; all that has neither is a single grid, so that
lengths and indices stay arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from research_domain._counting import take
from research_domain.algebra._combined import Concat, Product, Zip
from research_domain.algebra._draws import Draws
from research_domain.algebra._filters import Constraint, Filter, Kept, Redraw, passes
from research_domain.algebra._nodes import Draw, Found, Grid, Node
from research_domain.algebra._paths import Values, check_paths
from research_domain.algebra._sequences import Chain, Filtered, Mixture, Run, Sequence
from research_domain.alias import ConfigAlias, Pairs


@dataclass(slots=True, eq=False)
class Term:
    """A summand: a grid, or a sum that filters stand upon."""

    source: Node | Body
    weight: float | None = None
    filters: tuple[Filter, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is nothing but a grid."""
        return self.weight is None and not self.filters and isinstance(self.source, Node)


@dataclass(slots=True, eq=False)
class Body:
    """A sum of terms."""

    terms: tuple[Term, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Names of all parameters."""
        return frozenset(name for name, _ in self.parameters())

    def parameters(self) -> Iterator[Values]:
        """Yield the name and the values of each parameter, as often as it occurs."""
        for term in self.terms:
            yield from term.source.parameters()

    @property
    def node(self) -> Node | None:
        """The grid that this is, None if it has weights or filters."""
        source = self.terms[0].source
        return source if len(self.terms) == 1 and self.terms[0].plain and isinstance(source, Node) else None


class Fixed(Node):
    """A finite sum with weights as a grid, so that it can be joined to another one by one."""

    __slots__ = ("body", "has_draws", "sequence", "size")

    def __init__(self, body: Body, size: int, sequence: Sequence | None = None) -> None:
        self.body = body
        self.size = size
        self.sequence = sequence if sequence is not None else Chain(())
        self.has_draws = True

    @property
    def points(self) -> int:
        return self.size

    def parameters(self) -> Iterator[Values]:
        return self.body.parameters()

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        return self.sequence.at(point, draw, draws)

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        return take(self.sequence.walk(start, draw, draws), self.size - start)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        raise LookupError("the position of a config in a mixture is known by enumeration alone")


def join(bodies: Iterable[Body]) -> Body:
    """Return the sum of bodies: neighbouring grids become one."""
    terms: list[Term] = []
    for term in itertools.chain.from_iterable(body.terms for body in bodies):
        last = terms[-1] if terms else None
        if last is not None and last.plain and term.plain:
            terms[-1] = Term(Concat.of(last.source, term.source))  # type: ignore[arg-type]
        else:
            terms.append(term)
    return Body(tuple(terms))


def weighted(body: Body, weight: float) -> Body:
    """Multiply the weights of all summands."""
    terms: list[Term] = []
    for term in body.terms:
        parts = term.source.children if term.plain and isinstance(term.source, Concat) else (term.source,)
        whole = weight if term.weight is None else weight * term.weight
        terms.extend(Term(part, whole, term.filters) for part in parts)
    return Body(tuple(terms))


def filtered(body: Body, predicate: Callable[..., Any]) -> Body:
    """Keep what a predicate likes."""
    new = (Filter(predicate),)
    if len(body.terms) > 1:
        return Body((Term(body, None, new),))
    (term,) = body.terms
    return Body((_filtered(term.source, term.weight, term.filters, new),))


def _filtered(
    source: Node | Body, weight: float | None, old: tuple[Filter, ...], new: tuple[Filter, ...]
) -> Term:
    if isinstance(source, Kept):
        return Term(Kept(source.children[0], source.filters + new), weight)
    if isinstance(source, Node) and not source.has_draws:
        return Term(Kept(source, new), weight)
    return Term(source, weight, old + new)


def cross(left: Body, right: Body) -> Body:
    """Combine each config of one body with each of another."""
    _check_joined(left, right)
    if left.node is not None and right.node is not None:
        return Body((Term(Product.of((left.node, right.node))),))
    for one, other in ((left, right), (right, left)):
        if isinstance(one.node, Grid) and not one.node.pools:
            return other
    pairs = itertools.product(_factors(left), _factors(right))
    return join(_cross_terms(one, other) for one, other in pairs)


def _factors(body: Body) -> Iterator[Term]:
    """Yield terms with filters that can be combined: filters of draws alone draw again."""
    for term in body.terms:
        parts: tuple[Node | Body, ...] = (term.source,)
        if term.filters and isinstance(term.source, Concat):
            parts = term.source.children
        for part in parts:
            if not term.filters or isinstance(part, Body):
                yield Term(part, term.weight, term.filters)
            elif part.points == 1 and part.endless_at == 0:
                yield Term(Redraw(part, term.filters), term.weight)
            else:
                yield _filtered(part, term.weight, (), term.filters)


def _cross_terms(left: Term, right: Term) -> Body:
    weight = _weight_of(left, right)
    filters = [one.narrowed(term.source.keys) for term in (left, right) for one in term.filters]
    body = Body((Term(_cross_sources(left.source, right.source), None, tuple(filters)),))
    return body if weight is None else weighted(body, weight)


def _weight_of(*terms: Term) -> float | None:
    """Return the weight of a combination of terms, or None if no term has one."""
    weights = [term.weight for term in terms if term.weight is not None]
    return prod(weights) if weights else None


def _cross_sources(left: Node | Body, right: Node | Body) -> Node | Body:
    if isinstance(left, Node) and isinstance(right, Node):
        return Product.of((left, right))
    return cross(*(Body((Term(one),)) if isinstance(one, Node) else one for one in (left, right)))


def zipped(left: Body, right: Body, size: int) -> Body:
    """Join finite bodies of one size config by config."""
    _check_joined(left, right)
    weight = _weight_of(*(body.terms[0] for body in (left, right) if len(body.terms) == 1))
    return Body((Term(Zip(_as_node(left, size), _as_node(right, size)), weight),))


def _check_joined(left: Body, right: Body) -> None:
    """Check that the paths of one body can be set in the values of the other."""
    check_paths(left.parameters(), right.keys)
    check_paths(right.parameters(), left.keys)


def _as_node(body: Body, size: int) -> Node:
    source = body.terms[0].source
    return source if len(body.terms) == 1 and isinstance(source, Node) else Fixed(body, size)


def has_filters(body: Body) -> bool:
    """Tell whether the length depends on draws."""
    return any(
        term.filters or (isinstance(term.source, Body) and has_filters(term.source)) for term in body.terms
    )


def is_random(body: Body) -> bool:
    """Tell whether any config depends on the seed."""
    return any(
        term.weight is not None or isinstance(term.source, Body) or term.source.has_draws
        for term in body.terms
    )


def constraints(sequence: Sequence, draws: Draws) -> Iterator[Constraint]:
    """Yield what each ``where`` removed, in the order of the terms."""
    for part in parts_of(sequence):
        if isinstance(part, Filtered | Kept | Redraw):
            yield part.constraint(draws)


def is_filter(part: Sequence | Node) -> bool:
    """Tell whether a part leaves an unknown number of configs."""
    return isinstance(part, Filtered | Kept)


def parts_of(part: Sequence | Node) -> Iterator[Sequence | Node]:
    """Yield a sequence or node and all that it consists of."""
    yield part
    for inner in (part.sequence,) if isinstance(part, Fixed) else part.children:
        yield from parts_of(inner)


def unrepeatable(sequence: Sequence) -> tuple[str, ...]:
    """Return the names of the parameters whose draws no seed repeats, sorted."""
    drawn = (part for part in parts_of(sequence) if isinstance(part, Draw))
    return tuple(sorted({part.key.value for part in drawn if not part.source.repeatable}))


class _Streams:
    """Numbers for nodes that draw, and for nodes that keep draws, by their order in the body."""

    __slots__ = ("leaves", "others")

    def __init__(self) -> None:
        self.leaves = itertools.count()
        self.others = itertools.count(2**31)


def compiled(body: Body) -> Sequence:
    """Return what a body produces, its random streams numbered."""
    return _sequence(body, _Streams())


def _sequence(body: Body, streams: _Streams) -> Sequence:
    groups: list[Sequence] = []
    for has_weight, terms in itertools.groupby(body.terms, key=lambda term: term.weight is not None):
        members = tuple(terms)
        parts = tuple(_term(term, streams) for term in members)
        if has_weight and len(parts) > 1:
            groups.append(Mixture(parts, tuple(term.weight or 0.0 for term in members), next(streams.others)))
        else:
            groups.extend(parts)
    return groups[0] if len(groups) == 1 else Chain(tuple(groups))


def _term(term: Term, streams: _Streams) -> Sequence:
    if isinstance(term.source, Body):
        base = _sequence(term.source, streams)
    else:
        base = Run(_numbered(term.source, streams))
    return Filtered(base, term.filters, next(streams.others)) if term.filters else base


def _numbered(node: Node, streams: _Streams) -> Node:
    if isinstance(node, Draw):
        return Draw(node.key, node.source, next(streams.leaves))
    if isinstance(node, Fixed):
        return Fixed(node.body, node.size, _sequence(node.body, streams))
    if not node.has_draws:
        return node
    children = tuple(_numbered(child, streams) for child in node.children)
    if isinstance(node, Redraw):
        return Redraw(children[0], node.filters, next(streams.others))
    return node.rebuilt(children)


def contains(body: Body, query: Mapping[str, Any]) -> bool:
    """Tell whether a flat config is one of a body's; a LookupError if only enumeration can tell."""
    pairs = ConfigAlias(query).pairs
    return any(
        all(passes((one,), pairs) for one in term.filters)
        for term in body.terms
        if _holds(term.source, query)
    )


def _holds(source: Node | Body, query: Mapping[str, Any]) -> bool:
    if isinstance(source, Body):
        return contains(source, query)
    return any(paths == query.keys() for _, paths in source.find(query, frozenset()))
