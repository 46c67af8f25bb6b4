"""Filters: predicates over configs, and grids of the points that pass them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from research_domain.algebra._combined import held
from research_domain.algebra._draws import BLOCK, Draws
from research_domain.algebra._nodes import Found, Node, Point
from research_domain.alias import ConfigAlias, Pairs
from research_domain.config import Config
from research_domain.errors import PredicateError

PATIENCE = 100_000
"""Configs in a row that a filter may remove from something endless before we give up."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a predicate removed from a domain.

    Parameters
    ----------
    predicate : str
        Its name.
    checked, kept : int
        Numbers of configs that it was asked about, and that it kept.
    """

    predicate: str
    checked: int
    kept: int

    @property
    def removed(self) -> int:
        """Number of configs that were removed."""
        return self.checked - self.kept


@dataclass(slots=True, eq=False)
class Filter:
    """A predicate over the parameters that it was written for; None stands for all of them."""

    predicate: Callable[[Config], Any]
    keys: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """Readable name of the predicate."""
        name = getattr(self.predicate, "__name__", None)
        return name if isinstance(name, str) else repr(self.predicate)

    def narrowed(self, keys: frozenset[str]) -> Filter:
        """Return a filter that is shown no more than `keys`."""
        return self if self.keys is not None else Filter(self.predicate, keys)

    def passes(self, pairs: Pairs) -> bool:
        """Tell whether a point is kept."""
        if self.keys is not None:
            pairs = tuple(pair for pair in pairs if pair[0].value in self.keys)
        config = ConfigAlias.of_pairs(pairs)
        try:
            return bool(self.predicate(config.config()))
        except Exception as error:
            problem = f"the predicate raised {type(error).__name__}: {error}"
            raise PredicateError(self.name, config.alias(as_string=True), problem) from error


def passes(filters: tuple[Filter, ...], pairs: Pairs) -> bool:
    """Tell whether a point passes all filters."""
    return all(one.passes(pairs) for one in filters)


def give_up(filters: tuple[Filter, ...], pairs: Pairs, removed: int) -> NoReturn:
    """Raise the error about filters that keep nothing."""
    problem = f"nothing was kept among {removed} configs in a row"
    raise PredicateError(names(filters), ConfigAlias.of_pairs(pairs).alias(as_string=True), problem)


def names(filters: tuple[Filter, ...]) -> str:
    """Return the names of all filters."""
    return " and ".join(one.name for one in filters)


class Kept(Node):
    """The points of a grid without draws that pass filters.

    Iterating from the start needs no enumeration; the length needs one.
    """

    __slots__ = ("_checked", "_kept", "children", "filters", "has_draws")

    def __init__(self, base: Node, filters: tuple[Filter, ...]) -> None:
        self.children = (base,)
        self.filters = filters
        self.has_draws = False
        self._kept: list[int] = []
        self._checked = 0

    @property
    def points(self) -> int:
        self._scan(None)
        return len(self._kept)

    def _scan(self, point: int | None) -> None:
        """Note which points are kept, up to the kept point with an index, or all."""
        enough = sys.maxsize if point is None else point + 1
        if len(self._kept) >= enough or self._checked >= (total := self.children[0].points):
            return
        for pairs in self.children[0].walk(self._checked, 0, _NO_DRAWS):
            if passes(self.filters, pairs):
                self._kept.append(self._checked)
            self._checked += 1
            if len(self._kept) >= enough or self._checked >= total:
                return

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        self._scan(point)
        return self.children[0].at(self._kept[point], draw, draws)

    def walk(self, start: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        first = start
        if start:
            self._scan(start)
            start = self._kept[start] if start < len(self._kept) else self.children[0].points
        base = self.children[0]
        if self._checked >= base.points:
            return (base.at(point, 0, draws) for point in self._kept[first:])
        return (pairs for pairs in base.walk(start, draw, draws) if passes(self.filters, pairs))

    def constraint(self, draws: Draws) -> Constraint:
        """Return what the filters removed."""
        return Constraint(names(self.filters), self.children[0].points, self.points)

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        for point, paths in self.children[0].find(query, hidden, True):
            if passes(self.filters, self.children[0].at(point, 0, _NO_DRAWS)):
                if ranked:
                    self._scan(None)
                yield self._kept.index(point) if ranked else 0, paths

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        return Kept(children[0], self.filters)


class _Block(NamedTuple):
    """The points of a block of indices that pass, and the number of candidates that were checked."""

    number: int
    kept: list[Pairs]
    checked: int


class Redraw(Point):
    """Sampled parameters that are drawn again until they pass filters.

    Each block of indices has candidates of its own, so that any index is reached without those before it.
    """

    __slots__ = ("children", "filters", "has_draws", "stream")

    def __init__(self, base: Node, filters: tuple[Filter, ...], stream: int = -1) -> None:
        self.children = (base,)
        self.filters = filters
        self.has_draws = True
        self.stream = stream

    def at(self, point: int, draw: int, draws: Draws) -> Pairs:
        block, offset = divmod(draw, BLOCK)
        return self._block(block, draws).kept[offset]

    def constraint(self, draws: Draws) -> Constraint:
        """Return what the filters removed while the first block was drawn."""
        block = self._block(0, draws)
        return Constraint(names(self.filters), block.checked, len(block.kept))

    def _block(self, number: int, draws: Draws) -> _Block:
        known: _Block | None = draws.notes.get(self.stream)
        if known is not None and known.number == number:
            return known
        kept: list[Pairs] = []
        checked = since = 0
        for pairs in held(self.children[0], 0, number << _CANDIDATES, draws):
            checked += 1
            if passes(self.filters, pairs):
                kept.append(pairs)
                since = 0
            elif (since := since + 1) >= PATIENCE:
                give_up(self.filters, pairs, since)
            if len(kept) == BLOCK:
                break
        draws.notes[self.stream] = found = _Block(number, kept, checked)
        return found

    def find(self, query: Mapping[str, Any], hidden: frozenset[str], ranked: bool = False) -> Iterator[Found]:
        for point, paths in self.children[0].find(query, hidden):
            if passes(self.filters, ConfigAlias({path: query[path] for path in paths}).pairs):
                yield point, paths

    def rebuilt(self, children: tuple[Node, ...]) -> Node:
        return Redraw(children[0], self.filters, self.stream)


_CANDIDATES = 34  # bits of the indices of the candidates of one block
_NO_DRAWS: Any = None
