"""What crosses between a coordinator and the agents of an engine.

The process of an engine's worker only passes things on to the process that runs experiments. Plans and
configs cross it sealed, so that no user code is imported there.
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

from research_runner.cluster.gpus import found_devices
from research_runner.devices import NvmlProbe
from research_runner.pool import StartMethod, wire
from research_runner.scheduling.setup import WorkerSetup
from research_runner.scheduling.tasks import Task
from research_runner.worker.output import Redirect
from research_runner.worker.plan import Execution, WorkerPlan, experiment_path
from research_runner.worker.serving import SLOT_VARIABLE

__all__ = [
    "Begin",
    "Bye",
    "Hello",
    "Joiner",
    "Leave",
    "Order",
    "PIECE_BYTES",
    "Parcel",
    "Sealed",
    "SealedPlan",
    "seal_task",
    "split",
]

PIECE_BYTES: Final = 1 << 22
"""Messages cross in pieces of this size, so that nobody between has to hold a whole one."""

_HEADER: Final = struct.Struct(">Q16sQ?")


# -- orders, and what answers them that is not an event -----------------------------------------------


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
class Order:
    """The first thing that an agent is told: what to serve.

    Parameters
    ----------
    plan : bytes
        The sealed plan.
    slot : int
        The slot.
    environments : tuple of mappings
        Environment variables that the plan has for each slot.
    redirects : mapping of int to Redirect
        Where output goes.
    root : Path
        See :class:`~research_runner.backends.protocol.RunEnvironment`.
    has_folder : bool
        Whether results are kept in a folder.
    start_method : {'auto', 'fork', 'forkserver', 'spawn'}
        How the worker process is started.
    shares_files : bool or None
        What the backend declared about files.
    token : str
        What the probe file in `root` contains.
    encoder : str
        The module of the function that encodes values.
    directory : str
        The current folder of the coordinator.
    sys_path : tuple of str
        Its import path.
    """

    plan: bytes
    slot: int
    environments: tuple[Mapping[str, str], ...]
    redirects: Mapping[int, Redirect]
    root: Path
    has_folder: bool
    start_method: StartMethod
    shares_files: bool | None
    token: str
    encoder: str
    directory: str = field(default_factory=os.getcwd)
    sys_path: tuple[str, ...] = field(default_factory=lambda: tuple(filter(None, sys.path)))


# -- sealed things --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that stays closed wherever it is only passed on.

    Parameters
    ----------
    data : bytes
        The value, as `wire.dumps` wrote it.
    crossings : int
        How many processes pass it on before it is opened.

    Examples
    --------
    >>> import pickle
    >>> sealed = Sealed(wire.dumps([1, 2]))
    >>> passed_on = pickle.loads(pickle.dumps(sealed))
    >>> pickle.loads(pickle.dumps(passed_on))
    [1, 2]
    """

    data: bytes
    crossings: int = 1

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self.crossings:
            return Sealed, (self.data, self.crossings - 1)
        return wire.loads, (self.data,)


def seal_task(task: Task) -> Task:
    """Return a task whose configs are sealed."""
    configs: list[Any] = [Sealed(wire.dumps(spec.config)) for spec in task.experiments]
    sealed = (replace(spec, config=config) for spec, config in zip(task.experiments, configs, strict=True))
    return replace(task, experiments=tuple(sealed))


@dataclass(frozen=True, slots=True)
class SealedPlan(WorkerPlan):
    """What an agent knows of a plan; in the process that it starts it is the plan itself.

    Parameters
    ----------
    order : Order
        What the agent was told.
    moved : Path or None
        Where the files of its experiments are, if not where the order says.
    """

    order: Order = field(kw_only=True)
    moved: Path | None = field(kw_only=True)

    @classmethod
    def of(cls, order: Order, moved: Path | None, environment: Mapping[str, str]) -> SealedPlan:
        """Make the plan of an agent whose place has an environment of its own."""
        nothing: Any = None
        root = moved or order.root
        return cls(
            experiment=nothing,
            execution=Execution(),
            setups=tuple(WorkerSetup((), (), {**each, **environment}) for each in order.environments),
            entropy=0,
            encode=_stand_in(order.encoder),
            path_of=partial(experiment_path, root),
            folder=root if order.has_folder else None,
            redirects=order.redirects,
            order=order,
            moved=moved,
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        order = self.order
        return _open_plan, (order.plan, order.directory, order.sys_path, self.moved)


def _stand_in(module: str) -> Callable[[Any], Any]:
    """Return something that has the module of a function, which a fork server imports beforehand."""

    def encode(values: Any) -> Any:
        raise NotImplementedError(f"an agent encodes nothing; {module} does")

    encode.__module__ = module
    return encode


def _open_plan(data: bytes, directory: str, sys_path: tuple[str, ...], moved: Path | None) -> WorkerPlan:
    """Return the plan, in a process that looks for code and files where the coordinator does, if it can."""
    known = set(sys.path)
    sys.path.extend(path for path in sys_path if path not in known and Path(path).exists())
    if Path(directory).is_dir():
        os.chdir(directory)
    plan: WorkerPlan = wire.load_code(data)
    if plan.gate is not None:
        plan = _with_found_devices(plan, int(os.environ[SLOT_VARIABLE]))
    if moved is None:
        return plan
    folder = None if plan.folder is None else moved
    return replace(plan, path_of=partial(experiment_path, moved), folder=folder, results=None)


def _with_found_devices(plan: WorkerPlan, slot: int) -> WorkerPlan:
    """Return a plan that names the devices of this process, to be asked how much of their memory is free."""
    setups = list(plan.setups)
    setups[slot] = replace(setups[slot], devices=found_devices(setups[slot].devices, NvmlProbe()))
    return replace(plan, setups=tuple(setups))


# -- bytes in pieces --------------------------------------------------------------------------------


class Parcel(NamedTuple):
    """A piece of a message: its sender, the run of the agent, its sequence number, whether more follow."""

    number: int
    nonce: bytes
    sequence: int
    more: bool
    data: bytes

    def pack(self) -> bytes:
        """Return it as bytes."""
        return _HEADER.pack(self.number, self.nonce, self.sequence, self.more) + self.data

    @classmethod
    def unpack(cls, packed: bytes) -> Parcel:
        """Return what was packed.

        Examples
        --------
        >>> Parcel.unpack(Parcel(1, bytes(16), 0, False, b"data").pack()).data
        b'data'
        """
        number, nonce, sequence, more = _HEADER.unpack_from(packed)
        return cls(number, nonce, sequence, more, packed[_HEADER.size :])


def split(message: bytes, number: int, nonce: bytes, sequence: int) -> Iterator[Parcel]:
    """Yield a message in pieces; the first of them has this sequence number."""
    for offset in range(0, len(message) or 1, PIECE_BYTES):
        more = offset + PIECE_BYTES < len(message)
        yield Parcel(number, nonce, sequence, more, message[offset : offset + PIECE_BYTES])
        sequence += 1


class Joiner:
    """Puts messages together again; drops pieces that come twice.

    Examples
    --------
    >>> joiner = Joiner()
    >>> pieces = list(split(b"abc" * 3_000_000, 1, bytes(16), 0))
    >>> len(pieces), [len(joiner.add(piece) or b"") for piece in [*pieces, pieces[-1]]]
    (3, [0, 0, 9000000, 0])
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._next = 0

    def add(self, parcel: Parcel) -> bytes | None:
        """Return the message that this piece completes, None if there is none."""
        if parcel.sequence < self._next:
            return None
        self._next = parcel.sequence + 1
        self._pieces.append(parcel.data)
        if parcel.more:
            return None
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
