"""Our own files, opened without following or waiting for links, pipes and devices; and their umask."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def open_own(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file as `os.open` does; refuse a link, a pipe or a device. `open` takes it as its `opener`."""
    handle = os.open(path, flags | _FLAGS, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file", os.fspath(path))
    return handle


def read_own(path: Path) -> bytes:
    """Return the content of a file; OSError as `open_own`."""
    with open(path, "rb", opener=open_own) as file:
        return file.read()


def current_umask() -> int:
    """Return the umask, without changing it where the system says it."""
    with contextlib.suppress(OSError, IndexError):
        status = Path("/proc/self/status").read_bytes()
        return int(status.partition(b"\nUmask:")[2].split(maxsplit=1)[0], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
