"""Fail points: named steps at which a test has this process killed; off unless the environment arms one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

_trap: list[str] = []


def fail_point(name: str) -> None:
    """Kill this process if a test asked for it: ``RESEARCH_FAIL_POINT=name:passes:token``."""
    if _trap and _trap[0] == name:
        _trap[1] = str(int(_trap[1]) - 1)
        if _trap[1] == "0" and Path(_trap[2]).exists():
            Path(_trap[2]).unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Read the environment variable again, as is done when this module is imported."""
    _trap[:] = os.environ.get("RESEARCH_FAIL_POINT", "").split(":", 2)


arm()
