"""The Mersenne Twister under `numpy.random` while experiments run, seeded by writing its state."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Final

import numpy as np

SEED_BYTES: Final = 24
_WORDS: Final = 624
_DISCARDED: Final = 12
_NUMBERS: Final = _DISCARDED + _WORDS // 2


class Mersenne:
    """An MT19937 that is seeded from 192 bits in a quarter of the time that `numpy.random.seed` takes.

    Its words are the numbers of an SFC64 with this seed, as SFC64 itself is seeded: the first twelve are left
    out. Both states are written where NumPy keeps them in memory; where that is not as expected, by their
    property ``state``, with the same result.

    Attributes
    ----------
    generator : numpy.random.MT19937
        The generator.

    Examples
    --------
    >>> import numpy.random
    >>> mersenne = Mersenne()
    >>> mersenne.seed(bytes(24))
    >>> first = mersenne.generator.random_raw()
    >>> mersenne.seed(bytes(24))
    >>> first == mersenne.generator.random_raw()
    True
    """

    def __init__(self) -> None:
        random: Any = sys.modules["numpy.random"]  # whose import is the user's decision
        self.generator, self._source = random.MT19937(0), random.SFC64(0)
        self._to = _memory(self.generator, 4 * _WORDS + 4)
        self._from = _memory(self._source, 40)
        self._is_known = self._matches(bytes(range(SEED_BYTES)))

    def seed(self, seed: bytes) -> None:
        """Begin the stream of a seed, of which the last 24 bytes count."""
        seed = seed[-SEED_BYTES:]
        if not self._is_known:
            self._seed_by_property(seed)
            return
        with self.generator.lock:
            self._from[:] = seed + _BEGINNING
            self._to[: 4 * _WORDS] = self._source.random_raw(_NUMBERS).data.cast("B")[8 * _DISCARDED :]
            self._to[4 * _WORDS :] = _AT_THE_END

    def _seed_by_property(self, seed: bytes) -> None:
        words = {"state": np.frombuffer(seed + _BEGINNING, "<u8", 4)}
        self._source.state = {"bit_generator": "SFC64", "state": words, "has_uint32": 0, "uinteger": 0}
        key = self._source.random_raw(_NUMBERS)[_DISCARDED:].astype("<u8").view("<u4")
        self.generator.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": _WORDS}}

    def _matches(self, seed: bytes) -> bool:
        """Whether both states are found in memory as `seed` writes them."""
        self._seed_by_property(seed)
        key: bytes = self.generator.state["state"]["key"].astype("<u4").tobytes()
        words: bytes = self._source.state["state"]["state"].astype("<u8").tobytes()
        return (bytes(self._to), bytes(self._from)) == (key + _AT_THE_END, words + bytes(8))


_AT_THE_END: Final = _WORDS.to_bytes(4, "little")
"""All words have been used: the next number makes new ones."""

_BEGINNING: Final = b"\x01" + bytes(15)
"""What follows the seed in the state of an SFC64: the counter, which begins at 1, and no number left over."""


def _memory(generator: Any, size: int) -> memoryview:
    """Return the memory of the state of a generator, which only its owner may write."""
    address: int = generator.ctypes.state_address
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
