"""Flushing open files at the exit of a process."""

from __future__ import annotations

import gc
import io
import os
import stat
from collections.abc import Callable
from typing import Any, Final

from research_runner.system.console import say

_FILE: Final[type] = io.IOBase.__base__ or io.IOBase
"""The base of all files, in C: a test against the abstract class would ask each object for its class."""

_STANDARD: Final = (0, 1, 2)


def finish_files(*, close: bool) -> None:
    """Write what open files hold, those in global variables as well, and collect garbage once.

    With `close` they are closed, as by an interpreter at its end: compressed files are complete only then.
    Only plain files are written, because nothing can make that wait for long. Objects that were frozen
    (`gc.freeze`) are left alone: in a forked process they are those of its parent. What cannot be written is
    said on the terminal.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile("w") as file:
    ...     _ = file.write("a line")
    ...     finish_files(close=False)
    ...     Path(file.name).read_text()
    'a line'
    """
    collect_garbage()
    for file in _open_files():
        _end(file, file.close if close else file.flush)


def collect_garbage() -> None:
    """Collect garbage, after files have been written that may be part of it.

    Python loses what a file holds that is collected in a cycle: it may close the descriptor first.
    """
    for file in _open_files():
        _end(file, file.flush)
    gc.collect()


def _end(file: Any, function: Callable[[], object]) -> None:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - users' own classes of files raise anything
        say(f"{getattr(file, 'name', file)!r} could not be written to its end: {error}")


def _open_files() -> list[Any]:
    """Return the regular files that are open for writing; wrappers come before wrapped ones."""
    found = [each for each in gc.get_objects() if issubclass(type(each), _FILE) and _is_written(each)]
    return sorted(found, key=_layer)


def _is_written(file: Any) -> bool:
    try:
        if file.closed or not file.writable():
            return False
        fd = file.fileno()
        return fd not in _STANDARD and stat.S_ISREG(os.fstat(fd).st_mode)
    except Exception:  # noqa: BLE001 - in memory, detached, or of a user's own class
        return False


def _layer(file: Any) -> int:
    """Order what stands above other files before them: text, then what compresses, then buffers."""
    if isinstance(file, io.TextIOBase):
        return 0
    if isinstance(file, io.BufferedWriter | io.BufferedRandom):
        return 2
    return 3 if isinstance(file, io.RawIOBase) else 1
