"""The parts that run in processes of Ray: a mailbox, and a relay for each agent.

The code travels by value, and needs nothing but the standard library and Ray, so that a process of Ray
imports nothing of ours: a relay starts a process that does, which is an agent, and carries bytes.

``Mailbox``      an actor that keeps what is sent until it is asked for, and owns the relays
``relay``        the task that runs an agent

The mailbox submits all relays but the first, which the coordinator submits while the mailbox starts. Ray ends
the tasks of an actor with it: so relays end with the mailbox, whether they run or still wait for resources.
No task is ever cancelled: Ray 2.60 ends the process that owns a task which is cancelled while it ends.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import threading
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final

FAILED: Final = b"!"
"""First byte of the error of an agent that could not start; the first byte of a chunk is zero."""

_GIVE_UP: Final = b""
_AGENT: Final = """
import importlib, json, sys
fd, number, preload, sys.path[:] = json.loads(sys.argv[1])
try:
    from research_runner.backends.cluster.ray.agent_process import serve
    importlib.import_module(preload)
except BaseException as error:
    from multiprocessing.connection import Connection
    Connection(fd).send_bytes(b"!" + repr(error).encode("utf-8", "backslashreplace"))
    raise
serve(fd, number)
"""
_AT_ONCE_BYTES: Final = 1 << 24


class Mailbox:
    """Keeps commands for each agent, and events for the coordinator; all methods run in one thread.

    Agents wait while more than `events_max` chunks of events are here.
    """

    def __init__(self, events_max: int) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue(events_max)
        self._orders: dict[int, asyncio.Queue[bytes | None]] = {}
        self._early: dict[int, tuple[int, bytes]] = {}
        self._next = 0
        self._begun: set[int] = set()
        self._gone: set[int] = set()
        self._relays: dict[int, asyncio.Task[None]] = {}

    async def launch(self, number: int, needs: dict[str, Any], preload: str) -> None:
        """Submit an agent without retries."""
        ray = importlib.import_module("ray")
        task = ray.remote(max_retries=0)(relay).options(name="research", **needs)
        me = ray.get_runtime_context().current_actor
        await self.follow(number, [task.remote(number, me, preload)])

    async def follow(self, number: int, task: list[Any]) -> None:
        """Watch over the task of an agent."""
        self._relays[number] = asyncio.create_task(self._on_exit(number, task[0]))

    async def _on_exit(self, number: int, task: Any) -> None:
        """Report that an agent has ended, after everything that it has sent."""
        try:
            await task
            reason = "its agent ended"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
            reason = str(getattr(error, "cause", None) or error).strip().partition("\n")[0]
        await self.dismiss(number)
        del self._relays[number]
        await self._events.put((number, reason))

    async def command(self, sequence: int, number: int, data: bytes) -> None:
        """Take a chunk for an agent; calls of this method may overtake each other, chunks do not."""
        self._early[sequence] = number, data
        while self._next in self._early:
            target, first = self._early.pop(self._next)
            self._next += 1
            if target not in self._gone:
                self._of(target).put_nowait(first)

    def _of(self, number: int) -> asyncio.Queue[bytes | None]:
        return self._orders.setdefault(number, asyncio.Queue())

    async def commands(self, number: int) -> list[bytes] | None:
        """Return what there is for an agent; wait for it. None if there will be nothing more."""
        self._begun.add(number)
        if number in self._gone:
            return None
        queue = self._of(number)
        found = [await queue.get()]
        while not queue.empty():
            found.append(queue.get_nowait())
        commands = [each for each in found if each is not None]
        return commands or None

    async def dismiss(self, number: int) -> None:
        """Take an agent back: it gets no more commands, and ends."""
        self._gone.add(number)
        self._of(number).put_nowait(None)
        del self._orders[number]

    async def close(self, patience_s: float) -> None:
        """Take all agents back, and wait a little for those that have begun."""
        for number in self._relays:
            await self.dismiss(number)
        running = [task for number, task in self._relays.items() if number in self._begun]
        if running:
            await asyncio.wait(running, timeout=patience_s)

    async def report(self, items: list[Any]) -> None:
        """Take events; wait as long as there are too many."""
        for item in items:
            await self._events.put(item)

    async def events(self) -> list[Any]:
        """Return what there is for the coordinator; wait for it."""
        found = [await self._events.get()]
        size = len(found[0])
        while size < _AT_ONCE_BYTES and not self._events.empty():
            found.append(self._events.get_nowait())
            size += len(found[-1])
        return found


def relay(number: int, mailbox: Any, preload: str) -> None:
    """Start an agent beside this process, and carry bytes until it ends; `RuntimeError` if it died.

    `preload` is a module that its worker processes will need.
    """
    ours, theirs = Pipe()
    fd = theirs.fileno()
    command = [sys.executable, "-c", _AGENT, json.dumps([fd, number, preload, sys.path])]
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own code
            command, stdin=subprocess.DEVNULL, pass_fds=[fd], start_new_session=True
        )
    commands = threading.Thread(target=_carry_commands, args=(ours, number, mailbox), daemon=True)
    commands.start()
    try:
        _carry_events(ours, mailbox)
    finally:
        mailbox.dismiss.remote(number)
        ours.close()
        code = process.wait()
    if code:
        raise RuntimeError(f"the process of the agent ended with code {code}")


def _carry_commands(connection: Connection, number: int, mailbox: Any) -> None:
    """Carry commands until there will be none, then tell the agent that it is no longer wanted."""
    ray = importlib.import_module("ray")
    try:
        try:
            while (commands := ray.get(mailbox.commands.remote(number))) is not None:
                for command in commands:
                    connection.send_bytes(command)
        except ray.exceptions.RayError:
            pass  # the mailbox is gone, and with it the coordinator
        connection.send_bytes(_GIVE_UP)
    except (OSError, ValueError):
        return  # the agent has ended


def _carry_events(connection: Connection, mailbox: Any) -> None:
    ray = importlib.import_module("ray")
    ended = False
    while not ended:
        found: list[bytes] = []
        size = 0
        try:
            while not found or (size < _AT_ONCE_BYTES and connection.poll()):
                found.append(connection.recv_bytes())
                size += len(found[-1])
        except (EOFError, OSError):
            ended = True
        for item in found:
            if item.startswith(FAILED):
                raise RuntimeError(item.removeprefix(FAILED).decode("utf-8", "replace"))
        if found:
            ray.get(mailbox.report.remote(found))
