"""The parts of the state of a process that are put back for the next task: all of them, and in the docs.

Looking at them costs every task some microseconds, so slow ways are avoided: `signal.getsignal` makes an enum
of each handler, `os.environ` decodes each variable, and limits take a call of the system each.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, ClassVar, TypeAlias

from research_runner.system.limits import resource as _resource
from research_runner.system.own_files import current_umask
from research_runner.worker.output.redirect import STREAMS
from research_runner.worker.script.filters import put_filters

_getsignal: Callable[[int], Any] = importlib.import_module("_signal").getsignal

Glance: TypeAlias = tuple[Callable[[], Any], Any]
"""A call, in C where there is one, and what it gives while nothing has changed."""


class Part(ABC):
    """One part of the state, and what it was when it was made.

    `name` is what messages call it. A part that `may_be_lost` is one that a unit may change so that this
    process cannot put it back, and a fresh one has it again.
    """

    name: ClassVar[str]
    may_be_lost: ClassVar[bool] = False

    def __init__(self) -> None:
        self._kept = self.look()

    @abstractmethod
    def look(self) -> Any:
        """Return what it is now."""

    @abstractmethod
    def put(self, kept: Any, now: Any) -> None:
        """Put back what differs."""

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Release what was needed for that."""

    def restore(self) -> None:
        """Make it what it was."""
        now = self.look()
        if now != self._kept:
            self.put(self._kept, now)

    def glances(self) -> Iterable[Glance]:
        """Return fast looks, with what each gives while there is nothing to restore; by default `restore`."""
        return ((self.restore, None),)

    def adopt(self, before: Any, after: Any) -> None:
        """Keep what has changed between two looks."""
        if after != before:
            self._kept = after

    def adopt_again(self, before: Any, after: Any) -> None:
        """Keep what has changed while a module was imported that the script had imported before."""
        self.adopt(before, after)


class MultiPart(Part):
    """A part with a value for each of its keys."""

    keys: ClassVar[tuple[int, ...]]

    def put(self, kept: Sequence[Any], now: Sequence[Any]) -> None:
        """Restore the values that differ."""
        errors: list[Exception] = []
        for key, old, new in zip(self.keys, kept, now, strict=True):
            if new != old:
                try:
                    self.put_one(key, old, new)
                except (ValueError, OSError) as error:  # the others are put back all the same
                    errors.append(error)
        if errors:
            raise errors[0]

    @abstractmethod
    def put_one(self, key: int, kept: Any, now: Any) -> None:
        """Put back the value of one key."""

    def adopt(self, before: Sequence[Any], after: Sequence[Any]) -> None:
        """Keep values that have changed between two looks."""
        triples = zip(self._kept, before, after, strict=True)
        self._kept = tuple(kept if new == old else new for kept, old, new in triples)


class _RecursionLimit(Part):
    name = "the recursion limit"

    def look(self) -> int:
        return sys.getrecursionlimit()

    def glances(self) -> Iterable[Glance]:
        return ((sys.getrecursionlimit, self._kept),)

    def put(self, kept: int, _: int) -> None:
        sys.setrecursionlimit(kept)


_LIMITS = {
    getattr(_resource, f"RLIMIT_{name}"): f"RLIMIT_{name}"
    for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "STACK")
    if hasattr(_resource, f"RLIMIT_{name}")
}
_are_limits_safe = partial(sys.modules.keys().isdisjoint, ("resource", "psutil"))


class _Limits(MultiPart):
    """Resource limits, which can only change if a module that sets them was imported."""

    name = "a resource limit"
    may_be_lost = True
    keys = tuple(_LIMITS)

    def look(self) -> tuple[tuple[int, int], ...]:
        return tuple(map(_resource.getrlimit, self.keys))

    def glances(self) -> Iterable[Glance]:
        return ((_are_limits_safe, True),) if _are_limits_safe() else super().glances()

    def put_one(self, key: int, kept: tuple[int, int], now: tuple[int, int]) -> None:
        try:
            _resource.setrlimit(key, kept)
        except (ValueError, OSError) as error:  # only root can raise a hard limit that was lowered
            _resource.setrlimit(key, (now[1], now[1]))
            raise OSError(f"the hard limit of {_LIMITS[key]} was lowered to {now[1]}") from error


_ALARM = getattr(signal, "SIGALRM", 0)
_REAL_TIME = getattr(signal, "SIGRTMIN", signal.NSIG)  # twice as many, and hardly ever used


class _SignalHandlers(MultiPart):
    """Handlers of signals, and the timers that send them: one that is left would kill without its handler."""

    name = "the handler of a signal"
    keys = tuple(number for number in sorted(signal.valid_signals()) if number < _REAL_TIME)

    def __init__(self) -> None:
        super().__init__()
        self._timers = {number: timer for number, timer in _timers() if not signal.getitimer(timer)[0]}

    def look(self) -> tuple[Any, ...]:
        return tuple(map(_getsignal, self.keys))

    def restore(self) -> None:
        if _ALARM in self._timers:
            signal.alarm(0)
        super().restore()

    def glances(self) -> Iterable[Glance]:
        end_alarm = ((partial(signal.alarm, 0), 0),) if _ALARM in self._timers else ()
        return (*end_alarm, (self.look, self._kept))

    def put_one(self, key: int, kept: Any, _: Any) -> None:
        if key in self._timers:
            signal.setitimer(self._timers[key], 0)
        if kept is not None:  # one that was set in C cannot be read
            signal.signal(key, kept)


def _timers() -> Iterator[tuple[int, int]]:
    """Yield signals and the timers that send them; there are none on Windows."""
    for signal_name, timer in (("SIGALRM", "REAL"), ("SIGVTALRM", "VIRTUAL"), ("SIGPROF", "PROF")):
        if hasattr(signal, signal_name):
            yield getattr(signal, signal_name), getattr(signal, f"ITIMER_{timer}")


class _Directory(Part):
    name = "the working directory"

    def look(self) -> str | None:
        try:
            return os.getcwd()  # noqa: PTH109 - a text is enough
        except OSError:  # it was removed
            return None

    def glances(self) -> Iterable[Glance]:
        return ((os.getcwd, self._kept),)

    def put(self, kept: str | None, _: str | None) -> None:
        if kept is not None:
            os.chdir(kept)


class _Environment(Part):
    name = "the environment"

    def __init__(self) -> None:
        self._environ = os.environ
        super().__init__()

    def look(self) -> dict[Any, Any]:
        return dict(vars(self._environ)["_data"])

    def restore(self) -> None:
        if self._put_object() != self._kept:
            self.put(self._kept, self.look())

    def glances(self) -> Iterable[Glance]:
        return ((self._put_object, self._kept),)

    def _put_object(self) -> Any:
        """Put the object back, in whose place a unit may have put another one, and return what it holds."""
        os.environ = self._environ  # noqa: B003
        return vars(self._environ)["_data"]

    def put(self, kept: dict[Any, Any], now: dict[Any, Any]) -> None:
        environ = self._environ
        for key in now.keys() - kept.keys():
            del environ[environ.decodekey(key)]
        for key, value in kept.items():
            if now.get(key) != value:
                environ[environ.decodekey(key)] = environ.decodevalue(value)
        if now.get(b"TZ") != kept.get(b"TZ") and hasattr(time, "tzset"):
            time.tzset()  # the zone lasts until somebody looks at the variable again

    def adopt(self, before: dict[Any, Any], after: dict[Any, Any]) -> None:
        for key in before.keys() - after.keys():
            self._kept.pop(key, None)
        self._kept.update({key: value for key, value in after.items() if before.get(key) != value})


class _Umask(Part):
    name = "the umask"

    def look(self) -> int:
        return current_umask()

    def glances(self) -> Iterable[Glance]:
        return ((partial(os.umask, self._kept), self._kept),)

    def put(self, kept: int, _: int) -> None:
        os.umask(kept)


class WarningFilters(Part):
    """Warning filters; those of modules of the script are part of the inherited ones."""

    name = "the filters of warnings"

    def look(self) -> list[Any]:
        """Return the filters."""
        return list(warnings.filters)

    def glances(self) -> Iterable[Glance]:
        """Compare them without a copy."""
        return ((partial(vars(warnings).get, "filters"), self._kept),)

    def put(self, kept: list[Any], _: list[Any]) -> None:
        """Put them back."""
        put_filters(kept)

    def adopt(self, before: list[Any], after: list[Any]) -> None:
        """Keep what was added between two looks, in front if it was put there."""
        added = [each for each in after if each not in before]
        old = [each for each in self._kept if each in after or each not in before]
        first = next((index for index, each in enumerate(after) if each in before), len(after))
        front = [each for each in after[:first] if each not in old]
        self._kept = front + old + [each for each in added if each not in front and each not in old]

    def adopt_again(self, before: list[Any], after: list[Any]) -> None:
        """Keep nothing: what the module did to the filters is among those of the script."""
        if after != before:
            put_filters(before)


class _SocketTimeout(Part):
    name = "the default timeout of sockets"

    def look(self) -> float | None:
        return socket.getdefaulttimeout()

    def glances(self) -> Iterable[Glance]:
        return ((socket.getdefaulttimeout, self._kept),)

    def put(self, kept: float | None, _: float | None) -> None:
        socket.setdefaulttimeout(kept)


class _Streams(Part):
    """Standard streams: Python's objects, and the file descriptors below them.

    Objects come first, because one of a unit may close a descriptor when it is deleted. Of
    descriptors that are caught only the objects are put back, unless they are those of the capture.
    """

    name = "the standard streams"

    def __init__(self, fds: tuple[int, ...], own_process: bool, is_ours: Callable[[int, Any], bool]) -> None:
        self._own_process = own_process
        self._is_ours = is_ours
        super().__init__()
        self._ours = self._kept  # those that were there the last time, be they kept or of the capture
        streams = dict(zip(STREAMS, self._kept, strict=True))
        self._saved = {fd: os.dup(fd) for fd in fds if _is_on(streams[fd], fd)}
        self._how = {
            fd: {name: getattr(streams[fd], name, None) for name in ("encoding", "errors")} for fd in fds
        }

    def look(self) -> tuple[Any, ...]:
        return tuple([getattr(sys, name, None) for name in STREAMS.values()])

    def restore(self) -> None:
        if sys.stdout is not self._ours[0] or sys.stderr is not self._ours[1]:
            self._restore_objects()
        if self._saved:
            self._restore_descriptors()

    def glances(self) -> Iterable[Glance]:
        streams = itemgetter(*STREAMS.values())
        return super().glances() if self._saved else ((partial(streams, vars(sys)), self._ours),)

    def _restore_objects(self) -> None:
        for index, (fd, name) in enumerate(STREAMS.items()):
            now = getattr(sys, name, None)
            if now is not self._kept[index] and not self._is_ours(fd, now):
                del now  # nothing here may hold those of a unit any longer
                self.put(self._kept, self.look())
                return
        self._ours = self.look()

    def _restore_descriptors(self) -> None:
        for fd, saved in self._saved.items():
            if self._own_process or not _is_open(fd):
                os.dup2(saved, fd)
        usable = tuple(map(self._usable, STREAMS, self._kept))
        if usable != self._kept:
            self._kept = usable
            self.put(usable, usable)

    def _usable(self, fd: int, stream: Any) -> Any:
        if fd not in self._saved or is_usable(stream):
            return stream
        return open(fd, "w", buffering=1, closefd=False, **self._how[fd])

    def put(self, kept: tuple[Any, ...], now: tuple[Any, ...]) -> None:
        for name, old, new in zip(STREAMS.values(), kept, now, strict=True):
            if new is not old:
                with contextlib.suppress(Exception):  # a unit's own class of streams raises anything
                    new.flush()
            setattr(sys, name, old)

    def adopt(self, before: Any, after: Any) -> None:
        """Keep them, also if an import has put others in their place."""

    def close(self) -> None:
        for saved in self._saved.values():
            os.close(saved)


def is_usable(stream: Any) -> bool:
    """Whether a stream is neither closed nor detached from what is below it."""
    try:
        return not stream.closed
    except ValueError:
        return False


def _is_on(stream: Any, fd: int) -> bool:
    try:
        return bool(stream.fileno() == fd)
    except (AttributeError, OSError, ValueError):  # none, in memory, closed
        return False


def _is_open(fd: int) -> bool:
    try:
        os.get_inheritable(fd)
    except OSError:
        return False
    return True


def of_nobody(fd: int, stream: Any) -> bool:
    """Return False: no stream is that of a capture."""
    return False


def all_parts(
    *, own_process: bool, streams: tuple[int, ...], is_ours: Callable[[int, Any], bool] = of_nobody
) -> tuple[Part, ...]:
    """Return all parts, as they are now; `own_process` says whether the process runs nothing but tasks.

    Of the standard streams these descriptors are among them; those that are caught are dealt with by the
    capture, which knows which stream of a descriptor is its own.
    """
    kinds = (
        _RecursionLimit,  # first: a low one stands in the way of all the rest
        _Limits,
        _SignalHandlers,
        _Directory,
        _Environment,
        _Umask,
        WarningFilters,
        _SocketTimeout,
    )
    return (*(kind() for kind in kinds), _Streams(streams, own_process, is_ours))
