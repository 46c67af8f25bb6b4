"""The agent: runs in an engine's worker, keeps one worker process, and forwards commands and events.

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
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from research_runner._version import __version__
from research_runner.backends.cluster.files import FileSync, Probe
from research_runner.backends.cluster.messages import (
    AgentSetup,
    Begin,
    Bye,
    DeferredPlan,
    Hello,
    Leave,
    MessageChunk,
    Reassembler,
    split_message,
)
from research_runner.backends.cluster.transport import AgentTransport, TransportLostError
from research_runner.backends.processes import ProcessBackend
from research_runner.code.record import save_encoded
from research_runner.pool import wire
from research_runner.pool.launch import StartMethod
from research_runner.scheduling.commands import Answer, Kill, Start, Stop, Submit
from research_runner.scheduling.events import (
    ExperimentEnded,
    Reported,
    TaskEnded,
    TaskFinished,
    TaskReturned,
    WorkerDied,
    WorkerReady,
    pack,
)
from research_runner.scheduling.tasks import Task

_PATIENCE_S: Final = 1.0
_GATHER_S: Final = 0.02


class _MessageStream:
    """Messages over a transport; events in quick succession go together."""

    def __init__(self, number: int, transport: AgentTransport) -> None:
        self.fd = transport.fd
        self._number = number
        self._transport = transport
        self._nonce = uuid.uuid4().bytes
        self._sequence = 0
        self._reassembler = Reassembler()
        self._gathered: list[Any] = []
        self._due = 0.0

    def commands(self) -> list[Any]:
        """Return the commands that have come."""
        if not self._transport.is_wanted():
            raise TransportLostError("nobody wants it any more")
        messages = [self._reassembler.add(MessageChunk.unpack(data)) for data in self._transport.received()]
        return [wire.loads(message) for message in messages if message is not None]

    def gather(self, item: Any) -> None:
        """Keep an item until it is reported."""
        self._gathered.append(item)

    @property
    def patience_s(self) -> float:
        """Seconds that gathered items may wait for others; 0 if they are due."""
        return max(self._due - time.monotonic(), 0.0) if self._gathered else _PATIENCE_S

    def report(self, *items: Any) -> None:
        """Send what was gathered, and other items, to the coordinator, with the current time."""
        self._gathered.extend(items)
        if not self._gathered:
            return
        packed, self._gathered = self._gathered, []
        for chunk in split_message(
            wire.dumps((time.time(), packed)), self._number, self._nonce, self._sequence
        ):
            self._transport.send(chunk.pack())
            self._sequence += 1
        self._due = time.monotonic() + _GATHER_S


class Agent:
    """Serves one slot of one run.

    Parameters
    ----------
    number : int
        Its number; no other agent of the run has it.
    transport : AgentTransport
        Its connection to the coordinator.
    environment : mapping
        Variables that the worker process gets, because of what its place has.
    auto : {'auto', 'fork', 'forkserver', 'spawn'}
        How the worker process is started if that is left to us.
    folder : str or None
        Where files can be kept while it serves; by default that for temporary files.
    """

    def __init__(
        self,
        number: int,
        transport: AgentTransport,
        environment: Mapping[str, str] | None = None,
        auto: StartMethod = "auto",
        folder: str | None = None,
    ) -> None:
        self._messages = _MessageStream(number, transport)
        self._environment = environment or {}
        self._auto: StartMethod = auto
        self._scratch = Path(tempfile.mkdtemp(prefix="research-agent-", dir=folder))
        self._tasks: dict[int, Task] = {}
        self._sync: FileSync | None = None
        self._backend: ProcessBackend | None = None
        self._leave: Leave | None = None

    def run(self) -> None:
        """Serve until there is nothing left to do.

        Raises
        ------
        TransportLostError
            If nobody wants it any more before that.
        """
        try:
            self._messages.report(Hello(socket.gethostname(), os.getpid(), sys.version_info[:2], __version__))
            poller = select.poll()
            poller.register(self._messages.fd, select.POLLIN)
            while not (commands := self._messages.commands()):
                poller.poll(_PATIENCE_S * 1000)
            first, *commands = commands  # what is to be served comes before all others
            if isinstance(first, Leave):
                raise TransportLostError("it was not needed")
            self._serve(first, commands)
        finally:
            if self._backend is not None:
                self._backend.close(force=True)
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _serve(self, setup: AgentSetup, commands: list[Any]) -> None:
        """Start a worker at once, to see whether it can load the plan, then apply commands."""
        backend = self._start(setup, setup.shares_files is not False)
        while True:
            for each in commands:
                if isinstance(each, Begin):
                    backend = self._begin(backend, setup)
                else:
                    self._apply(backend, setup.slot, each)
            if self._leave is not None:
                break
            self._forward([event for _, event in backend.poll(self._messages.patience_s)])
            commands = self._messages.commands()
        self._finish(backend, self._leave.force)

    def _start(self, setup: AgentSetup, shares_files: bool) -> ProcessBackend:
        if not shares_files:
            self._sync = FileSync(self._scratch)
        method = self._auto if setup.start_method == "auto" else setup.start_method
        plan = DeferredPlan.of(setup, None if shares_files else self._scratch, self._environment)
        code = save_encoded(setup.code, self._scratch)
        self._backend = backend = ProcessBackend(plan, method, lambda: code)
        backend.watch(self._messages.fd)
        backend.start(setup.slot)
        return backend

    def _begin(self, backend: ProcessBackend, setup: AgentSetup) -> ProcessBackend:
        """Find out whether files are shared; start another worker if they are not."""
        if setup.shares_files is not None or Probe(setup.root, setup.token).is_seen():
            return backend
        backend.close(force=True)
        return self._start(setup, False)

    def _apply(self, backend: ProcessBackend, slot: int, command: Any) -> None:
        """Apply a command, unless its worker died and the coordinator does not know that yet."""
        match command:
            case Start():
                backend.start(slot)
            case Leave():
                self._leave = command
            case _ if not backend.has_worker(slot):
                pass
            case Submit(_, tasks):
                self._tasks.update((task.index, task) for task in tasks)
                backend.submit(slot, tasks)
            case Answer(_, experiment_id, ends):
                backend.answer(slot, experiment_id, ends)
            case Stop():
                backend.stop(slot)
            case Kill(_, cause):
                backend.kill(slot, cause)

    def _forward(self, events: Iterable[Any]) -> None:
        """Report events; the files of what has ended go before the report of its end."""
        urgent = False
        for event in events:
            for chunk in self._files_before(event):
                self._messages.report(chunk)
            is_of_worker = isinstance(event, WorkerReady | WorkerDied)
            self._messages.gather(event if is_of_worker else pack(event))
            urgent = urgent or is_of_worker or isinstance(event, Reported)
        if urgent or not self._tasks or not self._messages.patience_s:
            self._messages.report()

    def _files_before(self, event: Any) -> Iterable[Any]:
        match event:
            case TaskEnded(index) | TaskFinished(index):
                task = self._tasks.pop(index)
                return () if self._sync is None else self._sync.of_task(task)
            case TaskReturned(index, _):
                self._tasks.pop(index)
            case ExperimentEnded(experiment_id) if self._sync is not None:
                return self._sync.of_experiment(experiment_id)
            case WorkerDied():
                self._tasks.clear()
                return () if self._sync is None else self._sync.everything()
        return ()

    def _finish(self, backend: ProcessBackend, force: bool) -> None:
        backend.close(force=force)
        if self._sync is not None:
            for chunk in self._sync.everything():
                self._messages.report(chunk)
        self._messages.report(Bye())
