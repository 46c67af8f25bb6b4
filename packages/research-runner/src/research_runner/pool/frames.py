"""Frames on a stream: one byte of kind, eight of length, then the payload."""

from __future__ import annotations

import enum
import struct
from typing import Final

__all__ = ["HEADER", "FrameReader", "Kind", "frame"]

HEADER: Final = struct.Struct(">BQ")


class Kind(enum.IntEnum):
    """What a frame carries."""

    MESSAGE = 0
    STOP = 1
    HELLO = 2
    READY = 3
    FAILURE = 4


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame.

    Examples
    --------
    >>> FrameReader().feed(frame(Kind.MESSAGE, b"one") + frame(Kind.STOP) + b"half")
    [(0, b'one'), (1, b'')]
    """
    return HEADER.pack(kind, len(payload)) + payload


class FrameReader:
    """Cut a stream of chunks into whole frames; what is incomplete waits for the rest."""

    __slots__ = ("_chunks", "_have", "_need")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = HEADER.size

    @property
    def missing_bytes(self) -> int:
        """How many bytes the next frame needs at least."""
        return max(self._need - self._have, 0)

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """Take a chunk, return the ``(kind, payload)`` of every frame it completes."""
        self._chunks.append(chunk)
        self._have += len(chunk)
        if self._have < self._need:
            return []
        buffer = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        frames: list[tuple[int, bytes]] = []
        at, self._need = 0, HEADER.size
        while len(buffer) - at >= HEADER.size:
            kind, length = HEADER.unpack_from(buffer, at)
            start = at + HEADER.size
            if start + length > len(buffer):
                self._need = HEADER.size + length
                break
            frames.append((kind, buffer[start : start + length]))
            at = start + length
        rest = buffer[at:]
        self._chunks = [rest] if rest else []
        self._have = len(rest)
        return frames
