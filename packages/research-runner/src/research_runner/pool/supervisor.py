"""The supervisor: the parent process of all workers of a pool, which outlives them.

It is a process of its own: a small interpreter that runs this file as a script (start methods
``forkserver`` and ``spawn``), or a fork of the coordinator (``fork``). It forks or spawns workers on request,
reports how each ended, and kills what a dead worker leaves behind. When the coordinator is gone it kills
everything and exits.

As the parent it kills a group before it reaps the group's leader, so a process id can never mean another
process. As a "subreaper" (Linux) it inherits every orphan of its workers, so nothing escapes by changing its
session. It needs nothing but the standard library, so that it starts in milliseconds under ``spawn``.

Lines of JSON come in on the control socket: the configuration first, then ``start`` (with a socket for the
worker), ``import``, ``kill``, and ``rest``: end all workers, and wait for those of the next pool, but not for
ever. Lines of JSON go out: ``started``, ``refused``, ``died``, ``resting``. End of file means "finish".
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
import types
import warnings
from collections.abc import Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import resource  # not on Windows, where this module is imported and never run

MARK = "RESEARCH_RUNNER_WORKER"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None, use_errno=True) if _LINUX else None
_SPAWNED = Path(__file__).with_name("spawned.py")


def prctl(option: int, value: int) -> None:
    """Set a property of this process (Linux; nothing elsewhere)."""
    if _LIBC is not None:
        _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def continue_on_parent_death() -> None:
    """Ask for SIGCONT at the death of the parent: it wakes a stopped process as well (Linux)."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


class Supervisor:
    """Starts, watches and reaps the workers of one pool.

    Its config: ``coordinator`` (a pid), ``method``, ``sys_path``, ``preload``, ``interpreter`` (the command
    that runs Python, with its flags), ``idle_s`` (how long it may rest).
    """

    def __init__(self, control: socket.socket, config: dict[str, Any]) -> None:
        self._control = control
        self._config = config
        self._unread = b""
        self._sockets: list[int] = []
        self._ids: dict[int, int] = {}
        self._dead: dict[int, int] = {}
        self._wake, self._waker = socket.socketpair()
        self._rests_until: float | None = time.monotonic() + config["idle_s"]

    def run(self) -> None:
        """Serve until the coordinator closes the connection or is gone; then leave nothing behind."""
        self._watch_parent()
        _import(self._config["preload"])
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        connected = True
        while connected and os.getppid() == self._config["coordinator"]:
            ready = {fd for fd, _ in poller.poll(self._patience_ms())}
            if not ready and self._rests_until is not None and time.monotonic() >= self._rests_until:
                break
            if self._wake.fileno() in ready:
                self._wake.recv(4096)
                self._reap()
            if self._control.fileno() in ready:
                connected = self._receive()
        self._finish()

    def _patience_ms(self) -> float | None:
        """Return the time until the parent has to be checked, or an idle period ends."""
        if self._rests_until is None:
            return None if _LINUX else 500
        left_ms = max(self._rests_until - time.monotonic(), 0.0) * 1000 + 1
        return left_ms if _LINUX else min(left_ms, 500)

    def _watch_parent(self) -> None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGCONT, self._on_parent_death)
        continue_on_parent_death()

    def _on_parent_death(self, *_: object) -> None:
        """Exit at once if there are no workers, because an import may take long."""
        if os.getppid() != self._config["coordinator"] and not self._ids:
            os._exit(0)

    # -- what the coordinator wants ---------------------------------------------------------------

    def _receive(self) -> bool:
        """Serve what the coordinator sent; whether the connection is still open."""
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 65_536, 64)
        except ConnectionResetError:
            data, fds = b"", []
        for fd in fds:
            os.set_inheritable(fd, False)
        self._sockets.extend(fds)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["command"] == "start":
                self._rests_until = None
                self._start(command["id"], command["environment"])
            elif command["command"] == "import":
                _import(command["modules"])
            elif command["command"] == "rest":
                self._rest()
            else:
                for pid in [pid for pid, number in self._ids.items() if number == command["id"]]:
                    kill_group(pid)
        return bool(data)

    def _start(self, number: int, environment: dict[str, str]) -> None:
        if not self._sockets:
            self._report("refused", id=number, error="OSError: the supervisor has no free file descriptor")
            return
        fd = self._sockets.pop(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads of preloaded C libraries
                pid = os.fork()
        except OSError as error:
            os.close(fd)
            self._report("refused", id=number, error=f"{type(error).__name__}: {error}")
            return
        if pid == 0:
            self._become_worker(number, environment, fd)
        os.close(fd)
        self._ids[pid] = number
        self._dead.pop(pid, None)
        self._report("started", id=number, pid=pid)

    def _become_worker(self, number: int, environment: dict[str, str], fd: int) -> NoReturn:
        try:
            os.setsid()
            parent = self._config["supervisor"]
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            signal.set_wakeup_fd(-1)
            reset_signals()
            for end in (self._control, self._wake, self._waker):
                end.close()
            for other in self._sockets:  # of workers that are started next
                os.close(other)
            os.environ.update(environment)
            os.environ[MARK] = f"{parent}:{number}"
            if self._config["method"] == "spawn":
                self._exec(fd)
            from research_runner.pool.worker_main import main

            main(fd)
        except BaseException:  # noqa: BLE001 - must not return into the supervisor's loop
            traceback.print_exc()
        finally:
            os._exit(1)

    def _exec(self, fd: int) -> NoReturn:
        os.set_inheritable(fd, True)
        command = self._config["interpreter"]
        arguments = [str(_SPAWNED), str(fd), json.dumps(self._config["sys_path"])]
        os.execv(command[0], [*command, *arguments])  # noqa: S606 - no shell is wanted

    # -- how workers end --------------------------------------------------------------------------

    def _reap(self) -> None:
        """Reap every process that has ended; kill what a worker leaves behind before reaping it."""
        while (ended := reap_one(self._ids)) is not None:
            pid, status, usage = ended
            if pid in self._ids:
                self._dead[pid] = self._ids[pid]
            if self._dead:
                self._kill_escaped()
            if pid in self._ids:
                self._report(
                    "died",
                    id=self._ids.pop(pid),
                    pid=pid,
                    status=os.waitstatus_to_exitcode(status),
                    peak=usage.ru_maxrss * (1024 if _LINUX else 1),
                )

    def _kill_escaped(self) -> None:
        """Kill orphans of dead workers that left their group: by their session, or their mark."""
        orphans = [pid for pid in children() if pid not in self._ids]
        if not orphans:
            self._dead.clear()
        marks = {f"{self._config['supervisor']}:{number}".encode() for number in self._dead.values()}
        for pid in orphans:
            if _stat(pid)[3] in self._dead or mark_of(pid) in marks:
                kill_group(pid)

    def _rest(self) -> None:
        """End everything below, and wait for another pool."""
        self._finish()
        self._dead.clear()
        while self._sockets:
            os.close(self._sockets.pop())
        self._rests_until = time.monotonic() + self._config["idle_s"]
        self._report("resting")

    def _finish(self) -> None:
        """Kill everything below this process, until nothing is left."""
        while True:
            for pid in {*self._ids, *children()}:
                kill_group(pid)
            try:
                pid, _ = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            self._ids.pop(pid, None)

    def _report(self, event: str, **values: object) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps({"event": event, **values}).encode() + b"\n")


def _import(modules: Iterable[str]) -> None:
    """Import modules as far as they can be imported, without a look at what may be garbage: all stays."""
    gc.disable()
    for name in modules:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
    gc.freeze()
    gc.enable()


def reap_one(leaders: Container[int]) -> tuple[int, int, resource.struct_rusage] | None:
    """Reap a child that has ended and return its pid, status and usage; None if there is none.

    The group of a leader is killed before the leader is reaped, while its id cannot mean anything else.
    """
    try:
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid in leaders:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            return (pid, status, usage) if pid else None
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        if found.si_pid in leaders:
            kill_group(found.si_pid)
        return os.wait4(found.si_pid, 0)
    except ChildProcessError:
        return None


def kill_group(pid: int) -> None:
    """Kill a child that is not reaped yet, and its process group if it leads one."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def children() -> list[int]:
    """Return the pids of the children of this process (Linux; empty elsewhere)."""
    if not _LINUX:
        return []
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split()]
    except OSError:
        me = os.getpid()
        found = map(int, filter(str.isdigit, os.listdir("/proc")))  # noqa: PTH208 - bare names
        return [pid for pid in found if _stat(pid)[1] == me]


def mark_of(pid: int) -> bytes:
    """Return the mark of the worker in whose environment a program was started, empty if there is none."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
    return environment.partition(f"{MARK}=".encode())[2].partition(b"\0")[0]


def _stat(pid: int) -> tuple[int, int, int, int]:
    """Return pid, parent, group and session of a process; zeros if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0, 0, 0, 0
    return pid, int(fields[1]), int(fields[2]), int(fields[3])


def reset_signals() -> None:
    """Give every signal its default action, as in a fresh interpreter, and unblock all."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def run(control: socket.socket) -> NoReturn:
    """Run the supervisor; never returns."""
    code = 1
    try:
        unread = b""
        while b"\n" not in unread:
            data = control.recv(1)
            if not data:
                os._exit(0)
            unread += data
        config = json.loads(unread)
        config["supervisor"] = os.getpid()
        sys.path[:] = config["sys_path"]
        Supervisor(control, config).run()
        code = 0
    except BaseException:  # noqa: BLE001 - must not return into the coordinator's code
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":  # with an empty one for the workers to fill
    sys.modules["research_runner_supervisor"] = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    run(socket.socket(fileno=int(sys.argv[1])))
