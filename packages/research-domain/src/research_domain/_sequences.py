"""Sequences: what a domain produces, config after config, with mixtures and filters.

A sequence has no end of its own: past its length it goes on from the beginning, with new draws.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain._draws import BLOCK
from research_domain._filters import PATIENCE, Constraint, give_up, passes
from research_domain._nodes import held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from research_domain._draws import Draws
    from research_domain._filters import Filter
    from research_domain._nodes import Node
    from research_domain.alias import Pairs

__all__ = ["Chain", "Filtered", "Mixture", "Run", "Sequence"]


class Sequence:
    """What is produced, by index."""

    __slots__ = ()

    def length(self, draws: Draws) -> int | None:
        """Return the number of configs until it begins anew, None if endless."""
        raise NotImplementedError

    def at(self, index: int, draw: int, draws: Draws) -> Pairs:
        """Return what is produced at `index`, with the draws of index `draw`."""
        return next(self.walk(index, draw, draws))

    def walk(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        """Yield what is produced from `index` on, without end."""
        raise NotImplementedError


class Run(Sequence):
    """The points of a grid in order; an endless point is never left."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def length(self, draws: Draws) -> int | None:
        return self.node.points if self.node.endless_at is None else None

    def at(self, index: int, draw: int, draws: Draws) -> Pairs:
        endless = self.node.endless_at
        return self.node.at(index % self.node.points if endless is None else min(index, endless), draw, draws)

    def walk(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        endless = self.node.endless_at
        if endless is None:
            return self._passes(index, draw, draws)
        if index >= endless:
            return held(self.node, endless, draw, draws)
        before = itertools.islice(self.node.walk(index, draw, draws), endless - index)
        return itertools.chain(before, held(self.node, endless, draw + endless - index, draws))

    def _passes(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        point = index % self.node.points if index else 0
        while True:
            yield from self.node.walk(point, draw, draws)
            if not self.node.points:
                return
            draw += self.node.points - point
            point = 0


class Chain(Sequence):
    """Sequences one after another; what follows an endless one is never reached."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Sequence, ...]) -> None:
        self.parts = parts

    def length(self, draws: Draws) -> int | None:
        lengths = [part.length(draws) for part in self.parts]
        return None if None in lengths else sum(length for length in lengths if length)

    def walk(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        number, turn, inner = self._place(index, draws)
        while True:
            for part in self.parts[number:]:
                length = part.length(draws)
                if length is None:
                    yield from part.walk(inner, draw, draws)
                    return
                yield from itertools.islice(part.walk(turn * length + inner, draw, draws), length - inner)
                draw, inner = draw + length - inner, 0
            number, turn = 0, turn + 1

    def _place(self, index: int, draws: Draws) -> tuple[int, int, int]:
        """Return the part that an index is in, how often it was passed before, and the index there."""
        if not index:
            return 0, 0, 0
        lengths = [part.length(draws) for part in self.parts]
        if None in lengths:
            del lengths[lengths.index(None) :]
            turn = 0
        else:
            turn, index = divmod(index, sum(length for length in lengths if length))
        ends = list(itertools.accumulate(length for length in lengths if length is not None))
        number = bisect_right(ends, index)
        return number, turn, index - (ends[number - 1] if number else 0)


class Mixture(Sequence):
    """Sequences of which the next one is drawn by weight; an exhausted one leaves."""

    __slots__ = ("forgetful", "parts", "stream", "weights")

    def __init__(self, parts: tuple[Sequence, ...], weights: tuple[float, ...], stream: int) -> None:
        self.parts = parts
        self.forgetful = all(isinstance(part, Run) and part.node.endless_at == 0 for part in parts)
        self.weights = np.asarray(weights, dtype=float)
        self.stream = stream

    def length(self, draws: Draws) -> int | None:
        lengths = [part.length(draws) for part in self.parts]
        return None if None in lengths else sum(length for length in lengths if length)

    def walk(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        length = self.length(draws)
        turn, index = (0, index) if length is None else divmod(index, length)
        while True:
            yield from self._walk_once(turn, index, draw, length, draws)
            draw, turn, index = draw + (length or 0) - index, turn + 1, 0

    def _walk_once(
        self, turn: int, index: int, draw: int, length: int | None, draws: Draws
    ) -> Iterator[Pairs]:
        lengths = [part.length(draws) for part in self.parts]
        for block in itertools.count(index // BLOCK):
            taken, choices = self._block(block, lengths, draws)
            skipped = max(index - block * BLOCK, 0)
            for number in choices[:skipped]:
                taken[number] += 1
            for number in choices[skipped:]:
                place = taken[number] + turn * (lengths[number] or 0)
                yield self.parts[number].at(place, draw, draws)
                taken[number] += 1
                draw += 1
            if length is not None and (block + 1) * BLOCK >= length:
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
            places = np.flatnonzero(choices == number)
            if len(places) >= rest:
                end = min(end, int(places[rest - 1]) + 1)
    return end


class Filtered(Sequence):
    """What passes filters, of a sequence with draws."""

    __slots__ = ("base", "filters", "stream")

    def __init__(self, base: Sequence, filters: tuple[Filter, ...], stream: int) -> None:
        self.base = base
        self.filters = filters
        self.stream = stream

    def length(self, draws: Draws) -> int | None:
        total = self.base.length(draws)
        if total is None:
            return None
        kept = self._scan(draws, total)
        return bisect_right(kept, total - 1)

    def _scan(self, draws: Draws, until: int, enough: int | None = None) -> list[int]:
        """Return the candidates kept so far, having checked them up to one, or until there are enough."""
        kept: list[int]
        kept, checked = draws.notes.setdefault(self.stream, ([], 0))
        if checked >= until or (enough is not None and len(kept) >= enough):
            return kept
        for candidate, pairs in self._candidates(checked, draws):
            if passes(self.filters, pairs):
                kept.append(candidate)
            checked = candidate + 1
            draws.notes[self.stream] = (kept, checked)
            if checked >= until or (enough is not None and len(kept) >= enough):
                break
            self._give_up(candidate - (kept[-1] if kept else -1), pairs, draws)
        return kept

    def _candidates(self, start: int, draws: Draws) -> Iterator[tuple[int, Pairs]]:
        return enumerate(self.base.walk(start, start, draws), start)

    def _give_up(self, removed: int, pairs: Pairs, draws: Draws) -> None:
        if removed >= PATIENCE and (total := self.base.length(draws) or 0) <= removed:
            what = f"nothing was kept among {removed} configs in a row" + (
                " (all there are)" if total else ""
            )
            give_up(self.filters, pairs, what)

    def walk(self, index: int, draw: int, draws: Draws) -> Iterator[Pairs]:
        start = 0
        if index:
            start = self._scan(draws, _FAR, enough=index)[index - 1] + 1
        last = start - 1
        for candidate, pairs in self._candidates(start, draws):
            if passes(self.filters, pairs):
                last = candidate
                yield pairs
            else:
                self._give_up(candidate - last, pairs, draws)

    def constraint(self, draws: Draws) -> Constraint:
        """Return what the filters removed, of all candidates or of the first thousand of endless ones."""
        total = self.base.length(draws)
        checked = 1000 if total is None else total
        kept = bisect_right(self._scan(draws, checked), checked - 1)
        return Constraint(" and ".join(one.name for one in self.filters), checked, kept)


_FAR = 2**63
