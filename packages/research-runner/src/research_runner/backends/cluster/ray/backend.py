"""Tasks on a Ray cluster: an agent is a Ray task; bytes go both ways through a mailbox, which is an actor.

A process that is connected to Ray is ended by Ray when the cluster is gone. So that this is not the
coordinator, a process of its own is connected, unless the coordinator is connected anyway.

``RayBackend``        what is given to ``run(backend=...)``
``_DirectTransport``  used where the coordinator is connected
``_DriverTransport``  used where it is not: another process is, ``_Driver``
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from research_runner.backends.cluster.ray.client import RayClient, ray_package, reason_of
from research_runner.backends.cluster.ray.heartbeat import Heartbeat
from research_runner.backends.cluster.remote import RemoteBackend
from research_runner.backends.cluster.transport import TransportEvent
from research_runner.backends.protocol import Backend, Capabilities, RunEnvironment
from research_runner.backends.registry import require
from research_runner.errors import EngineLostError, EngineUnreachableError
from research_runner.pool.channel import Channel, WorkerStop
from research_runner.pool.errors import PoolError
from research_runner.pool.events import Message, PoolEvent
from research_runner.pool.worker_pool import WorkerPool
from research_runner.scheduling.setup import WorkerSetup
from research_runner.system.console import say
from research_runner.system.texts import write_text
from research_runner.system.worker_events import WorkerDied
from research_runner.worker.plan import WorkerPlan

_Needs: TypeAlias = tuple[Mapping[str, Any], ...]

_CONNECT_S: Final = 5.0
_CLOSE_S: Final = 10.0
_TURN_S: Final = 0.5
_RECONNECT: Final = "RAY_gcs_rpc_server_reconnect_timeout_s"
_RECONNECT_S: Final = 60.0
_SHARE: Final = 0.5
"""Share of the time after which Ray ends this process; the run has ended by itself before that."""
_LONGEST_FOLDER: Final = 40


@dataclass(frozen=True)
class RayBackend:
    """Run experiments on a Ray cluster.

    Parameters
    ----------
    address : str or None
        What ``ray.init(address=...)`` takes: ``'auto'``, ``'host:6379'`` or ``'ray://host:10001'``; of the
        form ``'host:port'`` in ``run(backend='ray://host:port')``, which is Ray's client. None uses the
        cluster that this process is connected to; without one it makes a cluster with room for the workers
        of the run, which ends with the run.
    num_cpus, num_gpus : float
        What each worker of the run occupies. Ray shows it only those GPUs. ``run(devices=...)`` says the same
        in the words of one machine.
    resources : mapping of str to float
        What it occupies of other resources.
    shares_files : bool or None
        Whether workers see the folder of the research; None: each of them finds out.

    Raises
    ------
    MissingPackageError
        If Ray is not installed.
    """

    address: str | None = None
    num_cpus: float = 1
    num_gpus: float = 0
    resources: Mapping[str, float] = field(default_factory=dict)
    shares_files: bool | None = None

    def __post_init__(self) -> None:
        require("ray", "backend='ray'", "ray")

    @classmethod
    def of_client(cls, address: str | None) -> RayBackend:
        """Use a cluster through Ray's client; None is a cluster of our own."""
        return cls(None if address is None else f"ray://{address}")

    @property
    def capabilities(self) -> Capabilities:
        """What the backend declares about itself."""
        return Capabilities(self.num_gpus, self.shares_files)

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> Backend:
        """Connect, and check meanwhile that the plan can travel."""
        transport = self._transport(tuple(map(self._needs, plan.setups)), plan.encode.__module__)
        try:
            backend = RemoteBackend(plan, environment, transport, self.capabilities)
            transport.wait()
        except BaseException:
            transport.close()
            raise
        return backend

    def _transport(self, needs: _Needs, preload: str) -> _DirectTransport | _DriverTransport:
        ray = sys.modules.get("ray")
        if ray is not None and ray.is_initialized():  # this process is connected
            address = str(ray.get_runtime_context().gcs_address)
            if self.address in (None, "auto", address):
                return _DirectTransport(address, needs, preload)
        _check_reachable(self.address)
        return _DriverTransport(self.address, needs, preload)

    def _needs(self, setup: WorkerSetup) -> Mapping[str, Any]:
        return {"num_cpus": self.num_cpus, "num_gpus": setup.gpus, "resources": dict(self.resources)}


def _check_reachable(address: str | None) -> None:
    """Check that the address accepts connections; Ray would take minutes to notice."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
        except OSError as error:
            raise EngineUnreachableError(f"Ray at {address}", str(error)) from error


# -- connected itself -----------------------------------------------------------------------------------


class _DirectTransport:
    """The coordinator's end where this process is connected to Ray."""

    def __init__(self, address: str, needs: _Needs, preload: str) -> None:
        self._name = f"Ray at {address}"
        self._heartbeat = Heartbeat(
            self._name, address, _SHARE * float(os.environ.get(_RECONNECT, _RECONNECT_S))
        )
        self._lost: EngineLostError | None = None
        self._client = RayClient(needs, preload)
        self.launch = self._client.launch
        self.send = self._client.send
        self.forget = self._client.forget

    def wait(self) -> None:
        """Return at once: this process is connected."""

    def receive(self, timeout_s: float) -> Sequence[TransportEvent]:
        """Wait for events."""
        try:
            self._heartbeat.check()
            return self._client.events(min(timeout_s, _TURN_S)) or []
        except EngineLostError as error:
            self._lost = error
            raise
        except (ray_package().exceptions.RayError, ConnectionError) as error:
            self._lost = EngineLostError(self._name, reason_of(error))
            raise self._lost from error

    def close(self) -> None:
        """Take back what is left of the run."""
        self._heartbeat.close()
        with contextlib.suppress(ray_package().exceptions.RayError, ConnectionError):
            if self._lost is None:
                self._client.close()
            else:  # nobody may see the error: Ray's hook waits for Ray, which ends this process
                say(f"{self._lost}; Ray will end this process")
                self._client.leave()


# -- another process is connected -----------------------------------------------------------------------


class _DriverTransport:
    """The coordinator's end where another process is connected to Ray, and passes everything on."""

    def __init__(self, address: str | None, needs: _Needs, preload: str) -> None:
        self._name = f"Ray at {address}" if address else "the local Ray cluster"
        self._folder = None if address else _make_folder()
        driver = _Driver(address, needs, preload, self._folder)
        self._pool = WorkerPool(1, driver, environments=[{} if address else _environment(self._folder)])
        self._is_connected = False
        self._early: list[TransportEvent] = []
        self._pool.start(0)

    def wait(self) -> None:
        """Wait until it is connected; `EngineUnreachableError` if it cannot be."""
        while not self._is_connected:
            self._early += self._read(self._pool.poll())

    def _read(self, reports: Sequence[PoolEvent]) -> list[TransportEvent]:
        events: list[TransportEvent] = []
        for event in reports:
            if isinstance(event, Message):
                self._is_connected = True
                events.extend(event.payload)
            elif isinstance(event, WorkerDied):
                reason = f"the process that was connected {event.death.describe()}"
                error = EngineLostError if self._is_connected else EngineUnreachableError
                raise error(self._name, reason)
        return events

    def launch(self, number: int, slot: int) -> None:
        """Let the driver submit an agent."""
        self._tell("launch", number, slot)

    def send(self, number: int, data: bytes) -> None:
        """Let the driver send to an agent."""
        self._tell("send", number, data)

    def receive(self, timeout_s: float) -> Sequence[TransportEvent]:
        """Wait for events."""
        early, self._early = self._early, []
        return early or self._read(self._pool.poll(timeout_s))

    def forget(self, number: int) -> None:
        """Let the driver take an agent back."""
        self._tell("forget", number)

    def _tell(self, *command: Any) -> None:
        with contextlib.suppress(PoolError):  # it is gone, which `receive` reports
            self._pool.submit(0, command)

    def close(self) -> None:
        """Disconnect; a local cluster ends with the process that is connected, and its folder with it."""
        self._pool.close(timeout_s=_CLOSE_S)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _make_folder() -> Path | None:
    """Make a folder for a cluster of our own; None where its name would be too long for the sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="research-ray-"))
    if len(str(folder)) > _LONGEST_FOLDER:
        folder.rmdir()
        return None
    return folder


def _environment(folder: Path | None) -> Mapping[str, str]:
    """Return how a cluster of our own is kept to ourselves; nothing is written into the user's folder."""
    environment = {"RAY_USAGE_STATS_ENABLED": os.environ.get("RAY_USAGE_STATS_ENABLED", "0")}
    if folder is None or "RAY_AUTH_MODE" in os.environ:
        return environment
    token = folder / "token"
    token.touch(0o600)
    write_text(token, secrets.token_hex(32))
    return {**environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}


@dataclass(frozen=True, slots=True)
class _Driver:
    """The process that is connected to Ray."""

    address: str | None  # of the cluster; None for one of our own
    needs: _Needs  # what the worker in each slot occupies
    preload: str  # a module that all of them need
    folder: Path | None  # where a cluster of our own has its files; None leaves it to Ray

    def __call__(self, channel: Channel) -> None:
        """Serve the coordinator. Ray's reports do not go to the terminal; Ray keeps them in its own files."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        for fd in (1, 2):
            os.dup2(nothing, fd)
        ray_package().init(**self._options(), log_to_driver=False, logging_level=logging.ERROR)
        channel.send([])
        client = RayClient(self.needs, self.preload)
        threading.Thread(target=self._apply_commands, args=(channel, client), daemon=True).start()
        while (events := client.events(_TURN_S)) is not None:
            if events:
                channel.send(events)
        client.close()
        ray_package().shutdown()

    def _options(self) -> dict[str, Any]:
        if self.address is not None:
            return {"address": self.address}
        room = {name: math.ceil(sum(each[name] for each in self.needs)) for name in ("num_cpus", "num_gpus")}
        names = {name for each in self.needs for name in each["resources"]}
        resources = {name: sum(each["resources"].get(name, 0) for each in self.needs) for name in names}
        folder = {} if self.folder is None else {"_temp_dir": str(self.folder)}
        return {"address": "local", "include_dashboard": False, "resources": resources, **room, **folder}

    @staticmethod
    def _apply_commands(channel: Channel, client: RayClient) -> None:
        try:
            while True:
                name, *arguments = channel.recv()
                getattr(client, name)(*arguments)
        except WorkerStop:
            client.end()
