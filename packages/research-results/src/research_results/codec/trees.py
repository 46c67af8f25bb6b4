"""What all parts of the codec for trees share."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

TAG = "@"
Json: TypeAlias = Any


class NotPlainError(Exception):
    """Internal: a value has a part that plain data cannot carry exactly."""


class Dump(Protocol):
    """What makes the trees of the parts of an object."""

    def add(self, data: bytes) -> list[int]:
        """Keep a buffer and return its span."""

    def json(self, value: Any) -> Json:
        """Return the tree of any plain value."""

    def items(self, values: Any) -> list[Json]:
        """Return the trees of a sequence of values, one level deeper."""


class Load(Protocol):
    """What makes the parts of an object from their trees."""

    def bytes(self, span: Any) -> bytes:
        """Return the buffer of a span."""

    def value(self, node: Json) -> Any:
        """Return the value of a tree."""
