"""Garbage between experiments: collected when the process has grown, not when there are many objects."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from research_runner.system.open_files import collect_garbage

GROWTH_BYTES: Final = 100 * 2**20
"""Growth after which garbage is collected."""

_LOOK_EVERY_S: Final = 0.03
"""Nothing grows by much more in less: the system gives out some gigabytes in a second."""

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class GarbageCollector:
    """Collects garbage when the process has grown since the last time.

    Reference cycles of users' objects, such as models, may hold large arrays; Python collects cycles by the
    number of objects and does not know their size.

    Examples
    --------
    >>> GarbageCollector().collect_if_grown()
    False
    """

    __slots__ = ("_base_bytes", "_growth_bytes", "_looked")

    def __init__(self, growth_bytes: int = GROWTH_BYTES) -> None:
        self._growth_bytes = growth_bytes
        self._base_bytes = resident_bytes()
        self._looked = time.monotonic()

    def collect_if_grown(self) -> bool:
        """Collect garbage if the process has grown; return whether it was done."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return False
        self._looked = now
        if resident_bytes() - self._base_bytes < self._growth_bytes:
            return False
        collect_garbage()
        self._base_bytes = resident_bytes()
        return True


def resident_bytes() -> int:
    """Return the resident memory of this process; where the system does not tell, its peak, or 0."""
    try:
        fd = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return _peak_bytes()
    try:
        return int(os.read(fd, 128).split()[1]) * _PAGE_BYTES
    finally:
        os.close(fd)


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
