"""Nodes: finite grids of points, never materialised.

A point is a tuple of pairs (key, value). A sampled parameter is a grid of a single point whose value is drawn
anew for each index. Lengths and indices are arithmetic.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from math import prod
from operator import add, itemgetter
from typing import TYPE_CHECKING, Any

from research_domain._compare import same
from research_domain.alias import Alias, Pair, Pairs, unique
from research_domain.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np

    from research_domain._adapters import Source
    from research_domain._draws import Draws

__all__ = ["Concat", "Draw", "Found", "Grid", "Node", "Product", "Query", "Span", "Zip", "held"]

Query = "Mapping[str, Any]"
"""Flat config that is looked for: path to value."""

Found = tuple[int, frozenset[str]]
"""A point that agrees with a query, and the paths of the query that it accounts for."""


class Node:
    """A grid of points."""

    __slots__ = ()

    has_draws: bool
    children: tuple[Node, ...] = ()

    @property
    def points(self) -> int:
        """Number of points; a sampled parameter counts as one."""
        raise NotImplementedError

    @property
    def keys(self) -> frozenset[str]:
        """Names of all parameters that a point may have."""
        return frozenset().union(*(child.keys for child in self.children))

    @property
    def endless_at(self) -> int | None:
        """Index of the first point that consists of sampled parameters alone, None if there is none."""
        return None

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        """Return a point; sampled parameters have their values with the index `draw`."""
        raise NotImplementedError

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        """Yield the points from `start` to the last, the index of draws growing by one each."""
        for step, point in enumerate(range(start, self.points)):
            yield self.at(point, draw + step, draws)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        """Yield points that agree with a query; `hidden` paths are overridden by others and do not count."""
        raise NotImplementedError

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        """Return the same operation upon other children."""
        raise NotImplementedError


class Grid(Node):
    """All combinations of the values of parameters, the last of which varies fastest.

    Parameters
    ----------
    pools : tuple of tuples of pairs
        For each parameter its pairs (key, value); none at all means the one empty config.
    """

    __slots__ = ("has_draws", "pools")

    def __init__(self, pools: tuple[tuple[Pair, ...], ...] = ()) -> None:
        self.pools = pools
        self.has_draws = False

    @property
    def points(self) -> int:
        return prod(map(len, self.pools))

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(pool[0][0].value for pool in self.pools)

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        return tuple([pool[digit] for pool, digit in zip(self.pools, self._digits(point), strict=True)])

    def _digits(self, point: int) -> list[int]:
        digits = []
        for pool in reversed(self.pools):
            point, digit = divmod(point, len(pool))
            digits.append(digit)
        digits.reverse()
        return digits

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        if not start:
            return itertools.product(*self.pools)
        return itertools.chain.from_iterable(self._tails(start)) if start < self.points else iter(())

    def _tails(self, start: int) -> Iterator[Iterator[Pairs]]:
        """Yield products that together begin at a point: the innermost digits first."""
        digits = self._digits(start)
        first = tuple(pool[digit] for pool, digit in zip(self.pools, digits, strict=True))
        yield iter((first,))
        for place in reversed(range(len(digits))):
            fixed = [(pair,) for pair in first[:place]]
            yield itertools.product(*fixed, self.pools[place][digits[place] + 1 :], *self.pools[place + 1 :])

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        candidates = [list(_agreeing(pool, query, hidden)) for pool in self.pools]
        for chosen in itertools.product(*candidates):
            point = 0
            for (digit, _), pool in zip(chosen, self.pools, strict=True):
                point = point * len(pool) + digit
            yield point, frozenset().union(*(paths for _, paths in chosen))


class Span(Node):
    """The values of one parameter, taken from a range that is too long to be written out."""

    __slots__ = ("has_draws", "key", "values")

    def __init__(self, key: Alias, values: range) -> None:
        self.key = key
        self.values = values
        self.has_draws = False

    @property
    def points(self) -> int:
        return len(self.values)

    @property
    def keys(self) -> frozenset[str]:
        return frozenset((self.key.value,))

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        return ((self.key, Alias(self.values[point])),)

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        key = self.key
        return (((key, Alias(value)),) for value in self.values[start:])

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        name = self.key.value
        if name in hidden:
            yield from ((place, frozenset()) for place in range(len(self.values)))
        elif name in query and query[name] in self.values:
            yield self.values.index(query[name]), frozenset((name,))


class Draw(Node):
    """A sampled parameter.

    Parameters
    ----------
    key : Alias
        Name of the parameter.
    source : Source
        Where values come from.
    stream : int
        Number of its place in the domain, -1 before it is known.
    """

    __slots__ = ("has_draws", "key", "source", "stream")

    def __init__(self, key: Alias, source: Source, stream: int = -1) -> None:
        self.key = key
        self.source = source
        self.stream = stream
        self.has_draws = True

    @property
    def points(self) -> int:
        return 1

    @property
    def keys(self) -> frozenset[str]:
        return frozenset((self.key.value,))

    @property
    def endless_at(self) -> int | None:
        return 0

    def draw(self, size: int, rng: np.random.Generator, place: tuple[Any, ...]) -> list[Any]:
        """Return `size` values."""
        return self.source.draw(self.key.value, size, rng, place)

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        return (draws.pair(self, draw),)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        name = self.key.value
        below = frozenset(path for path in query if path == name or path.startswith(f"{name}/"))
        if name in hidden or below:
            yield 0, below - hidden


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
        place = 0
        for factor in self.children:
            first = factor.endless_at
            if first is None:
                return None
            place = place * factor.points + first
        return place

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        pairs: Pairs = ()
        for factor in reversed(self.children):
            point, place = divmod(point, factor.points)
            pairs = factor.at(place, draw, draws) + pairs
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
        places = {False: 0, True: sum(w for w, kind in zip(widths, kinds, strict=True) if not kind)}
        order: list[int] = []
        for width, kind in zip(widths, kinds, strict=True):
            order.extend(range(places[kind], places[kind] + width))
            places[kind] += width
        return tuple(order)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        return _find_product(self.children, query, hidden)

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
        pairs: Iterator[Pairs] = map(add, left.walk(start, draw, draws), right.walk(start, draw, draws))
        return map(unique, pairs) if self.overlap else pairs

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        left, right = self.children
        for point, paths in right.find(query, hidden):
            for twin, others in left.find(query, hidden | paths):
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
    def endless_at(self) -> int | None:
        for number, part in enumerate(self.children):
            if (first := part.endless_at) is not None:
                return first + (self.ends[number - 1] if number else 0)
        return None

    def place(self, point: int) -> tuple[Node, int]:
        """Return the part that a point is in, and its index there."""
        number = bisect_right(self.ends, point)
        return self.children[number], point - (self.ends[number - 1] if number else 0)

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        part, inner = self.place(point)
        return part.at(inner, draw, draws)

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        first = bisect_right(self.ends, start) if start else 0
        before = self.ends[first - 1] if first else 0
        for part in self.children[first:]:
            inner = max(start - before, 0)
            yield from part.walk(inner, draw, draws)
            if self.has_draws or start > before:
                draw += part.points - inner
                before += part.points

    def find(self, query: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[Found]:
        for number, part in enumerate(self.children):
            for point, paths in part.find(query, hidden):
                yield point + (self.ends[number - 1] if number else 0), paths

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        return Concat(children, self.has_draws)


def held(node: Node, point: int, draw: int, draws: Draws) -> Iterator[Pairs]:
    """Yield one point again and again, with new draws each time, without end."""
    while isinstance(node, Concat):
        node, point = node.place(point)
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
    factors: tuple[Node, ...], query: Mapping[str, Any], hidden: frozenset[str]
) -> Iterator[Found]:
    if not factors:
        yield 0, frozenset()
        return
    *others, last = factors
    for place, paths in last.find(query, hidden):
        for point, more in _find_product(tuple(others), query, hidden | paths):
            yield point * last.points + place, paths | more


def _agreeing(
    pool: Sequence[Pair], query: Mapping[str, Any], hidden: frozenset[str]
) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield the places of values that agree with a query, and the paths they account for."""
    name = pool[0][0].value
    if name in hidden:
        yield from ((place, frozenset()) for place in range(len(pool)))
        return
    for place, (_, value) in enumerate(pool):
        if name in query:
            if same(query[name], value.value):
                yield place, frozenset((name,))
            continue
        flat = Config({name: value.value}).flatten()
        if all(path in query and same(query[path], leaf) for path, leaf in flat.items()):
            yield place, frozenset(flat)
