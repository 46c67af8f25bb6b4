"""The worker process: load the work, say ready, serve until told to stop."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

from research_domain.texts import encode_text
from research_runner.code.importing import install_encoded
from research_runner.pool import wire
from research_runner.pool.channel import Channel, WorkerStop
from research_runner.pool.class_registry import accept_arrivals
from research_runner.pool.frames import Kind
from research_runner.system.open_files import finish_files


def main(fd: int) -> NoReturn:
    """Run the worker behind a connected socket; never returns."""
    code = 1
    channel = Channel(socket.socket(fileno=fd))
    try:
        _exit_with_parent()
        install_encoded(channel.next_message()[1])
        _prepare(wire.loads(channel.next_message()[1]))
        serve = wire.load_code(channel.next_message()[1])
        channel.send_message(Kind.READY, os.getpid().to_bytes(8))
        serve(channel)
        code = 0
    except WorkerStop:
        code = 0
    except SystemExit as stop:
        code = _exit_code(stop)
    except BaseException:  # noqa: BLE001 - the coordinator is told
        _report(channel, traceback.format_exc())
    finally:
        _leave(code)


def _prepare(state: dict[str, Any]) -> None:
    """Take over paths and arguments of the coordinator, and random numbers of our own."""
    sys.path[:] = state["sys_path"]
    sys.argv[:] = state["argv"]
    with contextlib.suppress(OSError):  # it may be gone meanwhile
        os.chdir(state["directory"] or ".")
    if not faulthandler.is_enabled():
        faulthandler.enable(2)
    accept_arrivals()
    numpy_random = sys.modules.get("numpy.random")  # the attribute of numpy would import it
    if numpy_random is not None:
        numpy_random.seed()  # a fork repeats its parent's stream, a fresh interpreter does not


def _exit_code(stop: SystemExit) -> int:
    """Return the exit code that Python gives to a SystemExit."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)  # noqa: T201 - what Python does
    return 1


def _report(channel: Channel, text: str) -> None:
    sys.stderr.write(text)
    try:
        channel.send_message(Kind.FAILURE, encode_text(text))
    except WorkerStop:
        return


def _leave(code: int) -> NoReturn:
    """End the process as an interpreter would, except that no thread can keep it alive."""
    try:
        atexit._run_exitfuncs()
        finish_files(close=True)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BaseException:  # noqa: BLE001 - nothing is left to tell
        traceback.print_exc()
    finally:
        os._exit(code)


def _exit_with_parent() -> None:
    """End with the parent where the kernel does not see to it (it does on Linux)."""
    if sys.platform != "linux":
        threading.Thread(target=_follow, args=(os.getppid(),), name="parent-watch", daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)
