"""The backend of a cluster: one agent for each slot, and messages to and from it."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from research_experiment.careful_logging import careful_logger
from research_runner._version import __version__
from research_runner.backends.cluster.files import FileChunk, Probe, write_chunk
from research_runner.backends.cluster.messages import (
    AgentSetup,
    Begin,
    Bye,
    Hello,
    Leave,
    MessageChunk,
    Reassembler,
    defer_task,
    split_message,
)
from research_runner.backends.cluster.transport import Arrived, ClusterTransport, Gone
from research_runner.backends.processes import ProcessBackend
from research_runner.backends.protocol import Capabilities, RunEnvironment
from research_runner.pool import wire
from research_runner.scheduling.commands import Answer, Kill, Start, Stop, Submit
from research_runner.scheduling.events import (
    BackendEvent,
    TaskReturned,
    TaskStarted,
    UnitFailed,
    WorkerDied,
    WorkerReady,
    unpack,
)
from research_runner.system.death import Death
from research_runner.system.place import Place
from research_runner.worker.plan import WorkerPlan

_SOON_S: Final = 2.0
_LOAD_S: Final = 60.0
_FAREWELL_S: Final = 10.0
_FORCED_FAREWELL_S: Final = 3.0
_FIRST: Final = 0
_NOBODY: Final = bytes(16)
_WARN_AFTER_S: Final = 30.0
_LOG: Final = careful_logger("research.engine")


@dataclass(slots=True)
class AgentState:
    """What the coordinator knows of an agent."""

    number: int  # of the agent in the run
    slot: int  # that it serves
    begun: bool  # whether `start` was called for its slot; the first agent is launched before that
    # identifies one run of its task, in case the engine runs the task again; None before it has begun
    nonce: bytes | None = None
    occupied: bool = True  # whether it has a worker process, or starts one
    pid: int = 0  # process id of the worker process
    # what has to be added to its clock, in seconds: the least that any of its messages has shown
    offset_s: float = float("inf")
    place: Place | None = None  # its host, and the devices of its worker process; None before it has begun
    sequence: int = 0
    reassembler: Reassembler = field(default_factory=Reassembler)


class RemoteBackend:
    """One agent per slot, started when the slot is first needed.

    The first one is launched at once, to show that the plan can be loaded; where no place is to be had soon,
    a process here does.

    Parameters
    ----------
    plan : WorkerPlan
        What to run and how; one setup per slot.
    environment : RunEnvironment
        Where files are, and how worker processes are started.
    transport : ClusterTransport
        Runs the agents.
    capabilities : Capabilities
        What was declared about files.

    Raises
    ------
    TravelError
        If a part of the plan cannot travel to a worker.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        environment: RunEnvironment,
        transport: ClusterTransport,
        capabilities: Capabilities,
    ) -> None:
        self._transport = transport
        self._root = environment.root
        self._setup = _agent_setup(plan, environment, capabilities)
        self.slots = len(self._setup.environments)
        self._probe = Probe(self._root, self._setup.token)
        self._agents: dict[int, AgentState] = {}
        self._events: list[BackendEvent] = []
        self._launched = 0
        self._warn_at: float | None = time.monotonic() + _WARN_AFTER_S
        self._launch(_FIRST, begun=False)
        if not self._has_loaded():
            _check_here(plan, environment)

    def _has_loaded(self) -> bool:
        """Wait until the first worker has loaded the plan; whether it soon has."""
        deadline, has_begun = time.monotonic() + _SOON_S, False
        while not self._events and (left := deadline - time.monotonic()) > 0:
            self._receive(left)
            if not has_begun and any(agent.nonce for agent in self._agents.values()):
                deadline, has_begun = time.monotonic() + _LOAD_S, True
        return any(isinstance(event, WorkerReady) for _, event in self._events)

    # -- commands ---------------------------------------------------------------------------------

    def start(self, slot: int) -> None:
        """Start a worker process, in an agent that is there or in a new one."""
        agent = self._of_slot(slot)
        if agent is None:
            self._launch(slot, begun=True)
        elif agent.begun:
            agent.occupied = True
            self._send(agent, Start(slot))
        else:
            agent.begun = True
            if agent.nonce is not None:
                self._begin(agent)

    def _launch(self, slot: int, begun: bool) -> None:
        number = self._launched
        self._launched += 1
        self._agents[number] = AgentState(number, slot, begun)
        self._transport.launch(number, slot)

    def submit(self, slot: int, tasks: Sequence[Any]) -> None:
        """Send tasks to a worker."""
        self._send_to_slot(slot, Submit(slot, tuple(map(defer_task, tasks))))

    def answer(self, slot: int, experiment_id: str, ends: bool) -> None:
        """Tell an experiment whether it is to end."""
        self._send_to_slot(slot, Answer(slot, experiment_id, ends))

    def stop(self, slot: int) -> None:
        """Let a worker process go when it is through; its agent stays."""
        self._send_to_slot(slot, Stop(slot))

    def kill(self, slot: int, cause: str) -> None:
        """Kill a worker process with all its children; its agent stays."""
        self._send_to_slot(slot, Kill(slot, cause))

    def _of_slot(self, slot: int) -> AgentState | None:
        return next((agent for agent in self._agents.values() if agent.slot == slot), None)

    def _send_to_slot(self, slot: int, command: object) -> None:
        agent = self._of_slot(slot)
        if agent is not None:
            self._send(agent, command)

    def _send(self, agent: AgentState, command: object) -> None:
        for chunk in split_message(wire.dumps(command), agent.number, _NOBODY, agent.sequence):
            self._transport.send(agent.number, chunk.pack())
            agent.sequence += 1

    # -- events -------------------------------------------------------------------------------------

    def poll(self, timeout_s: float) -> Sequence[BackendEvent]:
        """Wait for events of the workers; the files that came with them have been written."""
        if not self._events:
            self._receive(timeout_s)
            if self._warn_at is not None and time.monotonic() > self._warn_at:
                self._warn_at = None
                _LOG.warning("the engine has given no place for a worker yet; has it got what was asked for?")
        events, self._events = self._events, []
        return events

    def _receive(self, timeout_s: float) -> None:
        for event in self._transport.receive(timeout_s):
            match event:
                case Gone(number, reason):
                    self._on_exit(number, reason)
                case Arrived(data):
                    self._read(MessageChunk.unpack(data))

    def _read(self, chunk: MessageChunk) -> None:
        agent = self._agents.get(chunk.number)
        if agent is None:
            return
        if agent.nonce is None:
            agent.nonce = chunk.nonce
        if agent.nonce != chunk.nonce:
            self._on_exit(agent.number, "the engine began it anew, so its worker must have died")
            return
        message = agent.reassembler.add(chunk)
        if message is None:
            return
        sent, items = wire.loads(message)
        agent.offset_s = min(agent.offset_s, time.time() - sent)
        for item in items:
            self._handle(agent, item)

    def _handle(self, agent: AgentState, item: Any) -> None:
        match item:
            case Hello():
                self._on_hello(agent, item)
            case FileChunk():
                write_chunk(self._root, item)
            case Bye():
                self._agents.pop(agent.number, None)
            case WorkerReady():
                agent.pid, agent.place = item.pid, item.place
                self._report(agent, item)
            case WorkerDied():
                agent.occupied = False
                self._report_death(agent, item.death)
            case _:
                self._report(agent, _translated(unpack(item), agent))

    def _report(self, agent: AgentState, event: Any) -> None:
        self._events.append(BackendEvent(agent.slot, event))

    def _report_death(self, agent: AgentState, death: Death) -> None:
        place = "" if agent.place is None else str(agent.place)
        self._report(agent, WorkerDied(agent.slot, agent.pid, replace(death, place=place)))

    def _on_hello(self, agent: AgentState, hello: Hello) -> None:
        """Tell an agent what to serve, if it can."""
        self._warn_at, agent.place = None, Place(hello.host)
        ours = sys.version_info[:2], __version__
        if (hello.python, hello.version) != ours:
            theirs = f"Python {'%d.%d' % hello.python} and research-runner {hello.version}"  # noqa: UP031
            needed = f"Python {'%d.%d' % ours[0]} and research-runner {ours[1]}"  # noqa: UP031
            self._on_exit(agent.number, f"{hello.host} has {theirs}, but code travels only to {needed}")
            return
        self._send(agent, replace(self._setup, slot=agent.slot))
        if agent.begun:
            self._begin(agent)

    def _begin(self, agent: AgentState) -> None:
        """Let an agent serve; now it can find out whether it sees our files."""
        if self._setup.shares_files is None:
            self._probe.write()
        self._send(agent, Begin())

    def _on_exit(self, number: int, reason: str) -> None:
        """Report the death of a worker whose agent is gone."""
        agent = self._agents.pop(number, None)
        self._transport.forget(number)
        if agent is not None and agent.occupied:
            death = Death("refused" if agent.nonce is None else "lost", detail=reason)
            self._report_death(agent, death)

    # -- the end ----------------------------------------------------------------------------------

    def close(self, force: bool = False) -> None:
        """Let all agents go, with their worker processes; forced, these are killed."""
        try:
            self._say_goodbye(time.monotonic() + (_FORCED_FAREWELL_S if force else _FAREWELL_S), force)
        except ConnectionError:
            pass  # an engine that is gone takes its workers with it
        finally:
            self._transport.close()
            self._probe.remove()

    def _say_goodbye(self, deadline: float, force: bool) -> None:
        for agent in list(self._agents.values()):
            self._send(agent, Leave(force))
            if agent.nonce is None:
                self._transport.forget(agent.number)
                del self._agents[agent.number]
        while self._agents and (left := deadline - time.monotonic()) > 0:
            self._receive(left)


def _agent_setup(plan: WorkerPlan, environment: RunEnvironment, capabilities: Capabilities) -> AgentSetup:
    """Serialise the plan."""
    try:
        data = wire.dump_code(plan)
    except Exception:
        _check_here(plan, environment)  # names the part
        raise
    return AgentSetup(
        plan=data,
        slot=0,
        environments=tuple(setup.environment for setup in plan.setups),
        redirects=plan.redirects,
        root=Path(environment.root),
        has_folder=plan.folder is not None,
        start_method=environment.start_method,
        shares_files=capabilities.shares_files,
        token=uuid.uuid4().hex,
        code=environment.code(),
    )


def _check_here(plan: WorkerPlan, environment: RunEnvironment) -> None:
    """Check that a process here can load the plan; `TravelError` names the part that it cannot load."""
    backend = ProcessBackend(plan, environment.start_method, environment.code)
    try:
        backend.check()
    finally:
        backend.close(force=True)


def _translated(event: Any, agent: AgentState) -> Any:
    """Return an event of another host with its time by our clock, and its place if something failed.

    Durations, such as the time limits of units, are the same on all clocks.
    """
    match event:
        case TaskStarted(_, started):
            return event._replace(started=started + agent.offset_s)
        case UnitFailed():
            return event._replace(place=str(agent.place))
        case TaskReturned(_, str(reason)):
            return event._replace(reason=f"{reason} (on {agent.place})")
    return event
