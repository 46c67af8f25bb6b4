"""Draws: random values that depend on seed, parameter and index alone.

Values are drawn in blocks of consecutive indices, each block by a generator of its own, so that any of them
is reached without drawing those before it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from research_domain.alias import Alias, Pair
from research_domain.seeds import make_rng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

__all__ = ["BLOCK", "Draws", "Leaf", "ValueSource"]

BLOCK = 512
"""Number of indices that share a generator; part of the meaning of a seed, so never to be changed."""


class ValueSource(Protocol):
    """Where the values of a sampled parameter come from."""

    @property
    def sampler(self) -> Any:
        """The user's object."""

    @property
    def repeatable(self) -> bool:
        """Whether equal generators give equal values."""

    def draw(self, name: str, size: int, rng: np.random.Generator) -> list[Any]:
        """Return `size` values for parameter `name`."""


class Leaf(Protocol):
    """A parameter that is drawn."""

    @property
    def key(self) -> Alias:
        """Name of the parameter."""

    @property
    def stream(self) -> int:
        """Number of the parameter among the drawn ones of its domain."""

    @property
    def repeatable(self) -> bool:
        """Whether equal generators give equal values."""

    def draw(self, size: int, rng: np.random.Generator) -> list[Any]:
        """Return `size` values."""


class Draws:
    """The random values of one seed.

    Parameters
    ----------
    seed : callable
        Returns the seed sequence when it is first needed; its entropy and spawn key are used.
    kept : mutable mapping from str to list
        Blocks that the seed does not repeat, by what they are of.
    updates : int
        How many domains were replaced before; each has draws of its own.
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
        values = self._draw(leaf, block) if leaf.repeatable else self._recall(leaf, block)
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
