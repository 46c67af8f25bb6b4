"""The heartbeat of an engine: an idle connection that breaks when its host is gone."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Final

from research_runner.errors import EngineLostError

_TRY_S: Final = 0.2


class Heartbeat:
    """An idle connection to an engine, connected again when it breaks."""

    def __init__(self, name: str, address: str, patience_s: float) -> None:
        host, _, port = address.rpartition(":")
        self._name = name
        self._address = host, int(port)
        self._patience_s = patience_s
        self._connection: socket.socket | None = None
        self._seen = self._tried = time.monotonic()
        self._connect()

    def check(self) -> None:
        """Return at once while the engine listens; `EngineLostError` if it has been away for too long."""
        now = time.monotonic()
        if self._is_connected() or (now - self._tried > 2 * _TRY_S and self._connect()):
            self._seen = now
        elif now - self._seen > self._patience_s:
            host, port = self._address
            raise EngineLostError(self._name, f"{host}:{port} has not answered for {self._patience_s:.0f} s")

    def _is_connected(self) -> bool:
        if self._connection is None:
            return False
        try:
            if self._connection.recv(4096):
                return True
        except BlockingIOError:
            return True
        except OSError:
            pass
        self.close()
        return False

    def _connect(self) -> bool:
        self._tried = time.monotonic()
        with contextlib.suppress(OSError):
            self._connection = socket.create_connection(self._address, timeout=_TRY_S)
            self._connection.setblocking(False)
        return self._connection is not None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
