"""Processes of a study that tests kill, and the marks by which they speak with the tests."""

import faulthandler
import os
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

WATCHDOG_S = 40.0


def until(condition, what, patience_s=WATCHDOG_S):
    """Return the first true value of `condition()`; what takes as long as this hangs."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() >= deadline:  # no assert, which pytest compiles anew: units use this as well
            raise AssertionError(f"hang: {what}")
        time.sleep(0.002)
    return found


class Marks:
    """Files by which tests and units speak to each other; pickled, it is only a path.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def set(self, name, text=""):
        """Leave a mark; it is there as a whole or not at all."""
        partial = self.folder / f".{name}.{os.getpid()}"
        partial.write_text(str(text))
        partial.replace(self.folder / name)

    def take(self, name):
        """Take a mark away; whether this was the one who did."""
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def __contains__(self, name):
        return (self.folder / name).exists()

    def wait(self, name):
        """Return the text of a mark as soon as it is there."""
        until(lambda: name in self, f"nobody left the mark {name!r}")
        return (self.folder / name).read_text()

    def count(self, name):
        """Add one to a counter that survives everything."""
        handle = os.open(self.folder / f"count-{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, b".")
        os.close(handle)

    def counted(self, name):
        """Return a counter."""
        return self.counts().get(name, 0)

    def counts(self):
        """Return all counters, also of experiments that were killed before anybody had noted them."""
        return {path.name.removeprefix("count-"): path.stat().st_size for path in self.folder.glob("count-*")}


class Coordinator:
    """A process that runs the research, as the leader of a group like the foreground job of a terminal.

    Parameters
    ----------
    folder : Path
        Its current folder.
    function : callable
        What it does; `KeyboardInterrupt` ends it with 130, other exceptions with 1.
    """

    def __init__(self, folder, function):
        self.output = folder / f"coordinator-{time.monotonic_ns()}.txt"
        self.exit_code = None
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads that other tests have left
            self.pid = os.fork()
        if self.pid == 0:
            self._be(folder, function)

    def _be(self, folder, function):
        code = 1
        try:
            os.setsid()
            os.chdir(folder)
            log = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for fd in (1, 2):
                os.dup2(log, fd)
            sys.stdout, sys.stderr = (os.fdopen(fd, "w", 1, closefd=False) for fd in (1, 2))
            sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
            signal.signal(signal.SIGINT, signal.default_int_handler)
            faulthandler.disable()  # it would write to where the tests do
            function()
            code = 0
        except KeyboardInterrupt:
            code = 130
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    @property
    def text(self):
        """What it has written so far."""
        return self.output.read_text() if self.output.exists() else ""

    def send(self, number):
        """Send a signal to its group, as a terminal does."""
        os.killpg(self.pid, number)

    def kill(self):
        """Kill the coordinator alone, with SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self):
        """Return its exit code, minus the signal that killed it."""
        if self.exit_code is None:
            try:
                until(self.has_ended, "the coordinator did not end")
            except AssertionError:
                os.killpg(self.pid, signal.SIGKILL)
                raise AssertionError(f"hang: the coordinator did not end; it wrote:\n{self.text}") from None
        return self.exit_code

    def has_ended(self):
        """Whether it has ended; never waits."""
        if self.exit_code is not None:
            return True
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.exit_code = os.waitstatus_to_exitcode(status)
        return bool(pid)
