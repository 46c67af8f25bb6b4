"""Sequences: what a domain produces, config after config, with mixtures and filters.

A sequence has no end of its own: past its length it goes on from the beginning, with new draws.
"""

from __future__ import annotations

import itertools
import sys
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np

from research_domain._counting import take
from research_domain.algebra._combined import Concat, held, in_turn
from research_domain.algebra._draws import BLOCK, Draws
from research_domain.algebra._filters import PATIENCE, Constraint, Filter, give_up, names, passes
from research_domain.algebra._nodes import Node
from research_domain.alias import Pairs


class Sequence:
    """The configs that a domain produces, by index."""

    __slots__ = ()

    children: tuple[Sequence | Node, ...]

    @property
    def endless(self) -> bool:
        """Whether a pass never ends."""
        return any(child.endless for child in self.children)

    def length(self, draws: Draws) -> int | None:
        """Return the number of configs of a pass, None if endless."""
        raise NotImplementedError

    def once(self, turn: int, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        """Yield one pass, the number `turn`, from an index in it to its end.

        The first point has the draws of index `draw`, which grows by one with each point.
        """
        raise NotImplementedError

    def walk(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        """Yield the points from an index on, pass after pass."""
        length = self.length(draws) if index else None
        turn, inner = divmod(index, length) if length else (0, index)
        while True:
            before = draw
            for pairs in self.once(turn, inner, draw, draws):
                yield pairs
                draw += 1
            if draw == before and not inner:
                return
            turn, inner = turn + 1, 0

    def at(self, index: int, draw: int, draws: Draws) -> Pairs:
        """Return the point at `index`, with the draws of index `draw`."""
        return next(self.walk(index, draw, draws))


class Run(Sequence):
    """The points of a grid in order; an endless point is never left."""

    __slots__ = ("children", "node")

    def __init__(self, node: Node) -> None:
        self.children, self.node = (node,), node

    def length(self, draws: Draws) -> int | None:
        return None if self.node.endless else self.node.points

    def once(self, turn: int, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        if not self.endless:
            return self.node.walk(index, draw, draws)
        parts = self.node.children if isinstance(self.node, Concat) else (self.node,)
        return in_turn(
            parts,
            index,
            draw,
            lambda part, index, draw: _until_held(part, index, draw, draws),
            lambda part: part.points,
        )

    def at(self, index: int, draw: int, draws: Draws) -> Pairs:
        endless = self.node.endless_at
        return self.node.at(index % self.node.points if endless is None else min(index, endless), draw, draws)


def _until_held(node: Node, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
    """Yield the points from an index on; an endless one is never left."""
    stop = node.endless_at
    if stop is None:
        return node.walk(index, draw, draws)
    if index >= stop:
        return held(node, stop, draw, draws)
    before = take(node.walk(index, draw, draws), stop - index)
    return itertools.chain(before, held(node, stop, draw + stop - index, draws))


class Several(Sequence):
    """A sequence that consists of several ones."""

    __slots__ = ("children", "parts")

    def __init__(self, parts: tuple[Sequence, ...]) -> None:
        self.children = self.parts = parts

    def length(self, draws: Draws) -> int | None:
        return None if self.endless else sum(part.length(draws) or 0 for part in self.parts)


class Chain(Several):
    """Sequences one after another; what follows an endless one is never reached."""

    __slots__ = ()

    def once(self, turn: int, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        return in_turn(
            self.parts,
            index,
            draw,
            lambda part, index, draw: part.once(turn, index, draw, draws),
            lambda part: part.length(draws) or 0,
        )


class Mixture(Several):
    """Sequences of which the next one is drawn by weight; an exhausted one leaves."""

    __slots__ = ("forgetful", "stream", "weights")

    def __init__(self, parts: tuple[Sequence, ...], weights: tuple[float, ...], stream: int) -> None:
        super().__init__(parts)
        self.forgetful = all(isinstance(part, Run) and part.node.endless_at == 0 for part in parts)
        self.weights = np.asarray(weights, dtype=float)
        self.stream = stream

    def once(self, turn: int, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        lengths = [part.length(draws) for part in self.parts]
        for block in itertools.count(index // BLOCK):
            taken, choices = self._block(block, lengths, draws)
            skipped = max(index - block * BLOCK, 0)
            for number in choices[:skipped]:
                taken[number] += 1
            for number in choices[skipped:]:
                inner = taken[number] + turn * (lengths[number] or 0)
                yield self.parts[number].at(inner, draw, draws)
                taken[number] += 1
                draw += 1
            if len(choices) < BLOCK:
                return

    def _block(self, block: int, lengths: list[int | None], draws: Draws) -> tuple[list[int], list[int]]:
        """Return what each part gave before a block, and the parts chosen in it."""
        if self.forgetful:
            none = [0] * len(self.parts)
            return none, self._choose(block, none, lengths, draws).tolist()
        known: list[list[int]] = draws.notes.setdefault(self.stream, [[0] * len(self.parts)])
        while len(known) <= block + 1:
            choices = self._choose(len(known) - 1, known[-1], lengths, draws)
            counts = np.bincount(choices, minlength=len(self.parts)).tolist()
            known.append([before + more for before, more in zip(known[-1], counts, strict=True)])
        return list(known[block]), self._choose(block, known[block], lengths, draws).tolist()

    def _choose(self, block: int, taken: list[int], lengths: list[int | None], draws: Draws) -> Any:
        """Draw parts by weight, leaving out each from where it is exhausted."""
        left = [None if n is None else n - before for n, before in zip(lengths, taken, strict=True)]
        luck = draws.generator(self.stream, block).random(BLOCK)
        chosen: list[Any] = []
        while len(luck) and (active := [number for number, rest in enumerate(left) if rest != 0]):
            steps = self.weights[active].cumsum()
            picks = np.searchsorted(steps, luck * steps[-1], side="right").clip(max=len(active) - 1)
            choices = np.asarray(active)[picks]
            choices = choices[: _until_exhausted(choices, left)]
            for number in active:
                rest = left[number]
                left[number] = None if rest is None else rest - int((choices == number).sum())
            chosen.append(choices)
            luck = luck[len(choices) :]
        return np.concatenate(chosen) if chosen else np.zeros(0, dtype=int)


def _until_exhausted(choices: Any, left: list[int | None]) -> int:
    """Return how many choices there are until one part has given its last."""
    end = len(choices)
    for number, rest in enumerate(left):
        if rest:
            positions = np.flatnonzero(choices == number)
            if len(positions) >= rest:
                end = min(end, int(positions[rest - 1]) + 1)
    return end


class Filtered(Sequence):
    """What passes filters, of a sequence with draws.

    What is produced is found among candidates, which are what the sequence produces; passes are all the same.
    """

    __slots__ = ("base", "children", "filters", "stream")

    def __init__(self, base: Sequence, filters: tuple[Filter, ...], stream: int) -> None:
        self.children, self.base = (base,), base
        self.filters = filters
        self.stream = stream

    def length(self, draws: Draws) -> int | None:
        total = self.base.length(draws)
        if total is None:
            return None
        return len(self._scan(draws, total))

    def once(self, turn: int, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        total = self.base.length(draws)
        first, end = 0, sys.maxsize if total is None else total
        if index:
            kept = self._scan(draws, end, enough=index)
            if len(kept) < index:
                return
            first = kept[index - 1] + 1
        last = first - 1
        for candidate, pairs in self._candidates(first, end, draws):
            if passes(self.filters, pairs):
                last = candidate
                yield pairs
            elif total is None:
                self._give_up(candidate - last, pairs)

    def _scan(self, draws: Draws, until: int, enough: int = sys.maxsize) -> list[int]:
        """Return the candidates kept so far, having checked them up to one, or until there are enough."""
        kept: list[int]
        kept, checked = draws.notes.setdefault(self.stream, ([], 0))
        if checked >= until or len(kept) >= enough:
            return kept
        for candidate, pairs in self._candidates(checked, until, draws):
            if passes(self.filters, pairs):
                kept.append(candidate)
            draws.notes[self.stream] = (kept, candidate + 1)
            if len(kept) >= enough:
                break
            if until == sys.maxsize:
                self._give_up(candidate - (kept[-1] if kept else -1), pairs)
        return kept

    def _candidates(self, start: int, end: int, draws: Draws) -> Iterator[tuple[int, Pairs]]:
        return enumerate(take(self.base.walk(start, start, draws), end - start), start)

    def _give_up(self, removed: int, pairs: Pairs) -> None:
        if removed >= PATIENCE:
            give_up(self.filters, pairs, removed)

    def constraint(self, draws: Draws) -> Constraint:
        """Return what the filters removed, of all candidates or of the first thousand of endless ones."""
        total = self.base.length(draws)
        checked = 1000 if total is None else total
        return Constraint(names(self.filters), checked, bisect_left(self._scan(draws, checked), checked))
