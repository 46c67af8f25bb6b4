"""What the coordinator sends, in the thread of its client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from research_runner.backends.cluster.dask.package import (
    DISCONNECTED,
    PUT_S,
    distributed_package,
    how_it_ended,
    wait_while,
)


class CommandQueue:
    """The queue of commands for one agent; its methods run in the thread of the client."""

    def __init__(self, name: str, client: Any) -> None:
        self.name = name
        self._client = client
        self._queue: Any = None

    async def open(self) -> None:
        """Make the queue."""
        self._queue = await distributed_package().Queue(self.name, client=self._client)

    async def put(self, data: bytes) -> None:
        """Send a command; dropped if the agent is gone, and with it its queue."""
        with contextlib.suppress(KeyError):
            await self._queue.put(data, asynchronous=True)

    async def close(self) -> None:
        """Leave nothing in the scheduler."""
        self._queue.close()


class Outgoing:
    """Sends in the thread of a client, in order, so that the coordinator never waits for the scheduler."""

    def __init__(self, client: Any, on_lost: Callable[[str], object]) -> None:
        self._loop = client.loop.asyncio_loop
        self._waiting: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()
        self._on_lost = on_lost
        self._sender: asyncio.Task[None] | None = None
        self._end = asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    def put(self, send: Callable[[], Awaitable[None]] | None) -> None:
        """Call something that sends."""
        with contextlib.suppress(RuntimeError):  # the loop has ended with the engine
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, send)

    async def _run(self) -> None:
        self._sender = asyncio.current_task()
        while (send := await self._waiting.get()) is not None:
            try:
                await send()
            except DISCONNECTED as error:
                self._on_lost(how_it_ended(error))
                return

    def close(self) -> None:
        """Wait a little for what is being sent; then send nothing more."""
        self.put(None)
        wait_while(lambda: not self._end.done(), PUT_S)
        if self._sender is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended with the engine
                self._loop.call_soon_threadsafe(self._sender.cancel)
            wait_while(lambda: not self._end.done(), PUT_S)
