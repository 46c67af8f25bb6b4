"""The agent's end: a Dask task, in a thread of a Dask worker."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque

from research_runner.backends.cluster.agent import Agent
from research_runner.backends.cluster.dask.package import (
    CLOSE_S,
    DISCONNECTED,
    END,
    PUT_S,
    distributed_package,
)
from research_runner.backends.cluster.gpus import borrowed
from research_runner.backends.cluster.transport import TransportLostError


def serve(number: int, inbox: str, outbox: str, gpus: float) -> None:
    """Run an agent; this is the Dask task."""
    transport = DaskAgentTransport(inbox, outbox)
    try:
        with borrowed(gpus) as environment:
            Agent(number, transport, environment, folder=transport.folder).run()
    finally:
        transport.close()


class DaskAgentTransport:
    """The agent's end, in a thread of a Dask worker."""

    def __init__(self, inbox: str, outbox: str) -> None:
        distributed = distributed_package()
        self._worker = distributed.get_worker()
        self._key = self._worker.get_current_task()
        client = distributed.get_client()
        self._inbox = distributed.Queue(inbox, client=client)
        self._outbox = distributed.Queue(outbox, client=client)
        self._received: deque[bytes] = deque()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._listen, name="research-commands", daemon=True)
        self._thread.start()

    @property
    def folder(self) -> str:
        """The folder of the Dask worker, which Dask clears up even if the worker is killed."""
        return str(self._worker.local_directory)

    @property
    def fd(self) -> int:
        """Readable when commands have come."""
        return self._wake.fileno()

    def _listen(self) -> None:
        with contextlib.suppress(*DISCONNECTED):
            while (data := self._inbox.get()) != END:
                self._received.append(data)
                self._waker.send(b"\0")

    def received(self) -> list[bytes]:
        """Return what has come."""
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        return [self._received.popleft() for _ in range(len(self._received))]

    def send(self, data: bytes) -> None:
        """Put into the queue; wait as long as it is full."""
        while True:
            try:
                self._outbox.put(data, timeout=PUT_S)
            except TimeoutError:
                if not self.is_wanted():
                    raise TransportLostError("nobody listens to it any more") from None
            except DISCONNECTED:
                raise TransportLostError("nobody listens to it any more") from None
            else:
                return

    def is_wanted(self) -> bool:
        """Whether the task was neither cancelled nor taken away, and the Dask worker goes on."""
        task = self._worker.state.tasks.get(self._key)
        running = task is not None and task.state in ("executing", "long-running")
        return running and self._worker.status.name in ("running", "paused")

    def close(self) -> None:
        """End the thread, and leave nothing in the scheduler."""
        with contextlib.suppress(*DISCONNECTED):
            if not self.is_wanted():
                self._outbox.get(batch=True)
            self._inbox.put(END)
            self._thread.join(CLOSE_S)
            self._inbox.close()
            self._outbox.close()
        self._wake.close()
        self._waker.close()
