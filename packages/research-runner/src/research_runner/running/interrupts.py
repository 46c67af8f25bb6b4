"""Ctrl-C and SIGTERM during a run: the first one ends it gently, the second one at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from research_runner.system.console import say

TERM_GRACE_S: Final = 10.0
"""Seconds between the first SIGTERM and the end of everything."""


_installed: Final[dict[int, Any]] = {}
"""The handlers in whose place ours are."""


def _put(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _forget_in_child() -> None:
    """Let a process that a unit has forked end as any other: a pool ends its processes by SIGTERM."""
    _put(_installed)
    _installed.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def gentle_interrupts(
    terminate: Callable[[bool, float | None], None], *, raise_second: Callable[[], bool]
) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM of the block into a stop, and the second into a kill.

    `terminate` is called with whether to kill, and with the seconds after which a stop becomes a kill: those
    who send SIGTERM will not wait for ever. `raise_second` says whether the second signal raises
    KeyboardInterrupt: where what runs is in this very thread. Elsewhere than in the main thread, which alone
    can handle signals, the block runs as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    count, terminal = 0, sys.stderr  # what runs in this very thread may have its own in its place

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal count
        count += 1
        name = signal.Signals(number).name
        if count == 1:
            grace_s = TERM_GRACE_S if number == signal.SIGTERM else None
            say(f"{name}: nothing new is started, what runs may end; once more to kill it", terminal)
            terminate(False, grace_s)
            return
        terminate(True, None)
        if raise_second():
            raise KeyboardInterrupt

    before: dict[int, Any] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    outer = dict(_installed)
    _installed.update(before)
    try:
        yield
    finally:
        _installed.clear()
        _installed.update(outer)
        _put(before)
    if count:
        raise KeyboardInterrupt
