"""The death of a worker process: its cause, and a description with the likely reasons."""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from research_runner.system.texts import read_text

_LIKELY = {
    "SIGKILL": "perhaps the kernel's out-of-memory killer, a job scheduler's memory limit, or kill -9",
    "SIGSEGV": "a crash in C code: an extension module, a GPU driver, or a stack overflow in deep recursion",
    "SIGBUS": "a memory-mapped file was truncated, or /dev/shm or a disk behind a mapped file is full",
    "SIGABRT": "C code gave up: a failed assertion, corrupted memory, or an uncaught C++ exception",
    "SIGFPE": "an integer division by zero in C code",
    "SIGILL": "a library was built for another processor",
    "SIGTERM": "somebody or a job scheduler asked the process to end",
    "SIGXCPU": "the limit of processor time (ulimit -t) was reached",
    "SIGXFSZ": "the limit of file size (ulimit -f) was reached",
}


_HOW = {
    "memory": "killed by the kernel's out-of-memory killer (SIGKILL, and its counter rose)",
    "stopped": "stopped when asked to",
    "refused": "could not be started",
    "lost": "lost: it or the process that supervises it is gone, and nobody saw how it ended",
    "protocol": (
        "killed because it sent what no worker sends "
        "(did a unit write to a file descriptor that it does not own?)"
    ),
    "timeout": "killed because it took longer than its timeout",
}


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Causes are ``'signal'``, ``'exit'``, ``'memory'``, ``'stopped'`` (asked to), ``'refused'`` (never
    started), ``'lost'`` (its end was not seen), ``'protocol'`` (it sent what no worker sends), and those
    given to `WorkerPool.kill`, such as ``'timeout'``.

    Examples
    --------
    >>> print(Death("signal", signal="SIGSEGV", peak_memory_bytes=2**31).describe())
    killed by SIGSEGV (a crash in C code: an extension module, ...); peak memory 2.0 GiB
    """

    cause: str
    exit_code: int | None = None  # if the process exited
    signal: str | None = None  # name of the signal that ended it, such as ``'SIGKILL'``
    peak_memory_bytes: int | None = None  # resident memory of the process, if the kernel reports it
    # the traceback of an exception that ended the worker, or the reason why it could not start
    detail: str = ""
    place: str = ""  # where the worker was, if that is to be said: on an engine, which chooses its hosts

    def describe(self) -> str:
        """Return one line: what happened, and the likely reasons."""
        if self.cause == "signal":
            text = f"killed by {self.signal} ({_LIKELY.get(self.signal or '', 'sent by another process')})"
        elif self.cause == "exit" and self.exit_code == 0:
            text = "exited with code 0 in the middle of its work (os._exit or sys.exit in a unit?)"
        elif self.cause == "exit":
            text = f"exited with code {self.exit_code} (os._exit, sys.exit, or an error outside of a unit)"
        else:
            text = _HOW.get(self.cause, f"killed by the coordinator: {self.cause}")
        if self.place:
            text += f"; on {self.place}"
        if self.peak_memory_bytes is not None:
            text += f"; peak memory {_size(self.peak_memory_bytes)}"
        if self.detail:
            text += f"; {self.detail.strip().splitlines()[-1]}"
        return text


class DeathExaminer:
    """Finds out how workers ended.

    It reads the kernel's counter of processes killed for want of memory, in ``proc`` and ``sys`` below
    `root`: a SIGKILL after which the counter has risen was the work of the out-of-memory killer.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._oom_kills = count_oom_kills(root)

    def examine(self, report: Mapping[str, Any], requested_cause: str | None, detail: str) -> Death:
        """Return the death behind a supervisor's report.

        The report has an ``event``; ``'died'`` also a ``status`` (exit code, or minus the signal) and a
        ``peak`` in bytes. `detail` is the last text that the worker sent, such as a traceback.
        """
        if report["event"] != "died":
            return Death(report["event"], detail=report.get("error", detail))
        status, peak = report["status"], report["peak"] or None
        code = status if status >= 0 else None
        name = signal_name(-status) if status < 0 else None
        return Death(self._cause(status, requested_cause), code, name, peak, detail)

    def _cause(self, status: int, requested_cause: str | None) -> str:
        if requested_cause is not None and (requested_cause != "stopped" or status == 0):
            return requested_cause
        if status == -signals.SIGKILL and count_oom_kills(self._root) > self._oom_kills:
            self._oom_kills += 1  # explains one death
            return "memory"
        return "signal" if status < 0 else "exit"


def count_oom_kills(root: Path = Path("/")) -> int:
    """Return the kernel's count of out-of-memory kills: in our control group, else on the host."""
    groups = [line for line in _lines(root / "proc/self/cgroup") if line.startswith("0::/")]
    own = root / "sys/fs/cgroup" / (groups[0].removeprefix("0::/") if groups else "")
    counts = (line for path in (own / "memory.events", root / "proc/vmstat") for line in _lines(path))
    return next((int(line.split()[1]) for line in counts if line.startswith("oom_kill ")), 0)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file; none if it cannot be read."""
    try:
        return read_text(path).splitlines()
    except OSError:
        return []


def signal_name(number: int) -> str:
    """Return the name of a signal, ``'signal 35'`` for one without.

    Examples
    --------
    >>> signal_name(9)
    'SIGKILL'
    """
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _size(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"
