"""The coordinator's end of the connection to one worker; never waits."""

from __future__ import annotations

import socket
from collections import deque

from research_runner.pool.frames import FrameReader

__all__ = ["Link"]

_CHUNK_BYTES = 65_536


class Link:
    """What the coordinator knows of one worker process.

    Parameters
    ----------
    slot : int
        The slot it works in.
    number : int
        Its number within the pool, never used twice.
    connection : socket.socket
        Our end of the connection; made non-blocking.
    """

    __slots__ = ("connection", "detail", "number", "outgoing", "pid", "reader", "requested_cause", "slot")

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

    def read(self) -> list[tuple[int, bytes]] | None:
        """Return the frames that the next chunk completes, None at the end of the stream.

        Raises
        ------
        BlockingIOError
            If nothing has arrived.
        """
        try:
            chunk = self.connection.recv(max(_CHUNK_BYTES, min(self.reader.missing_bytes, 1 << 20)))
        except ConnectionResetError:
            return None
        return self.reader.feed(chunk) if chunk else None

    def drain(self) -> list[tuple[int, bytes]]:
        """Return all frames that have arrived whole."""
        frames: list[tuple[int, bytes]] = []
        try:
            while (some := self.read()) is not None:
                frames.extend(some)
        except BlockingIOError:
            pass
        return frames
