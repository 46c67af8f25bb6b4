"""The identity of a process: its id may be reused, its start time tells it apart."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research_runner.system.texts import read_text


def fingerprint(pid: int) -> str | None:
    """Return a text that no later process with the same id will have; None if there is no such process.

    Where the kernel tells, it is the time at which the process started, in ticks since boot; elsewhere only
    the id, so that a new process with the same id is taken for the old one.

    Examples
    --------
    >>> import os
    >>> fingerprint(os.getpid()) == fingerprint(os.getpid())
    True
    """
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return str(pid)
    try:
        fields = read_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{pid}@{started}"


def owner() -> dict[str, Any]:
    """Return the host and process that run a research, as plain values to be recorded with it."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "fingerprint": fingerprint(os.getpid())}


def is_alive(owner: Mapping[str, Any]) -> bool:
    """Tell whether the process that a folder names as its owner lives; on other hosts it is taken to."""
    if owner["host"] != socket.gethostname():
        return True
    return bool(owner["fingerprint"] == fingerprint(owner["pid"]))
