"""The supervisor that stays between the runs of a process, as starting one takes longer than a short run.

One at most is kept, only by the process of the script itself, and only as long as its workers would begin in
the same surroundings as those of a fresh one.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from research_runner.pool.launch import LaunchSettings, SupervisorLink, current_directory
from research_runner.pool.supervisor import MARK
from research_runner.system.limits import resource
from research_runner.system.own_files import current_umask

_OF_THE_PROCESS: Final = ("/proc/self/cgroup", "/proc/self/oom_score_adj")


class _Shelf:
    """Holds the idle supervisor; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: SupervisorLink | None = None
        self._is_registered = False
        self.is_forked = False

    def swap(self, link: SupervisorLink | None) -> SupervisorLink | None:
        """Replace the supervisor, by another one or None; return the previous one."""
        with self._lock:
            self._link, before = link, self._link
            if link is not None and not self._is_registered:
                self._is_registered = True
                atexit.register(shutdown)
        return before

    def forget(self) -> None:
        """Forget the parent's supervisor in a forked process."""
        self._lock = threading.Lock()
        self.is_forked = True
        link, self._link = self._link, None
        if link is not None:
            link.control.close()


_shelf = _Shelf()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shelf.forget)


def take_supervisor(settings: LaunchSettings) -> SupervisorLink:
    """Return a supervisor for a pool: the one that was kept if it fits, else a new one."""
    if settings.method == "fork":
        return SupervisorLink(settings)
    surroundings = _surroundings(settings)
    link = _shelf.swap(None)
    if link is not None:
        if link.surroundings == surroundings and link.is_resting() and _has_our_streams(link.pid):
            return link
        link.close()
    return SupervisorLink(settings, surroundings)


def launch_early(settings: LaunchSettings) -> None:
    """Let a supervisor begin before there is a pool, if it can wait for it; else do nothing."""
    if settings.method != "fork" and _is_script():
        link = take_supervisor(settings)
        if settings.method == "forkserver":
            link.preload(settings.later)
        _replace(link)


def give_back_supervisor(link: SupervisorLink) -> None:
    """End everything below a supervisor, and keep it for the next pool where that is allowed; else end it."""
    if link.surroundings and _is_script() and link.rest():
        _replace(link)
    else:
        link.close()


def _replace(link: SupervisorLink | None) -> None:
    """Keep a supervisor, or none, in the place of the one that was kept."""
    before = _shelf.swap(link)
    if before is not None:
        before.close()


def shutdown() -> None:
    """End the process that is kept between runs to start workers from.

    It ends by itself with this process, or when nothing was run for five minutes; the next run starts another
    one, which takes some tenths of a second.

    Examples
    --------
    >>> import research_runner
    >>> research_runner.shutdown()
    """
    _replace(None)


def _is_script() -> bool:
    """Whether this process is neither a worker, nor a child of one, nor a process of a pool, nor a fork."""
    if _shelf.is_forked or MARK in os.environ:
        return False
    packages = (sys.modules.get(f"{name}.process") for name in ("multiprocessing", "multiprocess"))
    return all(module is None or module.parent_process() is None for module in packages)


def _surroundings(settings: LaunchSettings) -> dict[str, Any]:
    """Return what workers take over from this process through their supervisor."""
    limits = {name: number for name, number in vars(resource).items() if name.startswith("RLIMIT_")}
    ignored = [each for each in signal.valid_signals() if signal.getsignal(each) is signal.SIG_IGN]
    found: dict[str, Any] = {
        "pid": os.getpid(),
        "method": settings.method,
        "preload": settings.preload,
        "executable": sys.executable,
        "environment": {**os.environ, **settings.shared_environment},
        "path": list(sys.path),
        "directory": current_directory(),
        "umask": current_umask(),
        "limits": {name: resource.getrlimit(number) for name, number in limits.items()},
        "signals": (ignored, signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "user": (os.geteuid(), os.getegid(), os.getgroups()),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "streams": [_identity(fd) for fd in (1, 2)],
    }
    if hasattr(os, "sched_getaffinity"):
        found["affinity"] = os.sched_getaffinity(0)
    for path in _OF_THE_PROCESS:
        with contextlib.suppress(OSError):
            found[path] = Path(path).read_bytes()
    return found


def _identity(fd: int) -> tuple[int, int, int] | None:
    """Return what an open file is; None if there is none."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_rdev


def _has_our_streams(pid: int) -> bool:
    """Whether a process writes where this one does, and not to a file that was opened anew since (Linux)."""
    for fd in (1, 2):
        files = [Path(f"/proc/{which}/fdinfo/{fd}") for which in ("self", pid)]
        with contextlib.suppress(OSError):
            if len({file.read_bytes() if file.exists() else b"" for file in files}) != 1:
                return False
    return True
