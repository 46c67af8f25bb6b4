"""Catching what experiments print, each for itself, also when they run in threads.

While an executor with a capture runs, ``sys.stdout`` and ``sys.stderr`` are one routing stream each, which
looks up where the current context writes. Code that runs outside of any experiment sees no difference.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Protocol, TextIO

from research_domain.texts import decode_text

__all__ = ["ROUTING", "Capture", "Streams", "TextCapture", "TextStream", "activate", "captured"]


class TextStream(Protocol):
    """The part of a text file that printing needs."""

    def write(self, text: str, /) -> Any:
        """Take over a text."""

    def flush(self) -> Any:
        """Pass on what has been taken over."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Where an experiment prints; None leaves a stream as it is outside.

    Parameters
    ----------
    stdout, stderr : TextStream or None
        Text files, or anything with ``write`` and ``flush``.
    """

    stdout: TextStream | None = None
    stderr: TextStream | None = None


class Capture(Protocol):
    """Gives each experiment its streams.

    Notes
    -----
    The executor asks once for each branch, and once for the root, before the first unit runs. The streams
    belong to the capture: the executor writes and flushes, but never closes them. A branch writes from one
    thread, but streams of different experiments are written at the same time; what they share must be safe
    for that.
    """

    def streams(self, experiment_ids: tuple[str, ...]) -> Streams:
        """Return the streams of an experiment, or of the root of several.

        Parameters
        ----------
        experiment_ids : tuple of str
            One id for a branch; for the root, the ids of all branches that share it.
        """


class TextCapture:
    r"""Keeps what experiments print as texts; what the root prints is kept for each branch.

    Attributes
    ----------
    stdout, stderr : dict
        Experiment id → text so far.

    Examples
    --------
    >>> from research_experiment import Executor, Experiment
    >>> capture = TextCapture()
    >>> executor = Executor(Experiment().add_callable('hello', print, args=['hello']), capture=capture).run()
    >>> capture.stdout[executor.experiments[0].id]
    'hello\n'
    """

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], io.StringIO] = {}

    def streams(self, experiment_ids: tuple[str, ...]) -> Streams:
        """Return streams that write for all these experiments."""
        return Streams(
            *(_Tee([self._file(name, i) for i in experiment_ids]) for name in ("stdout", "stderr"))
        )

    def _file(self, name: str, experiment_id: str) -> io.StringIO:
        return self._files.setdefault((name, experiment_id), io.StringIO())

    def _texts(self, wanted: str) -> Mapping[str, str]:
        return {
            experiment_id: file.getvalue()
            for (name, experiment_id), file in self._files.items()
            if name == wanted
        }

    @property
    def stdout(self) -> Mapping[str, str]:
        """Experiment id → what it has printed."""
        return self._texts("stdout")

    @property
    def stderr(self) -> Mapping[str, str]:
        """Experiment id → what it has written to standard error."""
        return self._texts("stderr")


class _Tee:
    """Writes to several files."""

    __slots__ = ("_files",)

    def __init__(self, files: list[io.StringIO]) -> None:
        self._files = files

    def write(self, text: str) -> int:
        for file in self._files:
            file.write(text)
        return len(text)

    def flush(self) -> None:
        for file in self._files:
            file.flush()


_CURRENT: ContextVar[Streams] = ContextVar("research_experiment_streams")
_NOWHERE = Streams()


def activate(streams: Streams) -> None:
    """Make the current context write there; what a stream leaves open stays with the outer experiment."""
    outer = _CURRENT.get(_NOWHERE)
    if outer is not _NOWHERE:
        stdout, stderr = streams.stdout, streams.stderr
        streams = Streams(
            outer.stdout if stdout is None else stdout, outer.stderr if stderr is None else stderr
        )
    _CURRENT.set(streams)


def captured(name: str) -> TextStream | None:
    """Return the stream that the experiment of this context prints to, None if it prints as all others.

    Parameters
    ----------
    name : {'stdout', 'stderr'}
        Which one.
    """
    stream: TextStream | None = getattr(_CURRENT.get(_NOWHERE), name)
    return stream


class _Router(io.TextIOBase):
    """Replaces ``sys.stdout`` or ``sys.stderr`` and writes to the stream of the current context."""

    def __init__(self, name: str, original: TextIO) -> None:
        self._name = name
        self.original = original

    @property
    def _target(self) -> Any:
        stream = captured(self._name)
        return self.original if stream is None else stream

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        target = self._target
        if target is not None:  # a program without a console has none
            target.write(text)
        return len(text)

    def flush(self) -> None:
        target = self._target
        if target is not None:
            target.flush()

    def close(self) -> None:
        """Do nothing: a unit that closes its standard output must not close everybody's."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(getattr(self._target, "isatty", bool)())

    def fileno(self) -> int:
        if not hasattr(self._target, "fileno"):
            raise io.UnsupportedOperation("fileno")
        return int(self._target.fileno())

    @property
    def buffer(self) -> Any:
        buffer = getattr(self._target, "buffer", None)
        return _Bytes(self) if buffer is None else buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._target, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self._target, "errors", None)


class _Bytes(io.RawIOBase):
    """The binary buffer of a text stream: decodes bytes and writes them as text."""

    def __init__(self, stream: _Router) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        text = bytes(data)
        self._stream.write(decode_text(text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


class _Routing:
    """Routes standard streams: routers are put in place for the first user, and go after the last one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._routers: dict[str, _Router] = {}

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._routers = {name: self._put(name) for name in ("stdout", "stderr")}

    @staticmethod
    def _put(name: str) -> _Router:
        current = getattr(sys, name)
        if isinstance(current, _Router):  # left behind by somebody who had replaced and restored it
            return current
        router = _Router(name, current)
        setattr(sys, name, router)
        return router

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            for name, router in self._routers.items():
                if getattr(sys, name) is router:
                    setattr(sys, name, router.original)
            self._routers = {}


ROUTING: Final = _Routing()
"""For ``with`` around whatever captures something."""
