"""Bytes between the coordinator and its agents: what an engine has to provide, at each of the two ends.

Both ends carry chunks of messages whole, in the order of each agent, and lose none while both of them live.
A chunk that arrives twice is dropped by its reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias


class TransportLostError(Exception):
    """The coordinator no longer listens to this agent."""


class Arrived(NamedTuple):
    """An agent sent a chunk."""

    data: bytes


class Gone(NamedTuple):
    """An agent is gone, and the engine says why."""

    number: int
    reason: str


TransportEvent: TypeAlias = Arrived | Gone


class ClusterTransport(Protocol):
    """The coordinator's end: launches agents on an engine and exchanges bytes with them.

    All methods are called by the coordinator's thread, and only `receive` waits. What an implementation hears
    in threads of its own, it keeps until `receive` is called.
    """

    def launch(self, number: int, slot: int) -> None:
        """Let the engine run an agent of this number, for a slot, once, on any free worker."""

    def send(self, number: int, data: bytes) -> None:
        """Send bytes to an agent, in order; bytes for a lost agent are dropped."""

    def receive(self, timeout_s: float) -> Sequence[TransportEvent]:
        """Wait at most `timeout_s` seconds for events and return them, in order for each agent.

        Raises
        ------
        EngineLostError
            If the engine is gone.
        """

    def forget(self, number: int) -> None:
        """Take back an agent that has not begun, or that is gone."""

    def close(self) -> None:
        """Cancel the remaining agents, and disconnect from the engine."""


class AgentTransport(Protocol):
    """The agent's end: receives from the coordinator and sends to it.

    All methods are called by the agent's one thread, and only `send` waits.
    """

    @property
    def fd(self) -> int:
        """A file descriptor that is readable when something has been received."""

    def received(self) -> list[bytes]:
        """Return what has been received; never waits."""

    def send(self, data: bytes) -> None:
        """Send to the coordinator; wait until it is taken.

        Raises
        ------
        TransportLostError
            If the coordinator no longer listens.
        """

    def is_wanted(self) -> bool:
        """Whether the coordinator still wants the agent."""
