"""Draws: random values that depend on seed, parameter and index alone.

Values are drawn in blocks of consecutive indices, each block by a generator of its own, so that any of them
is reached without drawing those before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import numpy as np

from research_domain.alias import Alias, Pair
from research_domain.errors import ParameterError, SamplerError
from research_domain.seeds import make_rng

BLOCK = 512
"""Number of indices that share a generator; part of the meaning of a seed, so never to be changed."""


class ValueSource:
    """Where the values of a sampled parameter come from: an object of the user's, and how to ask it."""

    __slots__ = ("sampler",)

    repeatable = True
    """Whether equal generators give equal values."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def draw(self, name: str, size: int, rng: np.random.Generator) -> list[Any]:
        """Return `size` values for parameter `name`."""
        raise NotImplementedError


class Leaf:
    """A parameter that is drawn, by its number among the drawn ones of its domain."""

    __slots__ = ()

    key: Alias
    source: ValueSource
    stream: int

    def draw(self, size: int, rng: np.random.Generator) -> list[Any]:
        """Return `size` values; a SamplerError that names the parameter if drawing fails."""
        name = self.key.value
        try:
            return self.source.draw(name, size, rng)
        except Exception as error:
            if isinstance(error, ParameterError) and error.parameter == name:
                raise
            what = error if isinstance(error, ParameterError) else f"{type(error).__name__}: {error}"
            raise SamplerError(name, f"{self.source.sampler!r} cannot be drawn from: {what}") from error


class Draws:
    """The random values of one seed.

    Blocks that the seed does not repeat are kept in a mapping. Each domain of a series of updates has draws
    of its own.
    """

    __slots__ = ("_blocks", "_kept", "_root", "_seed", "_updates", "notes")

    def __init__(
        self,
        seed: Callable[[], np.random.SeedSequence],
        kept: MutableMapping[str, list[Any]],
        updates: int = 0,
    ) -> None:
        self._seed = seed
        self._kept = kept
        self._updates = updates
        self._root: tuple[Any, tuple[int, ...]] | None = None
        self._blocks: dict[int, tuple[int, list[Any]]] = {}
        self.notes: dict[int, Any] = {}

    def generator(self, stream: int, block: int) -> np.random.Generator:
        """Return the generator of one block of one stream."""
        entropy, key = self._origin()
        return make_rng(
            np.random.SeedSequence(entropy, spawn_key=(*key, stream, block & 0xFFFFFFFF, block >> 32))
        )

    def _origin(self) -> tuple[Any, tuple[int, ...]]:
        if self._root is None:
            seed = self._seed()
            self._root = (seed.entropy, (*seed.spawn_key, self._updates))
        return self._root

    def block(self, leaf: Leaf, block: int) -> list[Any]:
        """Return the values of one block; the last one asked for is kept."""
        known = self._blocks.get(leaf.stream)
        if known is not None and known[0] == block:
            return known[1]
        values = self._draw(leaf, block) if leaf.source.repeatable else self._recall(leaf, block)
        self._blocks[leaf.stream] = (block, values)
        return values

    def _draw(self, leaf: Leaf, block: int) -> list[Any]:
        return leaf.draw(BLOCK, self.generator(leaf.stream, block))

    def _recall(self, leaf: Leaf, block: int) -> list[Any]:
        """Return the values of a block as they were when it was first drawn."""
        block_id = f"{leaf.key.value} {leaf.stream} {block} {self._origin()}"
        values = self._kept.get(block_id)
        if values is None:
            self._kept[block_id] = values = self._draw(leaf, block)
        return values

    def pair(self, leaf: Leaf, index: int) -> Pair:
        """Return the key and the value with an index."""
        block, offset = divmod(index, BLOCK)
        return leaf.key, self.block(leaf, block)[offset]

    def stream(self, leaf: Leaf, start: int) -> Iterator[Pair]:
        """Return the keys and values from an index on, without end."""
        first, offset = divmod(start, BLOCK)
        blocks = (self.block(leaf, block) for block in itertools.count(first))
        values = itertools.islice(itertools.chain.from_iterable(blocks), offset, None)
        return zip(itertools.repeat(leaf.key), values, strict=False)
