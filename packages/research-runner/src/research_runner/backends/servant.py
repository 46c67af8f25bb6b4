"""The servant: lives in an engine's worker, keeps one worker process of ours, and passes on what goes by.

It occupies one place of the engine from the first task of its slot to the last. Experiments run in its child
process, so that time limits, kills, the output of processes and the memory of devices are dealt with as they
are on the coordinator's machine, and the engine's own worker survives them all.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

from research_runner._version import __version__
from research_runner.backends.artifacts import Luggage, Probe
from research_runner.backends.crossing import (
    Bye,
    Hello,
    Joiner,
    Kill,
    Leave,
    Order,
    Parcel,
    Run,
    SealedPlan,
    Start,
    Stop,
    split,
)
from research_runner.backends.processes import ProcessBackend
from research_runner.events import (
    ExperimentEnded,
    TaskEnded,
    TaskReturned,
    WorkerDied,
    WorkerReady,
    pack,
)
from research_runner.pool import wire
from research_runner.tasks import Task

__all__ = ["Line", "LineLostError", "Servant"]

_PATIENCE_S: Final = 1.0


class LineLostError(Exception):
    """Nobody listens to the servant any more."""


class Line(Protocol):
    """The connection of a servant, as its engine provides it."""

    @property
    def fd(self) -> int:
        """A file descriptor that is readable when something has been received."""

    def received(self) -> list[bytes]:
        """Return what has been received; never waits."""

    def send(self, data: bytes) -> None:
        """Send to the coordinator; wait until it is taken.

        Raises
        ------
        LineLostError
            If nobody will.
        """

    def is_wanted(self) -> bool:
        """Whether anybody still wants the servant."""


class _Mail:
    """Messages over a line of bytes."""

    def __init__(self, number: int, line: Line) -> None:
        self._number = number
        self._line = line
        self._nonce = uuid.uuid4().bytes
        self._place = 0
        self._joiner = Joiner()

    @property
    def fd(self) -> int:
        return self._line.fd

    def orders(self) -> list[Any]:
        """Return what the coordinator wants."""
        if not self._line.is_wanted():
            raise LineLostError("nobody wants it any more")
        messages = [self._joiner.add(Parcel.unpack(data)) for data in self._line.received()]
        return [wire.loads(message) for message in messages if message is not None]

    def report(self, items: Iterable[Any]) -> None:
        """Tell the coordinator, with the time at which it was told."""
        packed = list(items)
        if not packed:
            return
        for parcel in split(wire.dumps((time.time(), packed)), self._number, self._nonce, self._place):
            self._line.send(parcel.pack())
            self._place += 1


class Servant:
    """Serves one slot of one run.

    Parameters
    ----------
    number : int
        Who it is; no other servant of the run has this number.
    line : Line
        Its connection.
    """

    def __init__(self, number: int, line: Line) -> None:
        self._mail = _Mail(number, line)
        self._slot = 0
        self._tasks: dict[int, Task] = {}
        self._luggage: Luggage | None = None
        self._backend: ProcessBackend | None = None
        self._leave: Leave | None = None

    def run(self) -> None:
        """Serve until there is nothing left to do.

        Raises
        ------
        LineLostError
            If nobody wants it any more before that.
        """
        scratch = Path(tempfile.mkdtemp(prefix="research-servant-"))
        try:
            self._mail.report([Hello(socket.gethostname(), os.getpid(), sys.version_info[:2], __version__)])
            first, *orders = self._wait_for_orders()
            backend = self._prepare(first, scratch)
            while True:
                for order in orders:
                    self._obey(backend, order)
                if self._leave is not None:
                    break
                self._pass_on([event for _, event in backend.poll(_PATIENCE_S)])
                orders = self._mail.orders()
            self._finish(backend, self._leave.force)
        finally:
            if self._backend is not None:
                self._backend.close(force=True)
            shutil.rmtree(scratch, ignore_errors=True)

    def _wait_for_orders(self) -> list[Any]:
        """Return the first orders; what is to be served comes before all others."""
        poller = select.poll()
        poller.register(self._mail.fd, select.POLLIN)
        while not (orders := self._mail.orders()):
            poller.poll(_PATIENCE_S * 1000)
        return orders

    def _prepare(self, order: Order | Leave, scratch: Path) -> ProcessBackend:
        if isinstance(order, Leave):
            raise LineLostError("it was not needed")
        shares_files = order.shares_files
        if shares_files is None:
            shares_files = Probe(order.root, order.token).is_seen()
        if not shares_files:
            self._luggage = Luggage(scratch)
        self._slot = order.slot
        self._backend = ProcessBackend(
            SealedPlan.of(order, None if shares_files else scratch), order.start_method
        )
        self._backend.watch(self._mail.fd)
        self._backend.start(self._slot)
        return self._backend

    def _obey(self, backend: ProcessBackend, order: Any) -> None:
        """Obey, but for what was meant for a worker process whose death the coordinator did not know yet."""
        match order:
            case Start():
                backend.start(self._slot)
            case Leave():
                self._leave = order
            case _ if not backend.has_worker(self._slot):
                pass
            case Run(tasks):
                self._tasks.update((task.index, task) for task in tasks)
                backend.submit(self._slot, tasks)
            case Stop():
                backend.stop(self._slot)
            case Kill(cause):
                backend.kill(self._slot, cause)

    def _pass_on(self, events: Iterable[Any]) -> None:
        """Report events; the files of what has ended go before the news of its end."""
        waiting: list[Any] = []
        for event in events:
            for piece in self._files_before(event):
                waiting.append(piece)
                self._mail.report(waiting)
                waiting = []
            waiting.append(event if isinstance(event, WorkerReady | WorkerDied) else pack(event))
        self._mail.report(waiting)

    def _files_before(self, event: Any) -> Iterable[Any]:
        match event:
            case TaskEnded(index, _):
                task = self._tasks.pop(index)
                return () if self._luggage is None else self._luggage.of_task(task)
            case TaskReturned(index, _):
                self._tasks.pop(index)
            case ExperimentEnded(experiment_id) if self._luggage is not None:
                return self._luggage.of_experiment(experiment_id)
            case WorkerDied():
                self._tasks.clear()
                return () if self._luggage is None else self._luggage.everything()
        return ()

    def _finish(self, backend: ProcessBackend, force: bool) -> None:
        backend.close(force=force)
        if self._luggage is not None:
            for piece in self._luggage.everything():
                self._mail.report([piece])
        self._mail.report([Bye()])
