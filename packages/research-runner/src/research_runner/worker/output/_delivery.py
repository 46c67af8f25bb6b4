"""Copy text from a spool, a plain file that writers append to, to its targets."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from research_domain.texts import decode_text
from research_experiment.careful_logging import careful_logger
from research_runner.system.own_files import open_own
from research_runner.worker.output.redirect import STREAMS, Target

logger = careful_logger("research.output")

CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class CapturedText:
    """The output of one stream of one task."""

    text: str  # the text if the target keeps it, with a last line about dropped bytes
    dropped_bytes: int  # bytes above the limit; counted too low under floods


_NOTHING = CapturedText("", 0)


class Delivery:
    """Copies the text of one stream, of one task after the other, from the spool to its targets."""

    def __init__(self, spool: Spool, target: Target, files: Files, cap_bytes: int) -> None:
        self._spool = spool
        self._target = target
        self._files = files
        self._cap_bytes = cap_bytes
        self._begin()

    def _begin(self) -> None:
        self._done = self._spool.position()
        self._dropped = 0
        self._line_open = False

    def forward(self, *, final: bool = False) -> bool:
        """Copy the text that has come since the last call: whole lines, and in the end the rest.

        Returns
        -------
        bool
            Whether bytes were dropped.
        """
        dropped = self._dropped
        while self._done < (size := self._enforce_cap()):
            chunk = self._spool.read(self._done, min(size, self._done + CHUNK_BYTES))
            lines = chunk if final or len(chunk) == CHUNK_BYTES else chunk[: chunk.rfind(b"\n") + 1]
            if not lines:
                break
            self._deliver(lines)
            self._done += len(lines)
            self._spool.set_position(self._done)
        return self._dropped > dropped

    def finish(self, label: str) -> CapturedText:
        """Copy the rest, empty the spool, and be ready for the next task; the label names this one."""
        if not self._spool.size() and not self._dropped:
            if self._done:  # what was forwarded has been removed from the spool
                self._spool.set_position(0)
                self._begin()
            return _NOTHING
        self.forward(final=True)
        note = self._note(label)
        text = self._spool.read(0, self._done) + note if self._target.keep else b""
        if self._done or self._dropped:
            self._end(note)
        captured = CapturedText(decode_text(text), self._dropped)
        self._begin()
        return captured

    def _enforce_cap(self) -> int:
        """Cut the spool at the limit and return its size."""
        size = self._spool.size()
        self._done = min(self._done, size)  # opening /dev/stdout for writing empties the spool
        if size > self._cap_bytes:
            self._dropped += size - self._cap_bytes
            self._spool.truncate(self._cap_bytes)
        return min(size, self._cap_bytes)

    def _note(self, label: str) -> bytes:
        if not self._dropped:
            return b""
        note = (
            f"[{label}: at least {self._dropped} more bytes of {self._spool.stream} were dropped, "
            f"the limit is {self._cap_bytes} bytes]\n"
        )
        return b"\n" * self._line_open + note.encode()

    def _end(self, note: bytes) -> None:
        if self._target.common is not None:
            self._files.append(self._target.common, note or b"\n" * self._line_open)
        if self._target.separate is not None:
            self._files.append(self._target.separate, note)
            self._files.close(self._target.separate)
        self._spool.truncate(0)
        self._spool.set_position(0)

    def _deliver(self, lines: bytes) -> None:
        for path in (self._target.common, self._target.separate):
            if path is not None:
                self._files.append(path, lines)
        self._line_open = not lines.endswith(b"\n")


class Spool:
    """A file that output is written to, with the position up to which it has been forwarded."""

    def __init__(self, folder: Path | None, name: str, fd: int) -> None:
        self.stream = STREAMS[fd]
        self._paths: tuple[Path, ...] = ()
        if folder is None:
            handle, made = tempfile.mkstemp(prefix="research-output-")
            os.close(handle)
            self.writer, self._control = _open_twice(Path(made))
            self._position: int | None = None
            try:
                Path(made).unlink()
            except PermissionError:  # pragma: no cover  # a system that does not remove open files
                self._paths = (Path(made),)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            path = spool_path(folder, name, fd)
            beside = path.with_name(path.name + ".position")
            self._paths = (path, beside)
            self.writer, self._control = _open_twice(path)
            self._position = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        self.size: Final = partial(os.lseek, self._control, 0, os.SEEK_END)
        self._known = 0 if self._position is None else int.from_bytes(os.read(self._position, 8), "little")

    def read(self, start: int, stop: int) -> bytes:
        os.lseek(self._control, start, os.SEEK_SET)
        parts = []
        while start < stop and (part := os.read(self._control, stop - start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._control, size)

    def position(self) -> int:
        return self._known

    def set_position(self, position: int) -> None:
        self._known = position
        if self._position is not None:
            with contextlib.suppress(OSError):  # a full disk: it only matters if this process dies
                os.lseek(self._position, 0, os.SEEK_SET)
                os.write(self._position, position.to_bytes(8, "little"))

    def close(self) -> None:
        for fd in (self.writer, self._control, self._position):
            if fd is not None:
                os.close(fd)
        for path in self._paths:
            path.unlink(missing_ok=True)


class Files:
    """Files that are appended to, each opened when its first text comes."""

    def __init__(self) -> None:
        self._fds: dict[Path, int | None] = {}

    def append(self, path: Path, data: bytes) -> None:
        """Append data, in one piece where the system can; a file that cannot be written is given up."""
        if not data:
            return
        try:
            if path not in self._fds:
                self._fds[path] = None
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fds[path] = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            fd = self._fds[path]
            while data and fd is not None:
                data = data[os.write(fd, data) :]
        except OSError as error:
            logger.warning("output is lost, %s cannot be written: %s", path, error)
            self.close(path)
            self._fds[path] = None

    def close(self, *paths: Path) -> None:
        """Close some files, or all."""
        for path in paths or tuple(self._fds):
            fd = self._fds.pop(path, None)
            if fd is not None:
                os.close(fd)


def spool_path(folder: Path, name: str, fd: int) -> Path:
    return folder / f"{name}.{STREAMS[fd]}"


def _open_twice(path: Path) -> tuple[int, int]:
    """Open a file twice: for writers, which can only append, and for reading."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), os.open(path, os.O_RDWR)
