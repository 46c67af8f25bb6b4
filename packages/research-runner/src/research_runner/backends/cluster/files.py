"""Files of experiments between hosts that share no file system: collected there, written here."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from research_runner.backends.cluster.messages import CHUNK_BYTES
from research_runner.scheduling.tasks import Task
from research_runner.system.texts import read_text, write_text
from research_runner.worker.capturing import task_label


class Probe:
    """A file with a secret in the folder of a research: a worker that finds it sees that folder."""

    def __init__(self, root: Path, token: str) -> None:
        self._path = root / f".seen-by-workers-{token}"
        self._token = token

    def write(self) -> None:
        """Make the file, and the folder if need be."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, self._token)

    def is_seen(self) -> bool:
        """Whether the file is there, with its content, and files can be made beside it."""
        try:
            return read_text(self._path) == self._token and os.access(self._path.parent, os.W_OK)
        except OSError:
            return False

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._path.unlink()


class FileChunk(NamedTuple):
    """A part of a file, by its path below the root; a `new` one begins the file anew."""

    path: str
    new: bool
    data: bytes


class FileSync:
    """The files below a scratch folder, of which each travels once.

    ``experiments/<id>`` and ``output/<task>`` travel as whole files; what lies beside them belongs to all
    tasks and travels as it grows.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._sent: dict[Path, tuple[int, int]] = {}
        self._grown: dict[Path, int] = {}

    def of_experiment(self, experiment_id: str) -> Iterator[FileChunk]:
        """Yield the files of an experiment that has ended; they stay where they are."""
        yield from self._whole(self._scratch / "experiments" / experiment_id)

    def of_task(self, task: Task) -> Iterator[FileChunk]:
        """Yield the remaining files of a task that has ended, and remove them."""
        folders = [self._scratch / "experiments" / spec.identity.id for spec in task.experiments]
        for folder in (*folders, self._scratch / "output" / task_label(task)):
            yield from self._whole(folder)
            self._forget(folder)
        yield from self._common()

    def everything(self) -> Iterator[FileChunk]:
        """Yield all that is left, and remove it."""
        for name in ("experiments", "output"):
            yield from self._whole(self._scratch / name)
            self._forget(self._scratch / name)
        yield from self._common()

    def _whole(self, folder: Path) -> Iterator[FileChunk]:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                status = os.fstat(file.fileno())
                state = status.st_size, status.st_mtime_ns
                if self._sent.get(path) != state:
                    self._sent[path] = state
                    yield from self._chunks(path, iter(lambda: file.read(CHUNK_BYTES), b""), new=True)

    def _common(self) -> Iterator[FileChunk]:
        for path in sorted(self._scratch.iterdir()):
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(self._grown.get(path, 0))
                    yield from self._chunks(path, iter(lambda: file.read(CHUNK_BYTES), b""), new=False)
                    self._grown[path] = file.tell()

    def _chunks(self, path: Path, chunks: Iterable[bytes], new: bool) -> Iterator[FileChunk]:
        name = path.relative_to(self._scratch).as_posix()
        if new:
            yield FileChunk(name, True, b"")
        for chunk in chunks:
            yield FileChunk(name, False, chunk)

    def _forget(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._sent = {path: state for path, state in self._sent.items() if not path.is_relative_to(folder)}


def write_chunk(root: Path, chunk: FileChunk) -> None:
    """Write a chunk below the root; `ValueError` if its path leads out of it."""
    path = PurePosixPath(chunk.path)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"a worker sent a file that would lie outside of the research: {chunk.path!r}")
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb" if chunk.new else "ab") as file:
        file.write(chunk.data)
