"""Tasks on a Dask cluster: an agent is a Dask task; bytes go both ways through queues of the scheduler.

``DaskBackend``          what is given to ``run(backend=...)``
``_DaskTransport``       the coordinator's end, with a client of its own
``_DaskAgentTransport``  the agent's end
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import queue
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from research_runner.backends.protocol import Backend, Capabilities, RunEnvironment
from research_runner.backends.registry import require
from research_runner.cluster.agent import Agent
from research_runner.cluster.gpus import borrowed
from research_runner.cluster.remote import RemoteBackend
from research_runner.cluster.transport import Arrived, Gone, TransportEvent, TransportLostError
from research_runner.errors import EngineLostError, EngineUnreachableError
from research_runner.scheduling.setup import WorkerSetup
from research_runner.worker.plan import WorkerPlan

__all__ = ["DaskBackend"]

_QUEUE_MAX: Final = 32
"""Chunks that may wait in the scheduler; with chunks of 4 MiB it never holds more than 128 MiB of ours."""

_LOG: Final = logging.getLogger("research.engine")
_GPU: Final = "GPU"
_CLOSE_S: Final = 5.0
_PUT_S: Final = 1.0
_TURN_S: Final = 0.2
_DOUBT_S: Final = 30.0
"""How long, in seconds, a cluster without workers may be one that is being closed."""

_END: Final = b""
_DISCONNECTED: Final = (OSError, RuntimeError, KeyError, AttributeError)
"""What Dask raises where a connection, a client or a queue is gone."""


@dataclass(frozen=True)
class DaskBackend:
    """Run experiments on a Dask cluster.

    Parameters
    ----------
    cluster : None, str, Client or Cluster
        The address of a scheduler, or something that is connected to one, or has one. None makes a cluster
        inside this process, of as many workers as the run has, which ends with the run.
    resources : mapping of str to float
        What each worker of the run occupies of the resources that Dask workers were started with, such as
        ``{'GPU': 1}`` for ``dask worker --resources GPU=1``, which is what ``run(devices=...)`` asks for; it
        gets as many of the devices in ``CUDA_VISIBLE_DEVICES`` of the Dask worker.
    shares_files : bool or None
        Whether Dask workers see the folder of the research; None: each of them finds out.

    Raises
    ------
    MissingPackageError
        If Dask is not installed.

    Notes
    -----
    Credentials of a client are used, but not kept with the settings of the research: put what is needed to
    connect again into Dask's configuration.
    """

    cluster: Any = None
    resources: Mapping[str, float] = field(default_factory=dict)
    shares_files: bool | None = None
    security: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        require("distributed", "backend='dask'", "dask")
        scheduler = getattr(self.cluster, "scheduler", None)
        address = getattr(self.cluster, "scheduler_address", None) or getattr(scheduler, "address", None)
        if address is not None:
            object.__setattr__(self, "security", getattr(self.cluster, "security", None))
            object.__setattr__(self, "cluster", str(address))

    def __reduce__(self) -> tuple[type[DaskBackend], tuple[Any, ...]]:
        return type(self), (self.cluster, dict(self.resources), self.shares_files)

    @property
    def capabilities(self) -> Capabilities:
        """What the backend declares about itself."""
        return Capabilities(self.resources.get(_GPU, 0), self.shares_files)

    def make(self, plan: WorkerPlan, environment: RunEnvironment) -> Backend:
        """Connect, and check that the plan can travel."""
        needs = [self._needs(setup) for setup in plan.setups]
        transport = _DaskTransport(*self._connect(needs), needs)
        try:
            return RemoteBackend(plan, environment, transport, self.capabilities)
        except BaseException:
            transport.close()
            raise

    def _needs(self, setup: WorkerSetup) -> Mapping[str, float]:
        return {**self.resources, _GPU: setup.gpus} if setup.gpus else self.resources

    def _connect(self, needs: Sequence[Mapping[str, float]]) -> tuple[Any, Any]:
        """Return a client of our own, and the cluster that has to be closed after it, if there is one."""
        distributed = _distributed()
        logging.getLogger("distributed.batched").addFilter(_tells_more_than_an_end)
        cluster: Any = None
        if self.cluster is None:
            cluster = distributed.LocalCluster(
                n_workers=len(needs),
                threads_per_worker=1,
                processes=False,
                protocol="inproc://",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.ERROR,
                resources={name: max(each.get(name, 0) for each in needs) for name in set().union(*needs)},
            )
        address = self.cluster or cluster.scheduler_address
        try:
            client = distributed.Client(
                address, security=self.security, set_as_default=False, name="research"
            )
        except (OSError, ValueError, TypeError) as error:
            raise EngineUnreachableError(f"the Dask scheduler at {address}", str(error)) from error
        return client, cluster


def _distributed() -> Any:
    """Return the package; its functions are not typed."""
    return importlib.import_module("distributed")


def _how(error: Exception) -> str:
    """Return how a connection ended; the text of Dask's OSError names only its own internals."""
    return "it was closed" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _wait_while(condition: Callable[[], bool], patience_s: float) -> None:
    """Wait as long as something is the case, but not for ever."""
    deadline = time.monotonic() + patience_s
    while condition() and time.monotonic() < deadline:
        time.sleep(_TURN_S / 10)


def _tells_more_than_an_end(record: logging.LogRecord) -> bool:
    """Drop the tracebacks that Dask logs where a connection has ended, which may come after our close."""
    return not (record.levelno <= logging.INFO and record.exc_info)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Silence the client of Dask, which reports errors while it is closed."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class _DaskTransport:
    """The coordinator's end, through the queues of a Dask scheduler."""

    def __init__(self, client: Any, cluster: Any, needs: Sequence[Mapping[str, float]]) -> None:
        self._client = client
        self._cluster = cluster
        self._needs = needs
        self._engine = f"the Dask scheduler at {client.scheduler.address}"
        self._name = f"research-{uuid.uuid4().hex}"
        self._agents: dict[int, tuple[Any, _Orders]] = {}
        self._events: queue.SimpleQueue[TransportEvent | EngineLostError] = queue.SimpleQueue()
        self._outgoing = _Outgoing(client, self._on_lost)
        try:
            with self._connected():
                self._inbox = _distributed().Queue(f"{self._name}-events", client=client, maxsize=_QUEUE_MAX)
                client.subscribe_topic("all", self._on_scheduler_event)
        except BaseException:
            self._disconnect()
            raise
        asyncio.run_coroutine_threadsafe(self._listen(), client.loop.asyncio_loop)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Tell the loss of the scheduler from other errors.

        Raises
        ------
        EngineLostError
            If it is gone.
        """
        try:
            yield
        except Exception as error:
            if not isinstance(error, OSError) and self._client.status == "running":
                raise
            raise self._on_lost(_how(error)) from error

    def launch(self, number: int, slot: int) -> None:
        """Submit an agent as a task that Dask shall not try again."""
        orders = _Orders(f"{self._name}-orders-{number}", self._client)
        self._outgoing.put(orders.open)
        with self._connected():
            future = self._client.submit(
                _serve,
                number,
                orders.name,
                self._inbox.name,
                self._needs[slot].get(_GPU, 0),
                key=f"{self._name}-{number}",
                pure=False,
                retries=0,
                resources=dict(self._needs[slot]) or None,
            )
        self._agents[number] = future, orders
        future.add_done_callback(lambda done: self._on_task_done(number, done))

    def send(self, number: int, data: bytes) -> None:
        """Send to an agent; never waits."""
        if number in self._agents:
            self._outgoing.put(partial(self._agents[number][1].put, data))

    def receive(self, timeout_s: float) -> Sequence[TransportEvent]:
        """Wait for events."""
        events: list[TransportEvent] = []
        with contextlib.suppress(queue.Empty):
            item = self._events.get(timeout=timeout_s)
            while not isinstance(item, EngineLostError):
                events.append(item)
                item = self._events.get_nowait()
            self._events.put(item)  # what is lost stays lost
            if not events:
                raise item
        if not events and self._client.status != "running":
            raise self._on_lost(f"its client is {self._client.status}")
        return events

    def forget(self, number: int) -> None:
        """Release the task; the agent notices that it is not wanted."""
        if number in self._agents:
            future, orders = self._agents.pop(number)
            future.release()
            self._outgoing.put(orders.close)

    def close(self) -> None:
        """Release everything, then close the client and a cluster of our own; an engine may be gone."""
        with _silence():
            if self._client.status == "running":
                self._release()
            self._disconnect()

    def _release(self) -> None:
        """Leave nothing in the scheduler, once the agents that were told to leave have ended."""
        self._client.unsubscribe_topic("all")
        _wait_while(lambda: any(not future.done() for future, _ in self._agents.values()), _PUT_S)
        for number in list(self._agents):
            self.forget(number)
        self._outgoing.put(partial(self._inbox.put, _END, asynchronous=True))
        self._outgoing.put(self._close_inbox)

    def _disconnect(self) -> None:
        self._outgoing.close()
        with contextlib.suppress(*_DISCONNECTED):
            self._client.close(timeout=_CLOSE_S)
        if self._cluster is not None:
            workers = self._cluster.workers.values()  # what they run uses their connections to the end
            _wait_while(lambda: any(worker.active_threads for worker in workers), _CLOSE_S)
            self._cluster.close(timeout=_CLOSE_S)

    async def _close_inbox(self) -> None:
        self._inbox.close()

    # -- what comes from other threads --------------------------------------------------------------

    def _on_lost(self, reason: str) -> EngineLostError:
        error = EngineLostError(self._engine, reason)
        self._events.put(error)
        return error

    async def _listen(self) -> None:
        """Take what agents put into the queue, all that is there at once."""
        try:
            while True:
                items = [await self._inbox.get(asynchronous=True)]
                items += await self._inbox.get(batch=True, asynchronous=True)
                for data in items:
                    if data == _END:
                        return
                    self._events.put(Arrived(data))
        except _DISCONNECTED as error:
            self._on_lost(_how(error))

    def _on_scheduler_event(self, event: tuple[float, Any]) -> None:
        """Take note of Dask workers that are gone."""
        _, message = event
        if not isinstance(message, Mapping) or message.get("action") != "remove-worker":
            return
        tasks = set(message.get("processing-tasks", ()))
        for number, (future, _) in list(self._agents.items()):
            if future.key in tasks:
                self._on_gone(number, f"the Dask worker at {message.get('worker')} is gone")

    def _on_task_done(self, number: int, future: Any) -> None:
        """Take note of an agent that did not end as it should; one that did has said so."""
        if future.status == "error":
            self._on_gone(number, f"its Dask task failed: {future.exception()!r}")
        elif future.status == "cancelled":
            self._on_gone(number, "its Dask task was cancelled")

    def _on_gone(self, number: int, reason: str) -> None:
        doubt = self._confirm(number, reason)
        try:
            asyncio.run_coroutine_threadsafe(doubt, self._client.loop.asyncio_loop)
        except RuntimeError:  # the loop has ended with the engine
            doubt.close()

    async def _confirm(self, number: int, reason: str) -> None:
        """Report that an agent is gone, unless the whole engine is going.

        A scheduler that is stopped in an orderly way first stops its workers, and a cluster that is closed
        stops them before its scheduler: no experiment has lost an attempt by that.
        """
        deadline = time.monotonic() + _DOUBT_S
        try:
            while not await self._goes_on() and time.monotonic() < deadline:
                await asyncio.sleep(_TURN_S)
        except OSError as error:
            self._on_lost(_how(error))
            return
        except Exception as error:  # noqa: BLE001 - a scheduler that answers something goes on
            _LOG.debug("the scheduler was asked whether it goes on, and raised %r", error)
        self._events.put(Gone(number, reason))

    async def _goes_on(self) -> bool:
        """Ask the scheduler whether it has workers that can run something.

        Raises
        ------
        ConnectionError
            If it is closing.
        """
        status, workers = await self._client.run_on_scheduler(
            lambda dask_scheduler: (dask_scheduler.status.name, len(dask_scheduler.running)),
            asynchronous=True,
        )
        if status in ("closing", "closed"):
            raise ConnectionAbortedError("the scheduler is closing")
        return bool(workers)


class _Orders:
    """The queue of orders for one agent; its methods run in the thread of the client."""

    def __init__(self, name: str, client: Any) -> None:
        self.name = name
        self._client = client
        self._queue: Any = None

    async def open(self) -> None:
        """Make it."""
        self._queue = await _distributed().Queue(self.name, client=self._client)

    async def put(self, data: bytes) -> None:
        """Send an order; dropped if the agent is gone, and with it its queue."""
        with contextlib.suppress(KeyError):
            await self._queue.put(data, asynchronous=True)

    async def close(self) -> None:
        """Leave nothing in the scheduler."""
        self._queue.close()


class _Outgoing:
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
            except _DISCONNECTED as error:
                self._on_lost(_how(error))
                return

    def close(self) -> None:
        """Wait a little for what is being sent; then send nothing more."""
        self.put(None)
        _wait_while(lambda: not self._end.done(), _PUT_S)
        if self._sender is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended with the engine
                self._loop.call_soon_threadsafe(self._sender.cancel)
            _wait_while(lambda: not self._end.done(), _PUT_S)


def _serve(number: int, inbox: str, outbox: str, gpus: float) -> None:
    """Run an agent; this is the Dask task."""
    transport = _DaskAgentTransport(inbox, outbox)
    try:
        with borrowed(gpus) as environment:
            Agent(number, transport, environment, folder=transport.folder).run()
    finally:
        transport.close()


class _DaskAgentTransport:
    """The agent's end, in a thread of a Dask worker."""

    def __init__(self, inbox: str, outbox: str) -> None:
        distributed = _distributed()
        self._worker = distributed.get_worker()
        self._key = self._worker.get_current_task()
        client = distributed.get_client()
        self._inbox = distributed.Queue(inbox, client=client)
        self._outbox = distributed.Queue(outbox, client=client)
        self._received: deque[bytes] = deque()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._listen, name="research-orders", daemon=True)
        self._thread.start()

    @property
    def folder(self) -> str:
        """The folder of the Dask worker, which Dask clears up even if the worker is killed."""
        return str(self._worker.local_directory)

    @property
    def fd(self) -> int:
        """Readable when orders have come."""
        return self._wake.fileno()

    def _listen(self) -> None:
        with contextlib.suppress(*_DISCONNECTED):
            while (data := self._inbox.get()) != _END:
                self._received.append(data)
                self._waker.send(b"\0")

    def received(self) -> list[bytes]:
        """Return what has come."""
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        return [self._received.popleft() for _ in range(len(self._received))]

    def send(self, data: bytes) -> None:
        """Put into the queue; wait as long as it is full."""
        while True:
            try:
                self._outbox.put(data, timeout=_PUT_S)
            except TimeoutError:
                if not self.is_wanted():
                    raise TransportLostError("nobody listens to it any more") from None
            except _DISCONNECTED:
                raise TransportLostError("nobody listens to it any more") from None
            else:
                return

    def is_wanted(self) -> bool:
        """Whether the task was neither cancelled nor taken away, and the Dask worker goes on."""
        task = self._worker.state.tasks.get(self._key)
        running = task is not None and task.state in ("executing", "long-running")
        return running and self._worker.status.name in ("running", "paused")

    def close(self) -> None:
        """End the thread, and leave nothing in the scheduler."""
        with contextlib.suppress(*_DISCONNECTED):
            if not self.is_wanted():
                self._outbox.get(batch=True)
            self._inbox.put(_END)
            self._thread.join(_CLOSE_S)
            self._inbox.close()
            self._outbox.close()
        self._wake.close()
        self._waker.close()
