"""Limits: how many workers there may be, and the module `resource`, loaded without making it known.

So `sys.modules` tells whether anybody else has imported it, and can have changed a limit; otherwise workers
need not look at the limits after each task, which takes nine calls of the system.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

MOST: Final = 1_000_000
"""Workers, or branches of a worker, that a research may have."""


def _own_copy() -> Any:
    """Return a copy of the module of our own, None where there is none."""
    spec = importlib.util.find_spec("resource")
    if spec is None or spec.loader is None:
        return None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


resource: Final = _own_copy()
