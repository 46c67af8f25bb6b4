"""The worker's end of its connection to the coordinator."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections import deque
from typing import Any

from research_experiment.forks import end_if_forked
from research_runner.pool import wire
from research_runner.pool.frames import FrameReader, Kind, frames

_CHUNK_BYTES = 65_536


class WorkerStop(BaseException):
    """Unwinds a worker that was asked to stop or whose coordinator is gone; not for user code to catch."""


class Channel:
    """Receive messages from the coordinator and send payloads back, over a connected stream socket.

    Sending and waiting for answers is safe from several threads; receiving belongs to one, which must not
    receive while others wait for answers.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(None)  # it may have taken the default of the user's process
        self._socket = connection
        self._owner = os.getpid()
        self._reader = FrameReader()
        self._messages: deque[tuple[Kind, bytes]] = deque()
        self._sending = threading.Lock()
        self._writer = wire.Writer()
        self._answers: dict[str, Any] = {}
        self._answered = threading.Condition()
        self._is_read = False
        self._arrivals = select.poll()
        self._arrivals.register(connection, select.POLLIN)

    def recv(self) -> Any:
        """Return the next message; wait for it. `WorkerStop` if the coordinator asked for it, or is gone."""
        kind, payload = self.next_message()
        if kind != Kind.MESSAGE:
            raise WorkerStop
        return wire.loads(payload)

    def send(self, payload: object) -> None:
        """Send a payload; wait until the connection has taken it.

        Raises `WireError` if it cannot be serialised, and sends nothing; `WorkerStop` if the coordinator is
        gone.
        """
        with self._sending:
            self._write(Kind.MESSAGE, self._writer.dumps(payload))

    def poll(self, timeout_s: float | None = 0.0) -> bool:
        """Whether `recv` would return at once; waits up to `timeout_s` seconds (None: for ever)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._messages:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not self._arrivals.poll(None if left is None else left * 1000):
                return False
            self._read()
        return True

    def is_stopping(self) -> bool:
        """Whether the coordinator has asked this worker to stop, be it after other messages; never waits."""
        while self._arrivals.poll(0):
            self._read()
        return any(kind == Kind.STOP for kind, _ in self._messages)

    def answer(self, question: str) -> Any:
        """Return what the coordinator answers to a question; wait for it. `WorkerStop` if it is gone."""
        with self._answered:
            while question not in self._answers:
                if self._is_read:  # by another thread
                    self._answered.wait()
                else:
                    self._read_for_all()
            return self._answers.pop(question)

    def _read_for_all(self) -> None:
        """Read for all threads, without blocking new ones, and wake waiting ones."""
        self._is_read = True
        self._answered.release()
        try:
            self._read()
        finally:
            self._answered.acquire()
            self._is_read = False
            self._answered.notify_all()

    def next_message(self) -> tuple[Kind, bytes]:
        """Return kind and payload of the next message."""
        while not self._messages:
            self._read()
        return self._messages.popleft()

    def send_message(self, kind: Kind, payload: bytes = b"") -> None:
        """Send one message; a process that was forked off this one ends here instead."""
        with self._sending:
            self._write(kind, payload)

    def _write(self, kind: Kind, payload: bytes) -> None:
        if os.getpid() != self._owner:
            end_if_forked(self._owner)
        try:
            for data in frames(kind, payload):
                self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise WorkerStop from None

    def _read(self) -> None:
        try:
            chunk = self._socket.recv(max(_CHUNK_BYTES, min(self._reader.missing_bytes, 1 << 20)))
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            raise WorkerStop
        self._reader.feed(chunk)
        while (message := self._reader.take()) is not None:
            kind, payload = message
            if kind == Kind.ANSWER:
                self._answers.update(wire.loads(payload))
            else:
                self._messages.append(message)
