"""Frames on a stream: a header with a magic number, kind, length and checksums, then the payload.

A payload of more than `PIECE_BYTES` travels in several frames. Whatever is not a frame, such as bytes that a
unit writes to a descriptor that is not its own, is noticed before anything of it is believed.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

PIECE_BYTES: Final = 8 << 20
"""The largest payload of one frame, in bytes."""

_MAGIC: Final = b"\xf5rs\x01"
_FIELDS: Final = struct.Struct(">4sBBII")
_HEADER: Final = struct.Struct(">4sBBIII")
_CHECKSUM: Final = struct.Struct(">I")
_HEADER_BYTES: Final = _HEADER.size
_FIELDS_BYTES: Final = _FIELDS.size


class Kind(enum.IntEnum):
    """What a message is."""

    MESSAGE = 0
    STOP = 1
    HELLO = 2
    READY = 3
    FAILURE = 4
    ANSWER = 5


_KINDS: Final = tuple(Kind)


class BrokenStreamError(Exception):
    """A stream carries something that is not a frame; nothing that follows can be read."""


def frames(kind: Kind, payload: bytes = b"") -> Sequence[bytes | memoryview]:
    """Return the bytes of a message: one frame, or several if the payload is large.

    Examples
    --------
    >>> reader = FrameReader()
    >>> reader.feed(b"".join([*frames(Kind.MESSAGE, b"one"), *frames(Kind.STOP)]))
    >>> [reader.take(), reader.take(), reader.take()]
    [(<Kind.MESSAGE: 0>, b'one'), (<Kind.STOP: 1>, b''), None]
    >>> reader.feed(b"to a file, the unit thought")
    >>> reader.take()
    Traceback (most recent call last):
        ...
    research_runner.pool.frames.BrokenStreamError: b'to a file, the uni' where a frame had to begin
    """
    if len(payload) <= PIECE_BYTES:
        return (_header(kind, False, payload) + payload,)
    view = memoryview(payload)
    pieces = [view[start : start + PIECE_BYTES] for start in range(0, len(payload), PIECE_BYTES)]
    last = pieces[-1]
    return [part for piece in pieces for part in (_header(kind, piece is not last, piece), piece)]


def _header(kind: Kind, continued: bool, payload: bytes | memoryview) -> bytes:
    fields = _FIELDS.pack(_MAGIC, kind, continued, len(payload), zlib.crc32(payload))
    return fields + _CHECKSUM.pack(zlib.crc32(fields))


class FrameReader:
    """Assembles messages from a stream; incomplete ones wait for the rest."""

    __slots__ = ("_at", "_buffer", "_chunks", "_have", "_need", "_pieces")

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = _HEADER_BYTES
        self._pieces: list[bytes] = []

    @property
    def missing_bytes(self) -> int:
        """How many bytes the next frame needs at least."""
        return max(self._need - self._have, 0)

    def feed(self, chunk: bytes) -> None:
        """Add bytes that were read from the stream."""
        self._chunks.append(chunk)
        self._have += len(chunk)

    def take(self) -> tuple[Kind, bytes] | None:
        """Return the next message, None if it has not arrived whole; `BrokenStreamError` if it is none."""
        return next(self.messages(), None)

    def messages(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield complete messages; raise `BrokenStreamError` for invalid bytes."""
        while self._have >= self._need:
            if self._chunks:
                self._buffer = b"".join([self._buffer[self._at :], *self._chunks])
                self._chunks, self._at = [], 0
            buffer, at = self._buffer, self._at
            start = at + _HEADER_BYTES
            magic, number, continued, length, payload_checksum, checksum = _HEADER.unpack_from(buffer, at)
            if magic != _MAGIC or zlib.crc32(buffer[at : at + _FIELDS_BYTES]) != checksum:
                raise BrokenStreamError(f"{buffer[at:start]!r} where a frame had to begin")
            kind = _KINDS[number]
            self._need = _HEADER_BYTES + length
            if self._have < self._need:
                break
            payload = buffer[start : start + length]
            if zlib.crc32(payload) != payload_checksum:
                raise BrokenStreamError(f"{length} bytes that do not have the checksum of their frame")
            self._at = start + length
            self._have -= self._need
            self._need = _HEADER_BYTES
            if continued or self._pieces:
                self._pieces.append(payload)
            if not continued:
                if self._pieces:
                    payload, self._pieces = b"".join(self._pieces), []
                yield kind, payload
