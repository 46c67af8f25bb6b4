"""Start the supervisor of a pool, and talk to it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias

from research_runner.pool import supervisor
from research_runner.pool.errors import PoolError, StartMethodError
from research_runner.system.limits import resource

StartMethod: TypeAlias = Literal["auto", "fork", "forkserver", "spawn"]

PRELOAD = ("research_experiment", "research_runner.pool.worker_main")

IDLE_S = 300.0
"""Seconds after which a supervisor that nobody uses ends by itself."""

_MARGIN_S = 30.0

_SPARE_DESCRIPTORS = 8
"""Files that a run opens beside the connections to its workers."""

_THREADED = ("polars", "lightgbm", "xgboost", "catboost", "sklearn", "torch", "tensorflow", "jax", "duckdb")
"""Libraries that keep threads of their own once they are used, and do not notice a fork."""


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """What a pool starts its workers with."""

    size: int  # number of slots
    method: str  # ``'fork'``, ``'forkserver'`` or ``'spawn'``
    environments: tuple[Mapping[str, str], ...]  # environment variables of each slot
    preload: tuple[str, ...] = ()  # modules that the fork server imports before its first fork
    later: tuple[str, ...] = ()  # others that it imports then, also one that was started before

    @property
    def shared_environment(self) -> dict[str, str]:
        """The variables that are equal in all slots: the preloaded modules see them as well."""
        first, *others = self.environments
        return {
            key: value for key, value in first.items() if all(other.get(key) == value for other in others)
        }


def resolve_start_method(method: StartMethod) -> str:
    """Return the start method to use: for ``'auto'`` a warm fork server on Linux and spawn elsewhere.

    Raises `StartMethodError` if it is unknown, or the system or the state of this process rules it out.

    Examples
    --------
    >>> resolve_start_method("spawn")
    'spawn'
    """
    if method not in ("auto", "fork", "forkserver", "spawn"):
        raise StartMethodError(method, "it is none of 'auto', 'fork', 'forkserver', 'spawn'")
    if os.name != "posix":
        raise StartMethodError(method, "worker processes need Linux or macOS; run with parallel=False")
    if method == "fork":
        refuse_cuda()
        _warn_of_threads()
        return method
    if not sys.executable or not os.access(sys.executable, os.X_OK):
        raise StartMethodError(
            method,
            f"this Python does not know its own program (sys.executable is {sys.executable!r}); set it, "
            "or use start_method='fork' or parallel=False",
        )
    if method == "auto":
        return "forkserver" if sys.platform == "linux" else "spawn"
    return method


def refuse_cuda() -> None:
    """Refuse to fork a process that uses CUDA."""
    if user := cuda_user():
        raise StartMethodError(
            "fork", f"CUDA is already in use in this process ({user}) and does not survive a fork; use 'auto'"
        )


def _warn_of_threads() -> None:
    """Warn of what may hang in a fork of this process, by its name."""
    here = (threading.main_thread(), threading.current_thread())
    threads = [f"the thread {each.name!r}" for each in threading.enumerate() if each not in here]
    if risks := [*threads, *(name for name in _THREADED if name in sys.modules)]:
        warnings.warn(
            "start_method='fork' copies this process without its threads, and what waits for them hangs in a "
            f"worker: {', '.join(risks)}; use start_method='auto'",
            RuntimeWarning,
            stacklevel=2,
        )


def check_descriptors(size: int) -> None:
    """Make sure that this process may have a connection to each worker; raise its soft limit if need be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError):
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208 - names are enough
        needed = used + size + _SPARE_DESCRIPTORS
        if soft == resource.RLIM_INFINITY or needed <= soft:
            return
        if hard != resource.RLIM_INFINITY and needed > hard:
            raise PoolError(
                f"{size} workers need {needed} open files, and this process may have {hard} (ulimit -n), "
                f"which is enough for {max(hard - used - _SPARE_DESCRIPTORS, 0)} workers"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def cuda_user(descriptors: Path = Path("/proc/self/fd")) -> str | None:
    """Return how CUDA was initialised in this process, or None; imports nothing."""
    torch = sys.modules.get("torch")
    if torch is not None and getattr(torch, "cuda", None) is not None and torch.cuda.is_initialized():
        return "torch.cuda is initialised"
    with contextlib.suppress(OSError):
        for fd in descriptors.iterdir():
            with contextlib.suppress(OSError):
                if fd.readlink() == Path("/dev/nvidia-uvm"):
                    return "the CUDA driver is initialised"
    return None


class SupervisorLink:
    """The coordinator's end of the connection to the supervisor.

    `surroundings` is what the supervisor took over from this process; empty if it is not to be kept.
    """

    def __init__(self, settings: LaunchSettings, surroundings: Mapping[str, Any] | None = None) -> None:
        self.surroundings = surroundings or {}
        self._unread = b""
        self._rests_until = time.monotonic() + IDLE_S - _MARGIN_S
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self.control, theirs = blocking_pair()
        self._inode = os.fstat(self.control.fileno()).st_ino
        try:
            with theirs:
                self.pid = self._fork(theirs) if settings.method == "fork" else self._exec(theirs, settings)
        except BaseException:
            self.control.close()
            raise
        self._write(
            {
                "coordinator": os.getpid(),
                "method": settings.method,
                "interpreter": _interpreter(),
                "sys_path": current_path(),
                "idle_s": IDLE_S,
                "preload": [*PRELOAD, *settings.preload] if settings.method == "forkserver" else [],
            }
        )

    @property
    def is_ours(self) -> bool:
        """Whether this process started the supervisor; a fork of it must not end what is not its own."""
        return os.getpid() == self._owner

    def _exec(self, theirs: socket.socket, settings: LaunchSettings) -> int:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [*_interpreter(), str(Path(supervisor.__file__)), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **settings.shared_environment},
            )
        except OSError as error:
            raise PoolError(
                f"the system lets no process for the workers begin ({error}); check ulimit -u and ulimit -n"
            ) from error
        return self._process.pid

    def _fork(self, theirs: socket.socket) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking was asked for
            pid = os.fork()
        if pid == 0:
            _become_supervisor(self.control, theirs)
        return pid

    def preload(self, modules: Sequence[str]) -> None:
        """Ask to import modules before any other worker is forked."""
        self._write({"command": "import", "modules": modules})

    def start(self, number: int, environment: Mapping[str, str], connection: socket.socket) -> None:
        """Ask for a worker behind a connection."""
        line = _line({"command": "start", "id": number, "environment": dict(environment)})
        with _whoever_listens():
            sent = socket.send_fds(self.control, [line], [connection.fileno()])
            self.control.sendall(line[sent:])

    def kill(self, number: int) -> None:
        """Ask to kill a worker and its group."""
        self._write({"command": "kill", "id": number})

    def _write(self, command: Mapping[str, Any]) -> None:
        with _whoever_listens():
            self.control.sendall(_line(command))

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the reports that have arrived, and whether the supervisor is still there; never waits."""
        try:
            data = self.control.recv(65_536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return [], True
        except ConnectionResetError:
            data = b""
        *lines, self._unread = (self._unread + data).split(b"\n")
        try:
            return [json.loads(line) for line in lines], bool(data)
        except ValueError:  # not from the supervisor, which cannot be listened to any more
            return [], False

    def rest(self, timeout_s: float = 5.0) -> bool:
        """End everything below the supervisor, and let it wait for another pool; whether it does."""
        if not self.is_ours:
            return False
        self._write({"command": "rest"})
        poller = select.poll()
        poller.register(self.control, select.POLLIN)
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0 and poller.poll(left * 1000):
            reports, there = self.read()
            if any(report["event"] == "resting" for report in reports):
                self._rests_until = time.monotonic() + IDLE_S - _MARGIN_S
                return True
            if not there:
                break
        return False

    def is_resting(self) -> bool:
        """Whether the supervisor waits for another pool, and will for a while; its connection is its own."""
        if not self.is_ours or not self._has_connection():
            return False
        return time.monotonic() < self._rests_until and self.read() == ([], True)

    def _has_connection(self) -> bool:
        """Whether the descriptor is still our connection: a unit may have closed all descriptors."""
        try:
            return os.fstat(self.control.fileno()).st_ino == self._inode
        except OSError:
            return False

    def close(self, timeout_s: float = 5.0) -> None:
        """End the supervisor, which ends everything below it, and wait until it is gone."""
        if self.control.fileno() < 0:
            return
        if not self._has_connection():
            self.control.detach()  # the descriptor is somebody else's by now
        with self.control:
            if not self.is_ours:
                return
            if self.control.fileno() < 0 or not self._say_goodbye(timeout_s):
                os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)

    def _say_goodbye(self, timeout_s: float) -> bool:
        """Close our direction of the connection; whether the supervisor closed its own in time."""
        self.control.settimeout(timeout_s)
        try:
            with _whoever_listens():
                self.control.shutdown(socket.SHUT_WR)
                while self.control.recv(65_536):
                    pass
        except TimeoutError:
            return False
        return True


def blocking_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected blocking sockets, regardless of the default timeout."""
    pair = socket.socketpair()
    for end in pair:
        end.settimeout(None)
    return pair


def _whoever_listens() -> contextlib.suppress:
    """Write to a supervisor that may be gone: `read` tells."""
    return contextlib.suppress(BrokenPipeError, ConnectionResetError)


def current_path() -> list[str]:
    """Return `sys.path` as absolute paths, without those relative to a removed directory."""
    here = current_directory()
    entries = [entry for entry in sys.path if isinstance(entry, str)]
    if here is None:
        return [entry for entry in entries if os.path.isabs(entry)]  # noqa: PTH117 - as text
    return [os.path.normpath(os.path.join(here, entry)) for entry in entries]  # noqa: PTH118 - as text


def current_directory() -> str | None:
    """Return the working directory, None if it was removed."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None


def _interpreter() -> list[str]:
    return [sys.executable, *subprocess._args_from_interpreter_flags()]  # type: ignore[attr-defined]


def _line(command: Mapping[str, Any]) -> bytes:
    return json.dumps(command).encode() + b"\n"


def _become_supervisor(ours: socket.socket, theirs: socket.socket) -> NoReturn:
    """Turn a fork of the coordinator into the supervisor."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        supervisor.reset_signals()
        ours.close()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        _forget_parent()
        supervisor.run(theirs)
    except BaseException:  # noqa: BLE001 - must not return into the coordinator's code
        traceback.print_exc()
    finally:
        os._exit(1)


def _forget_parent() -> None:
    """Drop what would act for the coordinator when a worker ends: its exit handlers, its children."""
    atexit._clear()
    for package in ("multiprocessing", "multiprocess"):
        process, util = sys.modules.get(f"{package}.process"), sys.modules.get(f"{package}.util")
        if process is not None and util is not None:
            process._children.clear()
            process.current_process()._config.pop("daemon", None)  # it may have pools, and ends with us
            util._finalizer_registry.clear()
            util._run_after_forkers()
            atexit.register(util._exit_function)
