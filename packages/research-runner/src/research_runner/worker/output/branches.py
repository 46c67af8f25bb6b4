"""Output of experiments that share a process, told apart by the context in which Python code prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Protocol

from research_experiment.capture import Streams
from research_runner.system.texts import append_text
from research_runner.system.transient import is_full
from research_runner.worker.output.capture import DEFAULT_CAP_BYTES
from research_runner.worker.output.redirect import STDERR, STDOUT, STREAMS, Redirect


class _Target(Protocol):
    def append(self, text: str) -> None: ...


class _File:
    """A file that is made when the first text comes; text that a full disk refuses is lost."""

    def __init__(self, path: Callable[[], Path]) -> None:
        self._path = path

    def append(self, text: str) -> None:
        try:
            append_text(self._path(), text)
        except OSError as error:
            if not is_full(error):
                raise


class _Text:
    """A text in memory."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def append(self, text: str) -> None:
        self.pieces.append(text)


class _Stream:
    """Passes whole lines on to its targets, up to a limit."""

    def __init__(self, targets: Callable[[], Sequence[_Target]], lock: Lock, cap_bytes: int) -> None:
        self._make_targets = targets
        self._targets: Sequence[_Target] | None = None  # made when the first text comes
        self._lock = lock
        self._left_bytes = cap_bytes
        self._line = ""

    def write(self, text: str) -> int:
        self._line += text
        if "\n" in text:
            lines, _, self._line = self._line.rpartition("\n")
            self._pass_on(lines + "\n")
        elif len(self._line) > self._left_bytes:
            self.finish()
        return len(text)

    def flush(self) -> None:
        """Do nothing: whole lines are passed on as they come, the rest at the end."""

    def finish(self) -> None:
        """Pass on a last line that does not end in a newline."""
        rest, self._line = self._line, ""
        if rest:
            self._pass_on(rest)

    def _pass_on(self, text: str) -> None:
        if self._left_bytes <= 0:
            return
        if len(text) > self._left_bytes:
            text = text[: self._left_bytes] + "\n[the limit of output was reached; the rest was dropped]\n"
            self._left_bytes = 0
        self._left_bytes -= len(text)
        if self._targets is None:
            self._targets = self._make_targets()
        with self._lock:
            for target in self._targets:
                target.append(text)


class BranchCapture:
    """Gives each branch of a task its own streams; output of the root goes to all branches.

    The limit is one of characters, for each stream of each experiment. Without a folder, separate texts are
    kept and returned by :meth:`finish`.
    """

    def __init__(
        self,
        redirects: Mapping[int, Redirect],
        folder: Path | None,
        path_of: Callable[[str], Path],
        cap_bytes: int = DEFAULT_CAP_BYTES,
    ) -> None:
        self._redirects = redirects
        self._folder = folder
        self._path_of = path_of
        self._cap_bytes = cap_bytes
        self._lock = Lock()
        self._streams: list[_Stream] = []
        self._texts: dict[tuple[str, int], _Text] = {}

    def streams(self, experiment_ids: tuple[str, ...]) -> Streams:
        """Return the streams of an experiment, or of the root of several."""
        return Streams(self._stream(STDOUT, experiment_ids), self._stream(STDERR, experiment_ids))

    def _stream(self, fd: int, experiment_ids: tuple[str, ...]) -> _Stream | None:
        redirect = self._redirects.get(fd)
        if not redirect:
            return None
        targets = partial(self._targets, fd, redirect, experiment_ids)
        self._streams.append(stream := _Stream(targets, self._lock, self._cap_bytes))
        return stream

    def _targets(self, fd: int, redirect: Redirect, experiment_ids: tuple[str, ...]) -> list[_Target]:
        targets: list[_Target] = []
        if redirect.common and self._folder is not None:
            folder = self._folder
            targets.append(_File(lambda: folder / f"{STREAMS[fd]}.txt"))
        if redirect.separate:
            targets.extend(self._separate(fd, experiment_id) for experiment_id in experiment_ids)
        return targets

    def _separate(self, fd: int, experiment_id: str) -> _Target:
        if self._folder is None:
            return self._texts.setdefault((experiment_id, fd), _Text())
        return _File(lambda: self._path_of(experiment_id) / f"{STREAMS[fd]}.txt")

    def finish(self) -> dict[tuple[str, int], str]:
        """Pass on incomplete last lines; return the texts in memory, by experiment and file descriptor."""
        for stream in self._streams:
            stream.finish()
        texts = {key: "".join(text.pieces) for key, text in self._texts.items()}
        return {key: text for key, text in texts.items() if text}
