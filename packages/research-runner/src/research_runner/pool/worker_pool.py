"""The pool: one supervised process per slot; at its end no process is left."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from research_domain.texts import decode_text
from research_runner.pool import wire
from research_runner.pool.channel import Channel
from research_runner.pool.errors import PoolError, WireError
from research_runner.pool.events import Message, PoolEvent
from research_runner.pool.frames import Kind, frames
from research_runner.pool.kept import give_back_supervisor, take_supervisor
from research_runner.pool.launch import (
    LaunchSettings,
    StartMethod,
    SupervisorLink,
    blocking_pair,
    check_descriptors,
    current_directory,
    current_path,
    refuse_cuda,
    resolve_start_method,
)
from research_runner.pool.link import Link
from research_runner.pool.travel import serialise_part
from research_runner.system.death import DeathExaminer
from research_runner.system.worker_events import WorkerDied, WorkerReady

_SUPERVISOR: Final = "supervisor"
_WAKE_UP: Final = "wake-up"
_PATIENCE_S: Final = 1.0  # a signal that comes just before a wait is noticed after it


class WorkerPool:
    """Supervised worker processes, one per slot.

    The pool restarts nothing by itself: it reports, and its owner decides. It belongs to the thread that
    made it, except that any thread may make a watched file descriptor readable.

    `serve` is called with a `Channel` in every worker. It may be any callable: functions of notebooks and
    scripts, closures and objects are serialised with their code, once; `TravelError` if it cannot be.
    `environments` are variables of each slot, set before any user code is imported, and `preload` modules
    that the fork server imports before it forks. `code` returns the user's modules for workers to import, as
    `encode_modules` writes them, or nothing; it is called once, while the supervisor starts. With `keep`, the
    supervisor stays for the next such pool of this process, if it is the script's own. Start methods: see
    `resolve_start_method`.

    Examples
    --------
    >>> def serve(channel):
    ...     while True:
    ...         channel.send(channel.recv() * 2)
    >>> with WorkerPool(1, serve) as pool:
    ...     pool.start(0)
    ...     pool.submit(0, 21)
    ...     events = []
    ...     while len(events) < 2:
    ...         events += pool.poll(10)
    >>> events
    [WorkerReady(slot=0, pid=..., place=None), Message(slot=0, payload=42)]
    """

    def __init__(
        self,
        size: int,
        serve: Callable[[Channel], None],
        *,
        start_method: StartMethod = "auto",
        environments: Sequence[Mapping[str, str]] = (),
        preload: Sequence[str] = (),
        code: Callable[[], bytes] = bytes,
        keep: bool = False,
    ) -> None:
        if size < 1:
            raise PoolError(f"a pool needs at least one slot, got size={size!r}")
        if environments and len(environments) != size:
            raise PoolError(
                f"environments needs one mapping for each of {size} slots, got {len(environments)}"
            )
        check_descriptors(size)
        slots = tuple(dict(each) for each in environments) or ({},) * size
        self.size = size
        self.start_method = resolve_start_method(start_method)
        self._settings = LaunchSettings(size, self.start_method, slots, tuple(preload))
        self._serve = serialise_part("the work", serve)
        self._find_code = code
        self._code: bytes | None = None
        self._links: dict[int, Link] = {}
        self._selector = selectors.DefaultSelector()
        self._supervisor: SupervisorLink | None = None
        self._keep = keep
        self._at_exit: weakref.finalize[Any, WorkerPool] | None = None
        self._events: deque[PoolEvent] = deque()
        self._starts = 0
        self.most_read = 0  # bytes that the last poll has read from a worker at once
        self._examiner = DeathExaminer()

    @property
    def alive(self) -> tuple[int, ...]:
        """The slots that were started and whose death was not reported yet."""
        return tuple(sorted(self._links))

    # -- commands ---------------------------------------------------------------------------------

    def start(self, slot: int) -> None:
        """Start a worker in a free slot; `WorkerReady` follows when it has loaded its work."""
        if not 0 <= slot < self.size:
            raise PoolError(f"there is no slot {slot!r}; the pool has slots 0 to {self.size - 1}")
        self._start(slot, self._serve, self._settings.environments[slot])

    def _start(self, slot: int, serve: bytes, environment: Mapping[str, str]) -> None:
        if slot in self._links:
            raise PoolError(
                f"slot {slot} already has a worker; wait for its WorkerDied before starting another"
            )
        supervisor = self._running_supervisor()
        if self._code is None:
            self._code = self._find_code()
        self._starts += 1
        number = self._starts * (self.size + 1) + slot
        ours, theirs = blocking_pair()
        link = Link(slot, number, ours)
        with theirs:
            supervisor.start(number, environment, theirs)
        self._links[slot] = link
        self._selector.register(ours, selectors.EVENT_READ, link)
        self._put(link, frames(Kind.HELLO, self._code))
        argv = getattr(sys, "argv", [""])
        state = {"sys_path": current_path(), "argv": argv, "directory": current_directory()}
        self._put(link, frames(Kind.HELLO, wire.dumps(state)))
        self._put(link, frames(Kind.HELLO, serve))

    def submit(self, slot: int, message: object) -> None:
        """Give a message to a worker; never waits, what the connection does not take leaves in `poll`."""
        self._put(self._link(slot), frames(Kind.MESSAGE, wire.dumps(message, "message")))

    def answer(self, slot: int, question: str, answer: object) -> None:
        """Answer a question of a worker, ahead of the messages that it has not read; see `Channel.answer`."""
        self._put(self._link(slot), frames(Kind.ANSWER, wire.dumps({question: answer})))

    def stop(self, slot: int) -> None:
        """Ask a worker to end after its messages; its `WorkerDied` has the cause ``'stopped'``."""
        link = self._link(slot)
        if link.requested_cause is None:
            link.requested_cause = "stopped"
            self._put(link, frames(Kind.STOP))

    def kill(self, slot: int, cause: str | None = None) -> None:
        """Kill a worker and its whole process group; its `WorkerDied` has the cause, if one is given."""
        link = self._link(slot)
        link.requested_cause = cause
        if self._supervisor is not None:
            self._supervisor.kill(link.number)

    def watch(self, fd: int) -> None:
        """Let `poll` return as soon as a file descriptor is readable; the caller empties it."""
        self._selector.register(fd, selectors.EVENT_READ, _WAKE_UP)

    def _link(self, slot: int) -> Link:
        try:
            return self._links[slot]
        except KeyError:
            raise PoolError(f"slot {slot!r} has no worker; call start({slot!r}) first") from None

    def _put(self, link: Link, message: Iterable[bytes | memoryview]) -> None:
        idle = not link.outgoing
        link.outgoing.extend(message)
        if idle and not link.flush():
            self._listen(link, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _listen(self, link: Link, events: int) -> None:
        if link.connection in self._selector.get_map():
            self._selector.modify(link.connection, events, link)

    def _running_supervisor(self) -> SupervisorLink:
        self._check_open()
        if self._supervisor is None:
            if self.start_method == "fork":  # CUDA may have come into use since the pool was made
                refuse_cuda()
            take = take_supervisor if self._keep else SupervisorLink
            self._supervisor = take(self._settings)
            self._selector.register(self._supervisor.control, selectors.EVENT_READ, _SUPERVISOR)
            self._at_exit = weakref.finalize(self, self._supervisor.close)
        return self._supervisor

    def _check_open(self) -> None:
        if self._selector.get_map() is None:
            raise PoolError("the pool is closed; make a new one")

    # -- events -----------------------------------------------------------------------------------

    def poll(self, timeout_s: float | None = None) -> list[PoolEvent]:
        """Return what has happened, in the order of each worker; wait up to `timeout_s` seconds for it.

        It returns nothing after that time, or when a watched descriptor is readable. A handler of a signal
        that raises in here may lose what was just read: let it write to a descriptor that is watched.
        """
        self._check_open()
        deadline = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        self.most_read = 0
        while not self._events:
            left = deadline - time.monotonic()
            if self._collect(min(left, _PATIENCE_S)) or left <= 0:
                break
        events = list(self._events)
        self._events.clear()
        return events

    def _collect(self, timeout_s: float) -> bool:
        """Wait once and note what happened; whether a watched descriptor is readable."""
        woken = reported = False
        for key, mask in self._selector.select(timeout_s):
            link = key.data
            if link is _WAKE_UP:
                woken = True
            elif link is _SUPERVISOR:
                reported = True
            else:
                if mask & selectors.EVENT_WRITE and link.flush():
                    self._listen(link, selectors.EVENT_READ)
                if mask & selectors.EVENT_READ:
                    self._read(link)
        if reported:
            self._read_reports()
        return woken

    def _read(self, link: Link) -> None:
        try:
            count = link.read()
        except BlockingIOError:
            return
        self.most_read = max(self.most_read, count)
        self._deliver(link)
        if not count or link.broken:
            self._selector.unregister(link.connection)
        if link.broken:
            self.distrust(link.slot, link.broken)

    def distrust(self, slot: int, reason: str) -> None:
        """Kill a worker, if it lives, that sent what no worker sends; nothing more that it sends is read."""
        link = self._links.get(slot)
        if link is not None:
            link.broken = link.detail = reason
            self.kill(slot, "protocol")

    def _deliver(self, link: Link) -> None:
        for kind, payload in link.messages():
            if kind is Kind.MESSAGE:
                try:
                    self._events.append(tuple.__new__(Message, (link.slot, wire.loads(payload))))
                except WireError as error:
                    self._events.append(Message(link.slot, error))
            elif kind is Kind.READY:
                link.pid = int.from_bytes(payload)
                self._events.append(WorkerReady(link.slot, link.pid))
            elif kind is Kind.FAILURE:
                link.detail = decode_text(payload)

    def _read_reports(self) -> None:
        """Read the reports of the supervisor."""
        if self._supervisor is None:
            return
        reports, there = self._supervisor.read()
        for report in reports:
            link = self._links[report["id"] % (self.size + 1)]
            link.pid = report.get("pid", link.pid)
            if report["event"] != "started":
                self._on_exit(link, report)
        if not there:
            self._on_supervisor_exit(self._supervisor)

    def _on_supervisor_exit(self, supervisor: SupervisorLink) -> None:
        """Report all workers as lost: the supervisor was killed, and the kernel killed them with it."""
        self._selector.unregister(supervisor.control)
        supervisor.close()
        self._supervisor = None
        for link in list(self._links.values()):
            if link.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(link.pid, signal.SIGKILL)
            self._on_exit(link, {"event": "lost"})

    def _on_exit(self, link: Link, report: Mapping[str, Any]) -> None:
        with contextlib.suppress(BlockingIOError):
            while link.read():
                pass
        self._deliver(link)
        if link.connection in self._selector.get_map():
            self._selector.unregister(link.connection)
        link.connection.close()
        del self._links[link.slot]
        death = self._examiner.examine(report, link.requested_cause, link.detail)
        self._events.append(WorkerDied(link.slot, link.pid, death))

    # -- the end ----------------------------------------------------------------------------------

    def close(self, force: bool = False, timeout_s: float = 10.0) -> None:
        """End all workers and leave no process, descriptor or file behind.

        Workers that are not killed at once have `timeout_s` seconds to stop.
        """
        if self._selector.get_map() is None:
            return
        try:
            if not force and self._supervisor is not None and self._supervisor.is_ours:
                for slot in self._links:
                    self.stop(slot)
                deadline = time.monotonic() + timeout_s
                while self._links and (left := deadline - time.monotonic()) > 0:
                    self._collect(left)
        finally:
            if self._at_exit is not None:
                self._at_exit.detach()
            if self._supervisor is not None and self._keep:
                give_back_supervisor(self._supervisor)
            elif self._supervisor is not None:
                self._supervisor.close()
            for link in self._links.values():
                link.connection.close()
            self._links.clear()
            self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(force=kind is not None)
