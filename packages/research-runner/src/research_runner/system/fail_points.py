"""Fail points: named lines at which a test kills this process, to check that nothing is lost.

They are off, and cost one comparison, unless the environment variable of the tests arms one of them.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VARIABLE: Final = "RESEARCH_FAIL_POINT"
"""``name:passes:token``: kill at that pass of that point, in the one process that removes the token."""


@dataclass(slots=True)
class _Trap:
    """An armed fail point: how many passes are left, and the file that makes sure of a single kill."""

    name: str
    passes: int
    token: Path


_trap: _Trap | None = None


def fail_point(name: str) -> None:
    """Kill this process with SIGKILL if a test asked for it at this point; see `arm`.

    Examples
    --------
    >>> fail_point("after-commit")  # does nothing unless it is armed
    """
    if _trap is None or _trap.name != name:
        return
    _trap.passes -= 1
    if _trap.passes:
        return
    try:
        _trap.token.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Read the environment variable again; importing this module reads it as well."""
    global _trap
    text = os.environ.get(VARIABLE)
    if not text:
        _trap = None
        return
    name, passes, token = text.split(":", 2)
    _trap = _Trap(name, int(passes), Path(token))


arm()
