"""One writer at a time: a lock file that says who holds it.

The operating system's lock decides, because it ends with its process. The text in the file says who to ask,
and decides alone where the file system has no locks, or where the last holder ran on another host.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from research_results.disk.files import open_own
from research_results.errors import LockedError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


T = TypeVar("T")
_POLL_S = 0.01


def in_turn(take: Callable[[], T], wait_s: float, *refusals: type[Exception]) -> T:
    """Retry a call while it is refused; after some seconds raise the refusal."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return take()
        except refusals:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class _Holder:
    """The process that wrote the lock file."""

    host: str
    pid: int


class WriteLock:
    """The right to write to a research: a lock file, held from `acquire` until `release`."""

    _held: ClassVar[dict[str, WriteLock]] = {}
    """Those of this process: the locks of the system are for processes, and know nothing of threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._pid = 0

    def acquire(self, *, take_over: bool = False) -> None:
        """Take the lock at once or raise.

        Parameters
        ----------
        take_over : bool
            Take it from a holder on another host, which cannot be asked whether it lives.

        Raises
        ------
        LockedError
            If another process, or this one, holds it.
        """
        name = os.path.realpath(self.path)
        if self._handle is not None or self._held.setdefault(name, self) is not self:
            raise LockedError(str(self.path.parent), socket.gethostname(), os.getpid())
        try:
            self._handle, self._pid = self._take(take_over), os.getpid()
        except BaseException:
            del self._held[name]
            raise

    def _take(self, take_over: bool) -> int:
        """Return the locked file, with our name in it."""
        handle, locked = self._open()
        try:
            holder = None if take_over else _read_holder(handle)
            if holder and (holder.host != socket.gethostname() or (not locked and _lives(holder.pid))):
                raise LockedError(str(self.path.parent), holder.host, holder.pid)
            _write_holder(handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def release(self) -> None:
        """Give the lock back and remove its file; does nothing if it is not held here."""
        if self._handle is None or self._pid != os.getpid():
            return
        name = os.path.realpath(self.path)
        with contextlib.suppress(OSError):
            if self._is_current(self._handle):
                self.path.unlink()
        os.close(self._handle)
        self._handle = None
        self._held.pop(name, None)  # last: to close any of its handles takes the lock of this process away

    def _open(self) -> tuple[int, bool]:
        """Open the file and lock it, if locks there are; again if its last holder removed it in between."""
        while True:
            handle = open_own(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                locked = _lock(handle)
            except OSError:
                holder = _read_holder(handle) or _Holder("unknown", 0)
                os.close(handle)
                raise LockedError(str(self.path.parent), holder.host, holder.pid) from None
            if not locked or self._is_current(handle):
                return handle, locked
            os.close(handle)

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self.path.stat())
        except FileNotFoundError:
            return False


if sys.platform == "win32":

    def _lock(handle: int) -> bool:
        """Lock an open file; OSError if it is locked."""
        os.lseek(handle, 1 << 20, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        return True

    def _lives(pid: int) -> bool:
        """Tell whether a process may be alive."""
        return pid != 0

else:

    def _lock(handle: int) -> bool:
        """Lock an open file; False where there are no locks; OSError if it is locked."""
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise
        except OSError:
            return False
        return True

    def _lives(pid: int) -> bool:
        """Tell whether a process of this host may be alive."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


def _write_holder(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())


def _read_holder(handle: int) -> _Holder | None:
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        content = json.loads(os.read(handle, 4096))
        return _Holder(str(content["host"]), int(content["pid"]))
    except (ValueError, KeyError, TypeError):
        return None
