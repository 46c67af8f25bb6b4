"""The client of the mailbox, in the process that is connected to Ray."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from research_runner.backends.cluster.ray import mailbox
from research_runner.backends.cluster.ray.doubts import Doubts
from research_runner.backends.cluster.transport import Arrived, Gone, TransportEvent

_EVENTS_MAX: Final = 32
"""Chunks that may wait in the mailbox; with chunks of 4 MiB it never holds more than 128 MiB."""

_FAREWELL_S: Final = 2.0
_END: Final = (-1, "")


def ray_package() -> Any:
    """Return the package; its functions are not typed."""
    return importlib.import_module("ray")


class RayClient:
    """Launches agents on Ray, and exchanges bytes with them through the mailbox.

    One thread gives commands, another one may wait in `events`.
    """

    def __init__(self, needs: Sequence[Mapping[str, Any]], preload: str) -> None:
        ray = ray_package()
        ray.cloudpickle.register_pickle_by_value(mailbox)
        node = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        actor = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=100_000)
        self._mailbox = actor(mailbox.Mailbox).options(scheduling_strategy=node).remote(_EVENTS_MAX)
        self._needs = needs
        self._preload = preload
        self._pending = self._mailbox.events.remote()
        self._sequence = 0
        self._doubts = Doubts()

    def launch(self, number: int, slot: int) -> None:
        """Submit an agent: the first one from here, while the mailbox starts, the others from the mailbox."""
        needs = dict(self._needs[slot])
        if number:
            self._mailbox.launch.remote(number, needs, self._preload)
            return
        first = ray_package().remote(max_retries=0)(mailbox.relay).options(name="research", **needs)
        self._mailbox.follow.remote(number, [first.remote(number, self._mailbox, self._preload)])

    def send(self, number: int, data: bytes) -> None:
        """Send to an agent."""
        self._mailbox.command.remote(self._sequence, number, data)
        self._sequence += 1

    def forget(self, number: int) -> None:
        """Take back an agent."""
        self._mailbox.dismiss.remote(number)

    def events(self, timeout_s: float) -> list[TransportEvent] | None:
        """Wait for events; None if there will be no more. `ConnectionError` if agents are gone with Ray."""
        ray = ray_package()
        events: list[TransportEvent] = [*self._doubts.settled()]
        if not ray.wait([self._pending], timeout=0 if events else timeout_s)[0]:
            return events
        items = ray.get(self._pending)
        if _END in items:
            return None
        self._pending = self._mailbox.events.remote()
        for item in items:
            if isinstance(item, bytes):
                events.append(Arrived(item))
            else:
                self._doubts.hold(Gone(*item))
        return events

    def end(self) -> None:
        """End the wait of the thread that waits in `events`."""
        self._mailbox.report.remote([_END])

    def close(self) -> None:
        """Tell all agents to end; slow ones, and those that have not begun, end with the mailbox."""
        ray = ray_package()
        self._doubts.close()
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self._mailbox.close.remote(_FAREWELL_S), timeout=2 * _FAREWELL_S)
        ray.kill(self._mailbox)

    def leave(self) -> None:
        """Let all agents end, and do not wait: Ray is gone."""
        self._doubts.close()
        self._mailbox.close.remote(0)


def reason_of(error: Exception) -> str:
    """Say in one line why Ray failed."""
    return str(error).strip().partition("\n")[0]
