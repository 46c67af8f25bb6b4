"""Files of a research: links, pipes and devices in their place are neither followed nor waited for."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from research_domain.texts import decode_text, encode_text
from research_results.disk.fail_points import fail_point

_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(path: Path) -> str | None:
    """Describe the kind of file at a path; None if there is none."""
    try:
        return _KINDS.get(stat.S_IFMT(os.lstat(path).st_mode), "no file")
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_own_file(path: Path) -> bool:
    """Tell whether there is a file, and not a link to one."""
    return _is(path, stat.S_ISREG)


def is_own_folder(path: Path) -> bool:
    """Tell whether there is a folder, and not a link to one."""
    return _is(path, stat.S_ISDIR)


def open_own(path: Path, flags: int, mode: int = 0o666) -> int:
    """Open a file as `os.open` does; OSError for a link, a pipe, a device or a folder as well."""
    try:
        handle = os.open(path, flags | _FLAGS, mode)
    except OSError as error:
        if kind_of(path) in ("a file", None):
            raise
        raise _is_no_file(path) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _is_no_file(path)
    return handle


def read_own(path: Path) -> bytes:
    """Return the content of a file; OSError as `open_own`."""
    with open(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return the text of a file; OSError as `open_own`."""
    return decode_text(read_own(path))


def append_text(path: Path, text: str) -> None:
    """Write a text to the end of a file, made if it is not there; OSError as `open_own`."""
    with open(open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as file:
        file.write(encode_text(text))


def write_file(path: Path, data: bytes, *, outlives_power: bool = True) -> None:
    """Write a file so that it is there completely or not at all, by default also after a loss of power."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(open_own(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(data)
            if outlives_power:
                file.flush()
                os.fsync(file.fileno())
        fail_point("file-written")
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if outlives_power:
        _sync(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file that others have written, and its entry in the folder, are on the disk."""
    for each in (path, path.parent):
        _sync(each)


def _sync(path: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is(path: Path, test: Callable[[int], bool]) -> bool:
    try:
        return test(os.lstat(path).st_mode)
    except OSError:
        return False


def _is_no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"{path.name} is {kind_of(path)}, not a file")
