"""Forked children of units: one that comes back into our code ends, instead of running on as its parent."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Final, NoReturn

__all__ = ["DEPTH", "end_if_forked", "flush_streams"]


def end_if_forked(owner_pid: int) -> None:
    """End this process if it is a fork of the one that owns what comes next.

    A unit may fork. A child that leaves the unit by returning, by an exception or by ``sys.exit`` would
    otherwise go on as a second copy of whatever called the unit: report, write, and run what is left of the
    script.

    Parameters
    ----------
    owner_pid : int
        ``os.getpid()`` of the process that called the unit.

    Notes
    -----
    Meant for after each call of a user's function, also where it raised: the exception that is being handled
    is shown, or gives the exit code, as at the end of an interpreter. Exit handlers do not run, they are the
    parent's.

    Examples
    --------
    >>> owner = os.getpid()
    >>> if os.fork() == 0:
    ...     end_if_forked(owner)
    ...     raise AssertionError("the child never gets here")
    """
    if os.getpid() != owner_pid:
        _end(sys.exception())


def _end(error: BaseException | None) -> NoReturn:
    code = 0
    try:
        if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
            code = (error.code or 0) & 0xFF
        elif isinstance(error, SystemExit):
            code = 1
            print(error.code, file=sys.stderr)  # noqa: T201 - what the interpreter does
        elif error is not None:
            code = 1
            traceback.print_exception(error)
        flush_streams()
    finally:
        os._exit(code)


def flush_streams() -> None:
    """Flush standard output and error, as far as they can be."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            if stream is not None:
                stream.flush()


def _count() -> None:
    DEPTH[0] += 1


DEPTH: Final = [0]
"""One item: how many forks stand between this process and the one that loaded this module.

Units are called often: to look here takes a tenth of the time that `os.getpid` takes, which asks the system.
A fork that Python does not know of, by a library of C, does not count.
"""

os.register_at_fork(
    before=flush_streams,  # a child would write what its parent had buffered once more
    after_in_child=_count,
)
