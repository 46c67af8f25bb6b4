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


ARMED: Final[list[_Trap]] = []
"""The fail point that is armed, if any; what runs for each experiment looks here before it calls."""


def fail_point(name: str) -> None:
    """Kill this process with SIGKILL if a test asked for it at this point; see `arm`.

    Examples
    --------
    >>> fail_point("after-commit")  # does nothing unless it is armed
    """
    if not ARMED or ARMED[0].name != name:
        return
    ARMED[0].passes -= 1
    if ARMED[0].passes:
        return
    try:
        ARMED[0].token.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Read the environment variable again; importing this module reads it as well."""
    ARMED.clear()
    text = os.environ.get(VARIABLE)
    if text:
        name, passes, token = text.split(":", 2)
        ARMED.append(_Trap(name, int(passes), Path(token)))


arm()
