"""Whether an agent is gone or the whole engine goes, found out before anything is reported.

A head that is stopped ends what runs on it first: no experiment has lost an attempt by that.
"""

from __future__ import annotations

import importlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from research_runner.backends.cluster.transport import Gone

_HEAD: Final = "node:__internal_head__"
_HOLD_S: Final = 2.0
_TURN_S: Final = 0.2
_DOUBT_S: Final = 30.0
"""How long, in seconds, an engine that says neither yes nor no may be one that is going."""


class Doubts:
    """Agents that are said to be gone, held until the engine has shown that it continues without them.

    `goes_on` says whether the engine can run something, and raises `ConnectionError` if it is gone.
    """

    def __init__(self, goes_on: Callable[[], bool] | None = None, hold_s: float = _HOLD_S) -> None:
        self._goes_on = goes_on or _ray_goes_on
        self._hold_s = hold_s
        self._settled: queue.SimpleQueue[Gone | ConnectionError] = queue.SimpleQueue()
        self._closed = threading.Event()

    def close(self) -> None:
        """Ask the engine nothing any more: its owner may disconnect from now on."""
        self._closed.set()

    def hold(self, gone: Gone) -> None:
        """Find out about an agent, in a thread: an engine that is going may not answer."""
        threading.Thread(target=self._settle, args=(gone,), name="research-doubt", daemon=True).start()

    def settled(self) -> list[Gone]:
        """Return the agents that are gone for certain; `ConnectionError` if the engine is."""
        found: list[Gone] = []
        while not self._settled.empty():
            each = self._settled.get()
            if isinstance(each, ConnectionError):
                raise each
            found.append(each)
        return found

    def _settle(self, gone: Gone) -> None:
        deadline = time.monotonic() + _DOUBT_S
        if self._closed.wait(self._hold_s):
            return
        try:
            while not self._goes_on() and time.monotonic() < deadline:
                if self._closed.wait(_TURN_S):
                    return
        except Exception as error:  # noqa: BLE001 - what Ray raises where it is gone depends on its version
            reason = str(error).strip().partition("\n")[0]
            self._settled.put(ConnectionError(f"{gone.reason}; {reason}"))
        else:
            self._settled.put(gone)


def _ray_goes_on() -> bool:
    """Whether the head of the cluster that this process is connected to is alive.

    `OSError` if nobody listens where it should be; Ray itself would wait for it. For a process that has
    disconnected it would start a cluster.
    """
    ray: Any = importlib.import_module("ray")
    if not ray.is_initialized():
        raise ConnectionError("this process is no longer connected to Ray")
    if not ray.util.client.ray.is_connected():
        host, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
        socket.create_connection((host, int(port)), timeout=_HOLD_S).close()
    return any(node["Alive"] and _HEAD in node["Resources"] for node in ray.nodes())
