"""The coordinator's end, through the queues of a Dask scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from research_runner.backends.cluster.dask.agent_task import serve
from research_runner.backends.cluster.dask.package import (
    CLOSE_S,
    DISCONNECTED,
    END,
    GPU,
    PUT_S,
    TURN_S,
    distributed_package,
    how_it_ended,
    silent_client,
    wait_while,
)
from research_runner.backends.cluster.dask.sending import CommandQueue, Outgoing
from research_runner.backends.cluster.transport import Arrived, Gone, TransportEvent
from research_runner.errors import EngineLostError

_QUEUE_MAX: Final = 32
"""Chunks that may wait in the scheduler; with chunks of 4 MiB it never holds more than 128 MiB of ours."""

_DOUBT_S: Final = 30.0
"""How long, in seconds, a cluster without workers may be one that is being closed."""

_LOG: Final = logging.getLogger("research.engine")


class DaskTransport:
    """The coordinator's end, through the queues of a Dask scheduler."""

    def __init__(self, client: Any, cluster: Any, needs: Sequence[Mapping[str, float]]) -> None:
        self._client = client
        self._cluster = cluster
        self._needs = needs
        self._engine = f"the Dask scheduler at {client.scheduler.address}"
        self._name = f"research-{uuid.uuid4().hex}"
        self._agents: dict[int, tuple[Any, CommandQueue]] = {}
        self._events: queue.SimpleQueue[TransportEvent | EngineLostError] = queue.SimpleQueue()
        self._outgoing = Outgoing(client, self._on_lost)
        try:
            with self._connected():
                self._inbox = distributed_package().Queue(
                    f"{self._name}-events", client=client, maxsize=_QUEUE_MAX
                )
                client.subscribe_topic("all", self._on_scheduler_event)
        except BaseException:
            self._disconnect()
            raise
        asyncio.run_coroutine_threadsafe(self._listen(), client.loop.asyncio_loop)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Raise `EngineLostError` where the scheduler is gone; other errors stay what they are."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, OSError) and self._client.status == "running":
                raise
            raise self._on_lost(how_it_ended(error)) from error

    def launch(self, number: int, slot: int) -> None:
        """Submit an agent as a task without retries."""
        commands = CommandQueue(f"{self._name}-commands-{number}", self._client)
        self._outgoing.put(commands.open)
        with self._connected():
            future = self._client.submit(
                serve,
                number,
                commands.name,
                self._inbox.name,
                self._needs[slot].get(GPU, 0),
                key=f"{self._name}-{number}",
                pure=False,
                retries=0,
                resources=dict(self._needs[slot]) or None,
            )
        self._agents[number] = future, commands
        future.add_done_callback(lambda done: self._on_task_done(number, done))

    def send(self, number: int, data: bytes) -> None:
        """Send to an agent; never waits."""
        if number in self._agents:
            self._outgoing.put(partial(self._agents[number][1].put, data))

    def receive(self, timeout_s: float) -> Sequence[TransportEvent]:
        """Wait for events."""
        events: list[TransportEvent] = []
        with contextlib.suppress(queue.Empty):
            item = self._events.get(timeout=timeout_s)
            while not isinstance(item, EngineLostError):
                events.append(item)
                item = self._events.get_nowait()
            self._events.put(item)  # what is lost stays lost
            if not events:
                raise item
        if not events and self._client.status != "running":
            raise self._on_lost(f"its client is {self._client.status}")
        return events

    def forget(self, number: int) -> None:
        """Release the task; the agent notices that it is not wanted."""
        if number in self._agents:
            future, commands = self._agents.pop(number)
            future.release()
            self._outgoing.put(commands.close)

    def close(self) -> None:
        """Release everything, then close the client and a cluster of our own; an engine may be gone."""
        with silent_client():
            if self._client.status == "running":
                self._release()
            self._disconnect()

    def _release(self) -> None:
        """Remove everything from the scheduler after the agents have ended."""
        self._client.unsubscribe_topic("all")
        wait_while(lambda: any(not future.done() for future, _ in self._agents.values()), PUT_S)
        for number in list(self._agents):
            self.forget(number)
        self._outgoing.put(partial(self._inbox.put, END, asynchronous=True))
        self._outgoing.put(self._close_inbox)

    def _disconnect(self) -> None:
        self._outgoing.close()
        with contextlib.suppress(*DISCONNECTED):
            self._client.close(timeout=CLOSE_S)
        if self._cluster is not None:
            workers = self._cluster.workers.values()  # what they run uses their connections to the end
            wait_while(lambda: any(worker.active_threads for worker in workers), CLOSE_S)
            self._cluster.close(timeout=CLOSE_S)

    async def _close_inbox(self) -> None:
        self._inbox.close()

    # -- what comes from other threads --------------------------------------------------------------

    def _on_lost(self, reason: str) -> EngineLostError:
        error = EngineLostError(self._engine, reason)
        self._events.put(error)
        return error

    async def _listen(self) -> None:
        """Take what agents put into the queue, all that is there at once."""
        try:
            while True:
                items = [await self._inbox.get(asynchronous=True)]
                items += await self._inbox.get(batch=True, asynchronous=True)
                for data in items:
                    if data == END:
                        return
                    self._events.put(Arrived(data))
        except DISCONNECTED as error:
            self._on_lost(how_it_ended(error))

    def _on_scheduler_event(self, event: tuple[float, Any]) -> None:
        """Record lost Dask workers."""
        _, message = event
        if not isinstance(message, Mapping) or message.get("action") != "remove-worker":
            return
        tasks = set(message.get("processing-tasks", ()))
        for number, (future, _) in list(self._agents.items()):
            if future.key in tasks:
                self._on_gone(number, f"the Dask worker at {message.get('worker')} is gone")

    def _on_task_done(self, number: int, future: Any) -> None:
        """Record an agent that ended without a message."""
        if future.status == "error":
            self._on_gone(number, f"its Dask task failed: {future.exception()!r}")
        elif future.status == "cancelled":
            self._on_gone(number, "its Dask task was cancelled")

    def _on_gone(self, number: int, reason: str) -> None:
        doubt = self._confirm(number, reason)
        try:
            asyncio.run_coroutine_threadsafe(doubt, self._client.loop.asyncio_loop)
        except RuntimeError:  # the loop has ended with the engine
            doubt.close()

    async def _confirm(self, number: int, reason: str) -> None:
        """Report that an agent is gone, unless the whole engine is going.

        A scheduler that is stopped in an orderly way first stops its workers, and a cluster that is closed
        stops them before its scheduler: no experiment has lost an attempt by that.
        """
        deadline = time.monotonic() + _DOUBT_S
        try:
            while not await self._goes_on() and time.monotonic() < deadline:
                await asyncio.sleep(TURN_S)
        except OSError as error:
            self._on_lost(how_it_ended(error))
            return
        except Exception as error:  # noqa: BLE001 - a scheduler that answers something goes on
            _LOG.debug("the scheduler was asked whether it goes on, and raised %r", error)
        self._events.put(Gone(number, reason))

    async def _goes_on(self) -> bool:
        """Whether the scheduler has workers that can run something; `ConnectionError` if it is closing."""
        status, workers = await self._client.run_on_scheduler(
            lambda dask_scheduler: (dask_scheduler.status.name, len(dask_scheduler.running)),
            asynchronous=True,
        )
        if status in ("closing", "closed"):
            raise ConnectionAbortedError("the scheduler is closing")
        return bool(workers)
