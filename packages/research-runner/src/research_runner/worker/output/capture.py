"""Catch what a process, its C libraries and its children print while a task runs."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any, Final, Self, TextIO

from research_experiment.forks import DEPTH
from research_runner.errors import RunnerError
from research_runner.system.c_library import c_function
from research_runner.system.texts import text_stream
from research_runner.system.transient import is_full
from research_runner.worker.output._delivery import CapturedText, Delivery, Files, Spool, spool_path
from research_runner.worker.output.redirect import STREAMS, Target

DEFAULT_CAP_BYTES = 64 * 2**20
TICK_S, FLOOD_TICK_S = 0.1, 0.01


class OutputCapture:
    r"""Catch the output of one task after the other in this process.

    The spools ``<name>.stdout`` and ``<name>.stderr`` are in the folder, where `recover_output` finds them
    after the death of this process; without one they are temporary files without a name. What exceeds the
    limit of a stream of a task is dropped, and a last line says how much. With `hold` the descriptors stay
    redirected between tasks, until `close`, which makes short tasks cheaper in a process that runs nothing
    else.

    One thread forwards the text while tasks run; it ends with `close`. The spool may exceed the limit by what
    is written within a tenth of a second. Dropped bytes are counted from the size of the spool, so a flood of
    a gigabyte a second is counted too low.

    Examples
    --------
    >>> import os
    >>> from research_runner.worker.output import STDOUT
    >>> with OutputCapture() as capture, capture.task("a1-0", {STDOUT: Target(keep=True)}) as output:
    ...     _ = os.system("echo from a child process")
    >>> output[STDOUT].text.strip()
    'from a child process'
    """

    def __init__(
        self,
        folder: Path | None = None,
        name: str = "worker",
        cap_bytes: int = DEFAULT_CAP_BYTES,
        *,
        hold: bool = False,
    ) -> None:
        self._folder = folder
        self._name = name
        self._cap_bytes = cap_bytes
        self._channels: dict[int, _Channel] = {}
        self._files = Files()
        self._redirection = _Redirection()
        self._hold = hold
        self._label = name
        self._targets: Mapping[int, Target] | None = None
        self._own: Mapping[int, Target] = {}
        self._deliveries: dict[int, Delivery] = {}
        self._active = _Active()
        self._depth = DEPTH[0]
        self._ticker = _Ticker(self._active.forward)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and remove the spools."""
        self._ticker.stop()
        self._redirection.end()
        self._targets = None
        for channel in self._channels.values():
            channel.spool.close()
        self._channels.clear()
        self._files.close()

    @contextmanager
    def task(self, label: str, targets: Mapping[int, Target]) -> Iterator[dict[int, CapturedText]]:
        """Catch the output of a block; the dict that it yields is empty until the block has ended.

        The label names the owner: the id of the experiment, or the name of a task of several. Descriptors
        without a target are left alone.
        """
        captured: dict[int, CapturedText] = {}
        if not targets:
            yield captured
            return
        self.begin(label, targets)
        try:
            yield captured
        finally:
            captured.update(self.end())

    def is_ours(self, fd: int, stream: Any) -> bool:
        """Whether a stream is the one that catches the text of a descriptor now."""
        channel = self._channels.get(fd)
        return channel is not None and channel.text is stream

    def begin(self, label: str, targets: Mapping[int, Target]) -> None:
        """Begin what `task` does in a block."""
        self._depth = DEPTH[0]
        if self._active.deliveries:
            raise RunnerError(
                f"cannot catch the output of {label!r}: another task of this process is running"
            )
        if targets is not self._targets:
            self._lead_to(targets)
        elif self._own:
            self._deliver_late()
        self._label = label
        self._active.deliveries = self._deliveries

    def end(self) -> dict[int, CapturedText]:
        """End what was begun, and return the output; a forked child that gets here owns nothing."""
        if DEPTH[0] != self._depth:
            return {}
        if self._hold:
            self._redirection.pause()
        else:
            self._redirection.end()
            self._targets = None
        return self._active.finish(self._label)

    def _lead_to(self, targets: Mapping[int, Target]) -> None:
        """Lead the descriptors of these targets into spools, whose text goes to the targets."""
        for fd in targets:
            if fd not in self._channels:
                _fill_gaps()
                self._channels[fd] = _Channel(Spool(self._folder, self._name, fd), _open_text(fd))
        self._targets = targets
        self._own = {fd: target for fd, target in targets.items() if target.is_own}
        self._deliver_late()
        self._redirection.begin({fd: self._channels[fd] for fd in targets})
        self._deliveries = {fd: self._delivery(fd, target) for fd, target in targets.items()}
        self._ticker.start()

    def _deliver_late(self) -> None:
        """Keep what processes of earlier tasks still write out of the texts that are a task's own."""
        for fd, target in self._own.items():
            if self._channels[fd].spool.size():
                self._delivery(fd, Target(target.common)).finish(self._name)

    def _delivery(self, fd: int, target: Target) -> Delivery:
        return Delivery(self._channels[fd].spool, target, self._files, self._cap_bytes)


@contextmanager
def capture_fd(
    fd: int,
    *,
    common: Path | None = None,
    separate: Path | None = None,
    cap_bytes: int = DEFAULT_CAP_BYTES,
    label: str = "output",
) -> Iterator[dict[int, CapturedText]]:
    """Catch everything that the block writes to a file descriptor, Python's stream of that name included.

    The text is under `fd` once the block has ended; for `common` and `separate` see `Target`.

    Examples
    --------
    >>> from research_runner.worker.output import STDOUT
    >>> with capture_fd(STDOUT, cap_bytes=8) as output:
    ...     print("12345678 and more")
    >>> print(output[STDOUT].text)
    12345678
    [output: at least 10 more bytes of stdout were dropped, the limit is 8 bytes]
    """
    with (
        OutputCapture(cap_bytes=cap_bytes) as capture,
        capture.task(label, {fd: Target(common, separate, keep=True)}) as captured,
    ):
        yield captured


def recover_output(
    folder: Path, name: str, label: str, targets: Mapping[int, Target], cap_bytes: int = DEFAULT_CAP_BYTES
) -> dict[int, CapturedText]:
    """Deliver the output of a dead worker's last task, and remove its spools; see `OutputCapture.task`."""
    captured = {}
    files = Files()
    for fd in STREAMS:
        if spool_path(folder, name, fd).exists():
            spool = Spool(folder, name, fd)
            text = Delivery(spool, targets.get(fd, Target()), files, cap_bytes).finish(label)
            spool.close()
            if fd in targets:
                captured[fd] = text
    files.close()
    return captured


class _Active:
    """The deliveries of the running task, shared by the thread of the task and that of the ticker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.deliveries: Mapping[int, Delivery] = {}

    def finish(self, label: str) -> dict[int, CapturedText]:
        with self._lock:
            deliveries, self.deliveries = self.deliveries, {}
            return {fd: delivery.finish(label) for fd, delivery in deliveries.items()}

    def forward(self) -> bool:
        with self._lock:
            flooded = [delivery.forward() for delivery in self.deliveries.values()]
        return any(flooded)


class _Ticker:
    """A thread that calls a function ten times a second, and more often as long as that returns True."""

    def __init__(self, function: Callable[[], bool]) -> None:
        self._function = function
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="research-output", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        flooded = False
        while not self._stop.wait(FLOOD_TICK_S if flooded else TICK_S):
            flooded = self._function()


@dataclass(slots=True)
class _Channel:
    """The replacements of a file descriptor and of the Python stream above it."""

    spool: Spool
    text: TextIO


class _Sink(io.FileIO):
    """A file that hides a full disk from its writers: their text is lost, and they continue."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not is_full(error):
                raise
            return memoryview(data).nbytes


def _open_text(fd: int) -> TextIO:
    """Return a text stream on a descriptor; it passes on every line at once and refuses no character."""
    return text_stream(io.BufferedWriter(_Sink(fd, "wb", closefd=False)))


_flush_one: Final = methodcaller("flush")
_how: Final = attrgetter("closed", "encoding", "errors", "line_buffering")
_AS_OPENED: Final = (False, "utf-8", "backslashreplace", True)


class _Redirection:
    """Redirects file descriptors and the Python streams above them, and restores them."""

    def __init__(self) -> None:
        self._channels: Mapping[int, _Channel] = {}
        self._texts: dict[str, TextIO] = {}
        self._names: list[str] = []
        self._before: dict[int, tuple[int, Any]] = {}

    def begin(self, channels: Mapping[int, _Channel]) -> None:
        if self._before and channels.keys() != self._channels.keys():
            self.end()
        self._channels = channels
        self._names = [mark + STREAMS[fd] + mark for fd in channels for mark in ("", "__")]
        if not self._before:
            self._flush()
        for fd in channels:
            if fd not in self._before:
                self._before[fd] = (os.dup(fd), getattr(sys, STREAMS[fd]))
        self._lead()

    def pause(self) -> None:
        """End the text of a task; what a unit has closed is open again before anything else is opened."""
        self._flush()
        vars(sys).update(self._texts)
        self._lead()  # last: an object of a unit may have closed a descriptor as it went

    def _lead(self) -> None:
        """Lead all descriptors into their spools, and the streams of Python above them."""
        for fd, channel in self._channels.items():
            os.dup2(channel.spool.writer, fd)
            try:
                is_as_opened = _how(channel.text) == _AS_OPENED
            except ValueError:  # a unit has detached it
                is_as_opened = False
            if not is_as_opened:
                channel.text = _open_text(fd)
        self._texts = {STREAMS[fd]: channel.text for fd, channel in self._channels.items()}
        vars(sys).update(self._texts)

    def end(self) -> None:
        if not self._before:
            return
        self._flush()
        for fd, (_, text) in self._before.items():
            setattr(sys, STREAMS[fd], text)
        for fd, (saved, _) in self._before.items():
            os.dup2(saved, fd)
            os.close(saved)
        self._before.clear()

    def _flush(self) -> None:
        """Flush Python's streams, the original ones as well, and the buffers of the C library."""
        streams: list[Any] = [*map(vars(sys).get, self._names), *self._texts.values()]
        try:
            list(map(_flush_one, streams))
        except Exception:  # noqa: BLE001 - none, gone, closed; a unit's own class raises anything
            for stream in streams:
                with suppress(Exception):
                    stream.flush()
        flush_c = c_function("fflush")
        if flush_c is not None:
            flush_c(None)


def _fill_gaps() -> None:
    """Open the standard descriptors that are closed, so that none of our files gets such a number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
