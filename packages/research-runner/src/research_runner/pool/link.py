"""The coordinator's end of the connection to one worker; never waits."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator

from research_runner.pool.frames import BrokenStreamError, FrameReader, Kind

_CHUNK_BYTES = 65_536


class Link:
    """What the coordinator knows of one worker process: its slot, its number, its connection.

    A number is never used twice in a pool. `broken` is what arrived in the place of a message; empty as long
    as all is well.
    """

    __slots__ = (
        "broken",
        "connection",
        "detail",
        "number",
        "outgoing",
        "pid",
        "reader",
        "requested_cause",
        "slot",
    )

    def __init__(self, slot: int, number: int, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.slot = slot
        self.number = number
        self.connection = connection
        self.reader = FrameReader()
        self.outgoing: deque[bytes | memoryview] = deque()
        self.pid = 0
        self.requested_cause: str | None = None
        self.detail = ""
        self.broken = ""

    def flush(self) -> bool:
        """Write as much as the connection takes; whether everything is written."""
        while self.outgoing:
            data = self.outgoing[0]
            try:
                sent = self.connection.send(data)
            except BlockingIOError:
                return False
            except (BrokenPipeError, ConnectionResetError):
                self.outgoing.clear()
                return True
            if sent == len(data):
                self.outgoing.popleft()
            else:
                self.outgoing[0] = memoryview(data)[sent:]
        return True

    def read(self) -> int:
        """Read a chunk of the stream; its bytes, 0 at the end. `BlockingIOError` if nothing has arrived."""
        try:
            chunk = self.connection.recv(max(_CHUNK_BYTES, min(self.reader.missing_bytes, 1 << 20)))
        except ConnectionResetError:
            return 0
        self.reader.feed(chunk)
        return len(chunk)

    def messages(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield the messages that have been read whole; the first bytes that are no message are the last.

        They are noted in `broken`, and nothing of the stream is believed from there on.
        """
        if not self.broken:
            try:
                yield from self.reader.messages()
            except BrokenStreamError as error:
                self.broken = str(error)
