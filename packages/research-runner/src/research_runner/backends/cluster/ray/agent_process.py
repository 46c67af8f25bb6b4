"""An agent in a process of its own, beside a process of the engine that only carries bytes.

Nothing of ours is imported by the engine's process then, and the worker process is a fork of this one, which
has imported what it needs: that takes half the time of starting both.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
from multiprocessing.connection import Connection

from research_runner.backends.cluster.agent import Agent
from research_runner.backends.cluster.transport import TransportLostError
from research_runner.pool.supervisor import continue_on_parent_death


class _PipeTransport:
    """The agent's end: a pipe to the process of Ray beside it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lost = False

    @property
    def fd(self) -> int:
        """Readable when commands have come, or the other end is closed."""
        return self._connection.fileno()

    def received(self) -> list[bytes]:
        """Return what has come."""
        found: list[bytes] = []
        with contextlib.suppress(EOFError, OSError):
            while self._connection.poll():
                found.append(self._connection.recv_bytes())
                if not found[-1]:
                    break
            else:
                return found
        self._lost = True
        return list(filter(None, found))

    def send(self, data: bytes) -> None:
        """Send; wait until it is taken."""
        try:
            self._connection.send_bytes(data)
        except OSError as error:
            raise TransportLostError("nobody listens to it any more") from error

    def is_wanted(self) -> bool:
        """Whether the other end is still open."""
        return not self._lost

    def close(self) -> None:
        """Close this end."""
        self._connection.close()


def serve(fd: int, number: int) -> None:
    """Be the agent of that number, over a connected socket."""
    continue_on_parent_death()
    sys.modules["__main__"] = types.ModuleType("__main__")  # for worker processes to fill
    transport = _PipeTransport(Connection(fd))
    os.register_at_fork(after_in_child=transport.close)
    with contextlib.suppress(TransportLostError):
        Agent(number, transport, auto="fork").run()
    os._exit(0)  # nothing is left to clean up
