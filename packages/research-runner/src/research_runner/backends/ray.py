"""Tasks on a Ray cluster: a servant is an actor that is asked for news and told orders.

Ray ends a process that is connected to it when the cluster is gone. So that this is not the coordinator, a
process of its own is connected.

``RayBackend``  what is given to ``run(backend=...)``
``_RayEngine``  in the coordinator
``_Driver``     in the process that is connected
``_Actor``      the servant's side
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from research_runner.backends.protocol import Backend, Capabilities, Circumstances
from research_runner.backends.registry import require
from research_runner.backends.remote import Arrived, Gone, News, RemoteBackend
from research_runner.backends.servant import Servant
from research_runner.errors import EngineLostError, EngineUnreachableError
from research_runner.plan import WorkerPlan
from research_runner.pool import Channel, Died, Message, PoolError, PoolEvent, Ready, WorkerPool, WorkerStop

__all__ = ["RayBackend"]

_NEWS_MAX: Final = 8
_CONNECT_S: Final = 5.0
_CLOSE_S: Final = 10.0
_TURN_S: Final = 0.2
_IDLE_S: Final = 0.01
_PATIENCE_S: Final = 5.0


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
        What each worker of the run occupies. Ray shows it only those GPUs.
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
        return Capabilities(self.num_gpus > 0, self.shares_files)

    def make(self, plan: WorkerPlan, circumstances: Circumstances) -> Backend:
        """Connect, and check that the plan can travel."""
        address = self._current_address()
        _check_reachable(address)
        needs = {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus, "resources": dict(self.resources)}
        engine = _RayEngine(_Driver(address, len(plan.places), needs))
        try:
            return RemoteBackend(plan, circumstances, engine, self.capabilities)
        except BaseException:
            engine.close()
            raise

    def _current_address(self) -> str | None:
        """Return the address that was given, or that of the cluster that this process is connected to."""
        ray = _ray()
        if self.address is None and ray.is_initialized():
            return str(ray.get_runtime_context().gcs_address)
        return self.address


def _ray() -> Any:
    """Return the package; its functions are not typed."""
    return importlib.import_module("ray")


def _check_reachable(address: str | None) -> None:
    """Check in seconds what Ray finds out in minutes.

    Raises
    ------
    EngineUnreachableError
        If nobody listens at the address.
    """
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
        except OSError as error:
            raise EngineUnreachableError(f"Ray at {address}", str(error)) from error


class _RayEngine:
    """What is used of Ray; see :class:`~research_runner.backends.remote.Engine`."""

    def __init__(self, driver: _Driver) -> None:
        self._name = f"Ray at {driver.address}" if driver.address else "the local Ray cluster"
        self._pool = WorkerPool(1, driver)
        self._pool.start(0)
        try:
            while not (events := [each for each in self._pool.poll() if not isinstance(each, Ready)]):
                pass
            self._read(events)
        except EngineLostError as error:
            self._pool.close(force=True)
            raise EngineUnreachableError(self._name, error.reason) from error

    def _read(self, events: Sequence[PoolEvent]) -> list[News]:
        news: list[News] = []
        for event in events:
            if isinstance(event, Message):
                news.extend(event.payload)
            elif isinstance(event, Died):
                raise EngineLostError(self._name, f"the process that was connected {event.death.describe()}")
        return news

    def launch(self, number: int) -> None:
        """Have an actor made."""
        self._tell("launch", number)

    def send(self, number: int, data: bytes) -> None:
        """Have something sent to an actor."""
        self._tell("send", number, data)

    def receive(self, timeout_s: float) -> Sequence[News]:
        """Wait for news of the actors."""
        return self._read(self._pool.poll(timeout_s))

    def forget(self, number: int) -> None:
        """Have an actor killed."""
        self._tell("forget", number)

    def _tell(self, *order: Any) -> None:
        with contextlib.suppress(PoolError):  # it is gone, which `receive` reports
            self._pool.send(0, order)

    def close(self) -> None:
        """Disconnect; a local cluster ends with the process that is connected."""
        self._pool.close(timeout_s=_CLOSE_S)


@dataclass(frozen=True)
class _Driver:
    """The process that is connected to Ray.

    Parameters
    ----------
    address : str or None
        Of the cluster; None for one of our own.
    workers : int
        For how many it has to have room.
    needs : mapping
        What each of them occupies.
    """

    address: str | None
    workers: int
    needs: Mapping[str, Any]

    def __call__(self, channel: Channel) -> None:
        """Serve the coordinator; what Ray reports is in files of its own as well."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        for fd in (1, 2):
            os.dup2(nothing, fd)
        _ray().init(**self._options(), log_to_driver=False, logging_level=logging.ERROR)
        channel.send([])
        actors = _Actors(self.needs)
        ended = threading.Event()
        threading.Thread(target=self._obey, args=(channel, actors, ended), daemon=True).start()
        while not ended.is_set():
            news = actors.news(_TURN_S)
            if news:
                channel.send(news)
        actors.forget_all()
        _ray().shutdown()

    def _options(self) -> dict[str, Any]:
        if self.address is not None:
            return {"address": self.address}
        shares = {"num_cpus": self.needs["num_cpus"], "num_gpus": self.needs["num_gpus"]}
        room: dict[str, Any] = {name: math.ceil(share * self.workers) for name, share in shares.items()}
        room["resources"] = {name: share * self.workers for name, share in self.needs["resources"].items()}
        return {"address": "local", "include_dashboard": False, **room}

    @staticmethod
    def _obey(channel: Channel, actors: _Actors, ended: threading.Event) -> None:
        try:
            while True:
                name, *arguments = channel.recv()
                getattr(actors, name)(*arguments)
        except WorkerStop:
            pass
        finally:
            ended.set()


class _Actors:
    """The actors of a run. Orders come from one thread, another one waits for news."""

    def __init__(self, needs: Mapping[str, Any]) -> None:
        groups = {"orders": 1, "news": 1}
        make = _ray().remote(**needs, max_restarts=0, max_task_retries=0, concurrency_groups=groups)
        self._class = make(_Actor)
        self._actors: dict[int, Any] = {}
        self._asked: dict[Any, int] = {}

    def launch(self, number: int) -> None:
        """Make an actor, which Ray shall not start again, and ask it for news."""
        self._actors[number] = self._class.remote(number)
        self._ask(number)

    def _ask(self, number: int) -> None:
        self._asked[self._actors[number].news.options(concurrency_group="news").remote()] = number

    def send(self, number: int, data: bytes) -> None:
        """Send to a servant."""
        if number in self._actors:
            self._actors[number].order.options(concurrency_group="orders").remote(data)

    def forget(self, number: int) -> None:
        """Kill an actor; its worker process ends with it."""
        actor = self._actors.pop(number, None)
        if actor is not None:
            _ray().kill(actor)

    def forget_all(self) -> None:
        """Kill all of them."""
        for number in list(self._actors):
            self.forget(number)

    def news(self, timeout_s: float) -> list[News]:
        """Wait for the answer of any actor, and ask it again."""
        if not self._asked:
            time.sleep(_IDLE_S)
            return []
        asked = list(self._asked)
        ready, _ = _ray().wait(asked, num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = _ray().wait(asked, num_returns=len(asked), timeout=0)
        return [news for reference in ready for news in self._answer(reference)]

    def _answer(self, reference: Any) -> list[News]:
        number = self._asked.pop(reference)
        try:
            data = _ray().get(reference)
        except _ray().exceptions.RayError as error:
            return [Gone(number, str(error).strip().partition("\n")[0])]
        if data is None:
            return [Gone(number, "its servant ended")]
        if number in self._actors:
            self._ask(number)
        return [Arrived(each) for each in data]


class _Actor:
    """The servant and its connection in an actor; see :class:`~research_runner.backends.servant.Line`."""

    def __init__(self, number: int) -> None:
        self._received: deque[bytes] = deque()
        self._news: queue.Queue[bytes | None] = queue.Queue(_NEWS_MAX)
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._servant = threading.Thread(target=self._serve, args=(number,), name="servant", daemon=True)
        self._servant.start()

    def _serve(self, number: int) -> None:
        try:
            Servant(number, self).run()
        finally:
            self._news.put(None)

    # -- what the coordinator calls ------------------------------------------------------------------

    def order(self, data: bytes) -> None:
        """Take something for the servant."""
        self._received.append(data)
        self._waker.send(b"\0")

    def news(self) -> list[bytes] | None:
        """Return what the servant has sent; wait a little for it. None when it has ended."""
        found: list[bytes] = []
        with contextlib.suppress(queue.Empty):
            item = self._news.get(timeout=_PATIENCE_S)
            while item is not None:
                found.append(item)
                item = self._news.get_nowait()
            if not found:
                return None
            self._news.put(None)
        return found

    # -- what the servant calls -----------------------------------------------------------------------

    @property
    def fd(self) -> int:
        """Readable when orders have come."""
        return self._wake.fileno()

    def received(self) -> list[bytes]:
        """Return what has come."""
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        return [self._received.popleft() for _ in range(len(self._received))]

    def send(self, data: bytes) -> None:
        """Keep it until it is asked for; wait as long as too much is kept."""
        self._news.put(data)

    def is_wanted(self) -> bool:
        """Whether anybody still wants the servant: Ray kills the actors of those who are gone."""
        return True
