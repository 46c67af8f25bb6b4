"""Messages between a coordinator and its agents, and the chunks in which a transport carries them.

An agent lives in the process of an engine's worker and passes things on to the process that runs experiments.
Plans and configs pass it as bytes, so that no user code is imported there.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from research_runner.backends.cluster.gpus import found_devices, visible_devices
from research_runner.devices import NvmlProbe
from research_runner.pool import wire
from research_runner.pool.launch import StartMethod
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.tasks import Task
from research_runner.system.libraries import SLOT_VARIABLE
from research_runner.worker.output import Redirect
from research_runner.worker.plan import Execution, WorkerPlan, experiment_path

CHUNK_BYTES: Final = 1 << 22
"""Size of the chunks of a message: no process on the way has to hold a whole one."""

_HEADER: Final = struct.Struct(">Q16sQ?")


# -- commands, and what answers them that is not an event ---------------------------------------------


class Hello(NamedTuple):
    """An agent has begun."""

    host: str
    pid: int
    python: tuple[int, int]
    version: str


class Bye(NamedTuple):
    """An agent ends; nothing more will come."""


class Begin(NamedTuple):
    """The run begins: the folder of the research is there."""


class Leave(NamedTuple):
    """End the agent and its worker process."""

    force: bool


@dataclass(frozen=True, slots=True)
class AgentSetup:
    """What an agent serves: the first message to it."""

    plan: bytes  # serialised with its code
    slot: int
    environments: tuple[Mapping[str, str], ...]  # the variables that the plan has for each slot
    redirects: Mapping[int, Redirect]  # where output goes
    root: Path  # see `RunEnvironment`
    has_folder: bool  # whether results are kept in a folder
    start_method: StartMethod  # how the worker process is started
    shares_files: bool | None  # what the backend declared about files
    token: str  # what the probe file in `root` contains
    code: bytes  # the user's modules, for `install_encoded` in the worker process
    directory: str = field(default_factory=os.getcwd)  # the current folder of the coordinator
    sys_path: tuple[str, ...] = field(default_factory=lambda: tuple(filter(None, sys.path)))  # its own


# -- loaded at the last hop --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deferred:
    """A value that stays bytes in the processes that pass it on, and is loaded by the last one.

    Examples
    --------
    >>> import pickle
    >>> deferred = Deferred(wire.dumps([1, 2]))
    >>> passed_on = pickle.loads(pickle.dumps(deferred))
    >>> pickle.loads(pickle.dumps(passed_on))
    [1, 2]
    """

    data: bytes  # the value, as `wire.dumps` wrote it
    hops: int = 1  # processes that pass it on before the one that loads it

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self.hops:
            return Deferred, (self.data, self.hops - 1)
        return wire.loads, (self.data,)


def defer_task(task: Task) -> Task:
    """Return a task whose configs are loaded at the last hop."""
    configs: list[Any] = [Deferred(wire.dumps(spec.config)) for spec in task.experiments]
    specs = (spec._replace(config=config) for spec, config in zip(task.experiments, configs, strict=True))
    return task._replace(experiments=tuple(specs))


@dataclass(frozen=True, slots=True)
class DeferredPlan(WorkerPlan):
    """What an agent knows of a plan; in the process that it starts it is the plan itself."""

    agent_setup: AgentSetup = field(kw_only=True)  # what the agent was told
    # where the files of its experiments are, if not where the setup says
    moved: Path | None = field(kw_only=True)

    @classmethod
    def of(cls, agent_setup: AgentSetup, moved: Path | None, environment: Mapping[str, str]) -> DeferredPlan:
        """Make the plan of an agent whose worker has its own environment."""
        nothing: Any = None
        root = moved or agent_setup.root
        devices = visible_devices({**os.environ, **environment}) or ()
        return cls(
            experiment=nothing,
            execution=Execution(),
            setups=tuple(
                WorkerSetup((), (devices,), {**each, **environment}) for each in agent_setup.environments
            ),
            entropy=0,
            encode=nothing,
            path_of=partial(experiment_path, root),
            folder=root if agent_setup.has_folder else None,
            redirects=agent_setup.redirects,
            agent_setup=agent_setup,
            moved=moved,
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        setup = self.agent_setup
        return _open_plan, (setup.plan, setup.directory, setup.sys_path, self.moved)


def _open_plan(data: bytes, directory: str, sys_path: tuple[str, ...], moved: Path | None) -> WorkerPlan:
    """Return the plan, in a process that looks for code and files where the coordinator does, if it can."""
    known = set(sys.path)
    sys.path.extend(path for path in sys_path if path not in known and Path(path).exists())
    if Path(directory).is_dir():
        os.chdir(directory)
    plan: WorkerPlan = wire.load_code(data)
    if plan.gate is not None:  # it asks the devices of this process how much of their memory is free
        setups, slot = list(plan.setups), int(os.environ[SLOT_VARIABLE])
        setups[slot] = replace(setups[slot], devices=found_devices(setups[slot].devices, NvmlProbe()))
        plan = replace(plan, setups=tuple(setups))
    if moved is None:
        return plan
    folder = None if plan.folder is None else moved
    return replace(plan, path_of=partial(experiment_path, moved), folder=folder, results=None)


# -- messages in chunks --------------------------------------------------------------------------------


class MessageChunk(NamedTuple):
    """A part of a message: its sender, the run of the agent, its sequence number, whether more follow."""

    number: int
    nonce: bytes
    sequence: int
    more: bool
    data: bytes

    def pack(self) -> bytes:
        """Return it as bytes."""
        return _HEADER.pack(self.number, self.nonce, self.sequence, self.more) + self.data

    @classmethod
    def unpack(cls, packed: bytes) -> MessageChunk:
        """Return the unpacked object.

        Examples
        --------
        >>> MessageChunk.unpack(MessageChunk(1, bytes(16), 0, False, b"data").pack()).data
        b'data'
        """
        number, nonce, sequence, more = _HEADER.unpack_from(packed)
        return cls(number, nonce, sequence, more, packed[_HEADER.size :])


def split_message(message: bytes, number: int, nonce: bytes, sequence: int) -> Iterator[MessageChunk]:
    """Yield a message in chunks; the first of them has this sequence number."""
    for offset in range(0, len(message) or 1, CHUNK_BYTES):
        more = offset + CHUNK_BYTES < len(message)
        yield MessageChunk(number, nonce, sequence, more, message[offset : offset + CHUNK_BYTES])
        sequence += 1


class Reassembler:
    """Puts messages together again; drops chunks that come twice.

    Examples
    --------
    >>> reassembler = Reassembler()
    >>> chunks = list(split_message(b"abc" * 3_000_000, 1, bytes(16), 0))
    >>> len(chunks), [len(reassembler.add(chunk) or b"") for chunk in [*chunks, chunks[-1]]]
    (3, [0, 0, 9000000, 0])
    """

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._next = 0

    def add(self, chunk: MessageChunk) -> bytes | None:
        """Return the message that this chunk completes, None if there is none."""
        if chunk.sequence < self._next:
            return None
        self._next = chunk.sequence + 1
        self._chunks.append(chunk.data)
        if chunk.more:
            return None
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)
