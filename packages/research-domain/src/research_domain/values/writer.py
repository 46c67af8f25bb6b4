"""How the form of a value is put together from those of its parts, whatever their types are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from research_domain.values.numbers import SCALARS, SCALARS_BY_VALUE

_LONGEST = 128
"""Characters of a piece that stands in the form as it is."""
_DEEPEST = 150
"""Levels of nesting that are written; a fixed number, so that a deep stack of the caller changes nothing."""
_PATIENCE = 10_000
"""How often what refers to itself is written again before it is given up."""


class TangledError(Exception):
    """A value refers to itself in too many places, or is nested too deeply."""


def sha256(data: bytes) -> Any:
    """Return a hash; hashlib is imported late, as it takes longer than the rest of this package."""
    import hashlib

    return hashlib.sha256(data)


class FormWriter(ABC):
    """Writes one value as text.

    With `by_value`, numbers count by their value alone, and mappings, sets and tuples by what they hold.
    """

    def __init__(self, by_value: bool = False) -> None:
        self.by_value = by_value
        self.vague: set[str] = set()
        self.plain = True
        self._scalars = SCALARS_BY_VALUE if by_value else SCALARS
        self._known: dict[int, tuple[Any, str]] = {}  # values are kept, so that no other gets their id
        self._path: dict[int, int] = {}
        self._reach = 0
        self._again = 0

    def text(self, value: Any) -> str:
        """Return the form of a value."""
        write = self._scalars.get(type(value))
        if write is not None:
            return write(value)
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        depth, above = len(self._path), self._path.get(id(value))
        if depth > _DEEPEST:
            raise TangledError
        if above is not None:
            self._reach = min(self._reach, above)
            return f"^{depth - above};"
        self._path[id(value)] = depth
        outer, self._reach = self._reach, depth
        try:
            text = self.compound(value)
            text = text if len(text) <= _LONGEST else f"#{digest_of(text).hex()}"
        finally:
            del self._path[id(value)]
            reach, self._reach = self._reach, min(self._reach, outer)
        if reach >= depth:
            self._known[id(value)] = (value, text)
        else:
            self._again += 1
            if self._again > _PATIENCE:
                raise TangledError
        return text

    def items(self, values: list[Any]) -> str:
        """Return the form of values in their order."""
        return hashed("".join(map(self.text, values)), len(values))

    def pairs(self, values: Iterable[tuple[Any, Any]]) -> str:
        """Return the form of pairs in any order."""
        written = sorted([self.text(key) + self.text(value) for key, value in values])
        return hashed("".join(written), len(written))

    def bytes(self, value: bytes) -> str:
        """Return the form of bytes."""
        return f"y{len(value)}:{value.hex()}" if len(value) <= 32 else f"Y{sha256(value).hexdigest()}"

    @abstractmethod
    def compound(self, value: Any) -> str:
        """Return the form of a value that is not a scalar."""

    @abstractmethod
    def not_plain(self, value: Any) -> str:
        """Return the form of a value that is not plain data; it is always exact."""


def hashed(text: str, count: int = 0) -> str:
    """Return a text with its length, or the hash of one that is long."""
    if len(text) <= _LONGEST:
        return f"{count}.{len(text)}:{text}"
    return f"{count}#{digest_of(text).hex()}"


def digest_of(text: str) -> bytes:
    """Return the digest of a form."""
    return bytes(sha256(text.encode("utf-8", "surrogatepass")).digest())
