"""An engine without an engine: its agents are threads of this process."""

import contextlib
import queue
import socket
import threading
from collections import deque
from dataclasses import dataclass, field

import pytest

from research_runner.backends.cluster.agent import Agent
from research_runner.backends.cluster.remote import RemoteBackend
from research_runner.backends.cluster.transport import Arrived, Gone, TransportLostError
from research_runner.backends.protocol import Capabilities
from research_runner.errors import EngineLostError


class ThreadAgentTransport:
    """The connection of an agent to the engine in the same process."""

    def __init__(self, engine):
        self.engine = engine
        self.wanted = True
        self._received = deque()
        self._wake, self._waker = socket.socketpair()

    @property
    def fd(self):
        return self._wake.fileno()

    def give(self, data):
        self._received.append(data)
        self._waker.send(b"\0")

    def received(self):
        self._wake.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        return [self._received.popleft() for _ in range(len(self._received))]

    def send(self, data):
        if not self.wanted:
            raise TransportLostError("gone")
        self.engine.events.put(Arrived(data))

    def is_wanted(self):
        return self.wanted

    def close(self):
        self._wake.close()
        self._waker.close()


class ThreadEngine:
    """Runs agents in threads; can lose one, begin one anew, or be lost as a whole.

    Parameters
    ----------
    agent_class : class
        Makes agents.
    """

    def __init__(self, agent_class=Agent):
        self.events = queue.Queue()
        self.lost = False
        self.lines = {}
        self.launched = 0
        self.closed = False
        self._agent_class = agent_class
        self._threads = []

    def launch(self, number, slot=0):
        self.launched += 1
        transport = self.lines[number] = ThreadAgentTransport(self)
        self._threads.append(threading.Thread(target=self._serve, args=(number, transport)))
        self._threads[-1].start()

    begin_anew = launch

    def _serve(self, number, transport):
        try:
            self._agent_class(number, transport).run()
        except TransportLostError:
            pass
        except Exception as error:
            self.events.put(Gone(number, repr(error)))
        finally:
            transport.close()

    def send(self, number, data):
        if number in self.lines:
            with contextlib.suppress(OSError):
                self.lines[number].give(data)

    def receive(self, timeout_s):
        if self.lost:
            raise EngineLostError("the threads", "somebody said so")
        try:
            return [self.events.get(timeout=timeout_s)]
        except queue.Empty:
            return []

    def forget(self, number):
        transport = self.lines.pop(number, None)
        if transport is not None:
            transport.wanted = False

    def close(self):
        for number in list(self.lines):
            self.forget(number)
        for thread in self._threads:
            thread.join(20)
        self.closed = not any(thread.is_alive() for thread in self._threads)


@dataclass
class ThreadBackend:
    """What is given to ``run(backend=...)``."""

    engine: ThreadEngine
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(shares_files=False))

    def make(self, plan, environment):
        try:
            return RemoteBackend(plan, environment, self.engine, self.capabilities)
        except BaseException:
            self.engine.close()
            raise


@pytest.fixture
def engine(plain):
    """An engine; at the end of the test no thread of it is left."""
    engine = ThreadEngine()
    yield engine
    assert engine.closed


@pytest.fixture
def thread_engine():
    """The class."""
    return ThreadEngine


@pytest.fixture
def thread_backend():
    """The class."""
    return ThreadBackend
