"""Nodes: finite grids of points, never materialised; those of parameters.

A point is a tuple of pairs (key, value). A sampled parameter is a grid of a single point whose value is drawn
anew for each index. Lengths and indices are arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from research_domain._counting import span_length
from research_domain.algebra._draws import Draws, Leaf, ValueSource
from research_domain.algebra._paths import Values
from research_domain.alias import Alias, Pair, Pairs, value_of
from research_domain.config import of_values, paths
from research_domain.values import same

Pool = tuple[Alias, "tuple[Any, ...]"]
"""Name of a parameter and its values."""

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
        return frozenset(name for name, _ in self.parameters())

    def parameters(self) -> Iterator[Values]:
        """Yield the name and the values of each parameter, as often as it occurs."""
        for child in self.children:
            yield from child.parameters()

    @property
    def endless(self) -> bool:
        """Whether there is a point that consists of sampled parameters alone."""
        return self.endless_at is not None

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

    def columns(self, start: int) -> list[Iterator[Pair]] | None:
        """Return an iterator of pairs for each parameter, None if points do not consist of such columns."""
        return None

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        """Yield points that agree with a query, a mapping from paths to values.

        Hidden paths are overridden by other parameters and do not count. Only if `ranked`, the indices of the
        points are right.
        """
        raise NotImplementedError

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        """Return the same operation upon other children."""
        raise NotImplementedError


class Grid(Node):
    """All combinations of the values of parameters, the last of which varies fastest.

    Without parameters there is one point, the empty config.
    """

    __slots__ = ("has_draws", "pools")

    def __init__(self, pools: tuple[Pool, ...] = ()) -> None:
        self.pools = pools
        self.has_draws = False

    @property
    def points(self) -> int:
        return prod([len(values) for _, values in self.pools])

    def parameters(self) -> Iterator[Values]:
        return ((key.value, values) for key, values in self.pools)

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        digits = self._digits(point)
        return tuple([(key, values[digit]) for (key, values), digit in zip(self.pools, digits, strict=True)])

    def _digits(self, point: int) -> list[int]:
        digits = []
        for _, values in reversed(self.pools):
            point, digit = divmod(point, len(values))
            digits.append(digit)
        digits.reverse()
        return digits

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        if not start:
            pairs = [zip(itertools.repeat(key), values, strict=False) for key, values in self.pools]
            return zip(*pairs, strict=True) if len(pairs) == 1 else itertools.product(*pairs)
        return itertools.chain.from_iterable(self._tails(start)) if start < self.points else iter(())

    def columns(self, start: int) -> list[Iterator[Pair]] | None:
        if len(self.pools) != 1:
            return None
        ((key, values),) = self.pools
        return [zip(itertools.repeat(key), values[start:] if start else values, strict=False)]

    def _tails(self, start: int) -> Iterator[Iterator[Pairs]]:
        """Yield products that together begin at a point: the innermost digits first."""
        digits = self._digits(start)
        pairs = [[(key, value) for value in values] for key, values in self.pools]
        first = tuple([pool[digit] for pool, digit in zip(pairs, digits, strict=True)])
        yield iter((first,))
        for position in reversed(range(len(digits))):
            fixed = [(pair,) for pair in first[:position]]
            yield itertools.product(*fixed, pairs[position][digits[position] + 1 :], *pairs[position + 1 :])

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        candidates = [list(agreeing(pool, query, hidden)) for pool in self.pools]
        for chosen in itertools.product(*candidates):
            point = 0
            for (digit, _), (_, values) in zip(chosen, self.pools, strict=True):
                point = point * len(values) + digit
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
        return span_length(self.values)

    def parameters(self) -> Iterator[Values]:
        yield self.key.value, self.values[:1]

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        return ((self.key, self.values[point]),)

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        return zip(*self.columns(start), strict=True)

    def columns(self, start: int) -> list[Iterator[Pair]]:
        return [zip(itertools.repeat(self.key), self.values[start:], strict=False)]

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        name = self.key.value
        if name in hidden:
            yield from ((index, frozenset()) for index in range(self.points))
        elif name in query and (index := _span_index(self.values, query[name])) is not None:
            yield index, frozenset((name,))


class Point(Node):
    """A single point with new draws each time, without end."""

    __slots__ = ()

    @property
    def points(self) -> int:
        return 1

    @property
    def endless_at(self) -> int | None:
        return 0


class Draw(Leaf, Point):
    """A sampled parameter; the number of its random stream is -1 until the domain is compiled."""

    __slots__ = ("has_draws", "key", "source", "stream")

    def __init__(self, key: Alias, source: ValueSource, stream: int = -1) -> None:
        self.key = key
        self.source = source
        self.stream = stream
        self.has_draws = True

    def parameters(self) -> Iterator[Values]:
        yield self.key.value, None

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        return (draws.pair(self, draw),)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        name = self.key.value
        below = frozenset(path for path in query if path == name or path.startswith(f"{name}/"))
        if name in hidden or below:
            yield 0, below - hidden


def _span_index(values: range, value: Any) -> int | None:
    """Return the index of a value in a range by arithmetic, None if it is not there."""
    if getattr(value, "ndim", 0):
        return None
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return values.index(whole) if whole in values and same(value, whole) else None


def agreeing(
    pool: tuple[Alias, Sequence[Any]], query: Mapping[str, Any], hidden: frozenset[str]
) -> Iterator[Found]:
    """Yield the indices of values that agree with a query, and the paths they account for."""
    name, values = pool[0].value, pool[1]
    if name in hidden:
        yield from ((index, frozenset()) for index in range(len(values)))
        return
    for index, value in enumerate(map(value_of, values)):
        if name in query:
            if same(query[name], value):
                yield index, frozenset((name,))
            continue
        flat = paths(of_values([(name, value)]))
        if all(path in query and same(query[path], leaf) for path, leaf in flat.items()):
            yield index, frozenset(flat)
