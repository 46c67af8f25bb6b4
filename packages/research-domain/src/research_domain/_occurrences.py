"""Counts of many hashes, in a few bytes each."""

from __future__ import annotations

from array import array

_WORD = (1 << 64) - 1
_SPREAD = 0x9E3779B97F4A7C15
_SLOTS = 1 << 8
_LARGE = 1 << 15


class Occurrences:
    """Count hashes and their repetitions.

    A table with open addressing, at most two thirds full: a hash takes 24 to 48 bytes where a dictionary
    takes 200 and more.

    Notes
    -----
    Source of the constant that spreads repetitions over the table: 2**64 divided by the golden ratio, from
    D. E. Knuth, *The Art of Computer Programming*, volume 3, section 6.4.

    Examples
    --------
    >>> occurrences = Occurrences()
    >>> occurrences.count(7, 1, 0), occurrences.count(7, 1, 0)
    ((0, False), (1, False))
    >>> occurrences.count(7, 1, 1), occurrences.count(7, 2, 0)
    ((0, False), (0, True))
    """

    __slots__ = ("_beginnings", "_counts", "_left", "_mask", "_rests")

    def __init__(self) -> None:
        self._resize(_SLOTS)

    def _resize(self, slots: int) -> None:
        self._beginnings = array("Q", [0]) * slots
        self._rests, self._counts = array("I", [0]) * slots, array("I", [0]) * slots
        self._mask = slots - 1
        self._left = 2 * slots // 3

    def count(self, beginning: int, rest: int, repetition: int) -> tuple[int, bool]:
        """Count a hash, of which the first 64 bits and 32 others are given, and one of its repetitions.

        Return how often it was counted before, and whether another hash with the same beginning was.
        """
        if repetition:
            beginning = (beginning + repetition * _SPREAD) & _WORD
        beginnings, counts, mask = self._beginnings, self._counts, self._mask
        slot, is_ambiguous = beginning & mask, False
        while times := counts[slot]:
            if beginnings[slot] == beginning:
                if self._rests[slot] == rest:
                    counts[slot] = times + 1
                    return times, is_ambiguous
                is_ambiguous = True
            slot = (slot + 1) & mask
        beginnings[slot], self._rests[slot], counts[slot] = beginning, rest, 1
        self._left -= 1
        if not self._left:
            self._grow()
        return 0, is_ambiguous

    def _grow(self) -> None:
        """Move everything to a larger table; hashes that share a beginning stay in their order."""
        start = self._counts.index(0)  # neighbours at the end of the table may go on at its beginning
        slots = len(self._counts)
        old = [memoryview(column) for column in (self._beginnings, self._rests, self._counts)]
        self._resize(slots * (8 if slots < _LARGE else 2))
        beginnings, rests, counts, mask = self._beginnings, self._rests, self._counts, self._mask
        for part in (slice(start, None), slice(start)):
            for beginning, rest, times in zip(*(column[part] for column in old), strict=True):
                if times:
                    slot = beginning & mask
                    while counts[slot]:
                        slot = (slot + 1) & mask
                    beginnings[slot], rests[slot], counts[slot] = beginning, rest, times
        self._left -= 2 * slots // 3
