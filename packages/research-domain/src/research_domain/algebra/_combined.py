"""Combined nodes: products, zips and concatenations of grids."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from operator import add, itemgetter
from typing import Any, TypeVar

from research_domain.algebra._draws import Draws
from research_domain.algebra._nodes import Draw, Found, Grid, Node, Span
from research_domain.alias import Pair, Pairs, unique

Part = TypeVar("Part")


class Product(Node):
    """All combinations of the points of factors, the last of which varies fastest."""

    __slots__ = ("children", "has_draws", "overlap")

    def __init__(self, factors: tuple[Node, ...]) -> None:
        self.children = factors
        self.has_draws = any(factor.has_draws for factor in factors)
        self.overlap = _overlapping(factors)

    @staticmethod
    def of(factors: Iterable[Node]) -> Node:
        """Return the simplest node with the same points, nested products and neighbouring grids joined."""
        joined: list[Node] = []
        for factor in factors:
            for node in factor.children if isinstance(factor, Product) else (factor,):
                last = joined[-1] if joined else None
                if isinstance(last, Grid) and isinstance(node, Grid) and not last.keys & node.keys:
                    joined[-1] = Grid(last.pools + node.pools)
                else:
                    joined.append(node)
        joined = [node for node in joined if not (isinstance(node, Grid) and not node.pools)]
        if len(joined) == 1:
            return joined[0]
        return Product(tuple(joined)) if joined else Grid()

    @property
    def points(self) -> int:
        return prod(factor.points for factor in self.children)

    @property
    def endless_at(self) -> int | None:
        point = 0
        for factor in self.children:
            first = factor.endless_at
            if first is None:
                return None
            point = point * factor.points + first
        return point

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        pairs: Pairs = ()
        for factor in reversed(self.children):
            point, inner = divmod(point, factor.points)
            pairs = factor.at(inner, draw, draws) + pairs
        return unique(pairs) if self.overlap else pairs

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        pairs = self._walk(start, draw, draws)
        return map(unique, pairs) if self.overlap else pairs

    def _walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        fixed = tuple(factor for factor in self.children if not factor.has_draws)
        drawn = tuple(factor for factor in self.children if isinstance(factor, Draw))
        order = self._order()
        if order is None or len(fixed) + len(drawn) < len(self.children):
            return super().walk(start, draw, draws)
        points = _nested(fixed, start, draws)
        if not drawn:
            return points
        values = zip(*(draws.stream(leaf, draw) for leaf in drawn), strict=False)
        joined: Iterator[Pairs] = map(add, points, values)
        return map(itemgetter(*order), joined) if order else joined

    def _order(self) -> tuple[int, ...] | None:
        """Return how drawn pairs go back between the others; empty if they come last, None if unknown."""
        kinds = [factor.has_draws for factor in self.children]
        if kinds == sorted(kinds):
            return ()
        widths = [len(factor.pools) if isinstance(factor, Grid) else 1 for factor in self.children]
        if not all(isinstance(factor, Grid | Span | Draw) for factor in self.children):
            return None
        offsets = {False: 0, True: sum(w for w, kind in zip(widths, kinds, strict=True) if not kind)}
        order: list[int] = []
        for width, kind in zip(widths, kinds, strict=True):
            order.extend(range(offsets[kind], offsets[kind] + width))
            offsets[kind] += width
        return tuple(order)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        return _find_product(self.children, query, hidden, ranked)

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        return Product(children)


class Zip(Node):
    """Points of equally long nodes, joined one by one."""

    __slots__ = ("children", "has_draws", "overlap")

    def __init__(self, left: Node, right: Node) -> None:
        self.children = (left, right)
        self.has_draws = left.has_draws or right.has_draws
        self.overlap = _overlapping(self.children)

    @property
    def points(self) -> int:
        return self.children[0].points

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        left, right = self.children
        pairs = left.at(point, draw, draws) + right.at(point, draw, draws)
        return unique(pairs) if self.overlap else pairs

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        left, right = self.children
        pairs: Iterator[Pairs]
        if (columns := self.columns(start)) is not None:
            pairs = zip(*columns, strict=True)
        else:
            pairs = map(add, left.walk(start, draw, draws), right.walk(start, draw, draws))
        return map(unique, pairs) if self.overlap else pairs

    def columns(self, start: int) -> list[Iterator[Pair]] | None:
        columns = [child.columns(start) for child in self.children]
        return None if None in columns else [column for some in columns for column in some or ()]

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        left, right = self.children
        for point, paths in right.find(query, hidden, True):
            for twin, others in left.find(query, hidden | paths, True):
                if twin == point:
                    yield point, paths | others

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        return Zip(*children)


class Concat(Node):
    """Points of nodes, one node after another."""

    __slots__ = ("_ends", "children", "has_draws")

    def __init__(self, parts: tuple[Node, ...], has_draws: bool) -> None:
        self.children = parts
        self.has_draws = has_draws
        self._ends: tuple[int, ...] = ()

    @staticmethod
    def of(left: Node, right: Node) -> Concat:
        """Return the points of one node, then those of another, without nesting."""
        parts = [part.children if isinstance(part, Concat) else (part,) for part in (left, right)]
        return Concat((*parts[0], *parts[1]), left.has_draws or right.has_draws)

    @property
    def ends(self) -> tuple[int, ...]:
        """For each part the number of points up to and including it."""
        if not self._ends:
            self._ends = tuple(itertools.accumulate(part.points for part in self.children))
        return self._ends

    @property
    def points(self) -> int:
        return self.ends[-1]

    @property
    def endless(self) -> bool:
        return any(part.endless for part in self.children)

    @property
    def endless_at(self) -> int | None:
        for number, part in enumerate(self.children):
            if (first := part.endless_at) is not None:
                return first + (self.ends[number - 1] if number else 0)
        return None

    def locate(self, point: int) -> tuple[Node, int]:
        """Return the part that a point is in, and its index there."""
        number = bisect_right(self.ends, point)
        return self.children[number], point - (self.ends[number - 1] if number else 0)

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        part, inner = self.locate(point)
        return part.at(inner, draw, draws)

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        parts = self.children
        if start and self._ends:
            first = bisect_right(self._ends, start)
            parts, start = parts[first:], start - (self._ends[first - 1] if first else 0)
        return in_turn(
            parts,
            start,
            draw,
            lambda part, index, number: part.walk(index, number, draws),
            lambda part: part.points,
        )

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        for number, part in enumerate(self.children):
            for point, paths in part.find(query, hidden, ranked):
                yield point + (self.ends[number - 1] if number and ranked else 0), paths

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        return Concat(children, self.has_draws)


def in_turn(
    parts: Iterable[Part],
    index: int,
    draw: int,
    walk: Callable[[Part, int, int], Iterator[Pairs]],
    count: Callable[[Part], int],
) -> Iterator[Pairs]:
    """Yield what parts produce, one after another, from an index on, with draws from an index on.

    `count` is only called for parts that are passed over, as counting may be expensive.
    """
    for part in parts:
        before = draw
        for pairs in walk(part, index, draw):
            yield pairs
            draw += 1
        index = index - count(part) if index and draw == before else 0


def held(node: Node, point: int, draw: int, draws: Draws) -> Iterator[Pairs]:
    """Yield one point again and again, with new draws each time, without end."""
    while isinstance(node, Concat):
        node, point = node.locate(point)
    leaves: Sequence[Node] = node.children if isinstance(node, Product) else (node,)
    drawn = [leaf for leaf in leaves if isinstance(leaf, Draw)]
    if len(drawn) == len(leaves):
        pairs: Iterator[Pairs] = zip(*(draws.stream(leaf, draw) for leaf in drawn), strict=False)
        return map(unique, pairs) if isinstance(node, Product) and node.overlap else pairs
    return (node.at(point, index, draws) for index in itertools.count(draw))


def _overlapping(nodes: tuple[Node, ...]) -> bool:
    keys = [node.keys for node in nodes]
    return sum(map(len, keys)) != len(frozenset().union(*keys))


def _nested(factors: tuple[Node, ...], start: int, draws: Draws) -> Iterator[Pairs]:
    """Yield the combinations of points of factors without draws, the last of which varies fastest."""
    if not factors:
        return iter(((),))
    if len(factors) == 1:
        return factors[0].walk(start, 0, draws)
    return _nested_loop(factors[0], factors[1:], start, draws)


def _nested_loop(head: Node, tail: tuple[Node, ...], start: int, draws: Draws) -> Iterator[Pairs]:
    outer, inner = divmod(start, prod(factor.points for factor in tail)) if start else (0, 0)
    for left in head.walk(outer, 0, draws):
        for right in _nested(tail, inner, draws):
            yield left + right
        inner = 0


def _find_product(
    factors: tuple[Node, ...], query: Mapping[str, Any], hidden: frozenset[str], ranked: bool
) -> Iterator[Found]:
    if not factors:
        yield 0, frozenset()
        return
    *others, last = factors
    for inner, paths in last.find(query, hidden, ranked):
        for point, more in _find_product(tuple(others), query, hidden | paths, ranked):
            yield point * last.points + inner if ranked else 0, paths | more
