"""Standard output and error of experiments: text files in a folder, strings in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from research_results.disk.files import append_text, is_own_file, is_own_folder, read_text
from research_results.disk.names import folder_name
from research_results.disk.sqlite_errors import translating

OWN_FILES = ("experiment.log",)
"""What in an experiment's folder is ours and no artifact."""


class MemoryOutputs:
    """Keep output as pieces of text."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str | None, str], list[str]] = {}

    def append(self, experiment_id: str | None, stream: str, text: str) -> None:
        """Append text to a stream of an experiment, or with None of the research."""
        self._pieces.setdefault((experiment_id, stream), []).append(text)

    def view(self, stream: str, ids: Callable[[], Iterable[str]]) -> Mapping[str, str]:
        """Return a dictionary from experiment to output."""
        known = set(ids())
        return {
            experiment_id: "".join(pieces)
            for (experiment_id, name), pieces in self._pieces.items()
            if name == stream and experiment_id is not None and experiment_id in known
        }


class FolderOutputs:
    """Keep output as experiments/<id>/stdout.txt, and that of the research as stdout.txt beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, experiment_id: str | None, stream: str, text: str) -> None:
        """Append text to a stream of an experiment, or with None of the research."""
        path = self._file(experiment_id, stream)
        with translating(self._folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            append_text(path, text)

    def view(self, stream: str, ids: Callable[[], Iterable[str]]) -> Mapping[str, str]:
        """Return a mapping that reads a file when asked for it."""
        return _Files(lambda experiment_id: self._readable(experiment_id, stream), ids)

    def _readable(self, experiment_id: str, stream: str) -> Path | None:
        """Return the file of an experiment if there is one, and it is no way out of the folder."""
        path = self._file(experiment_id, stream)
        folders = (self._folder / "experiments", path.parent)
        return path if all(map(is_own_folder, folders)) and is_own_file(path) else None

    def _file(self, experiment_id: str | None, stream: str) -> Path:
        folder = self._folder
        if experiment_id is not None:
            folder = folder / "experiments" / folder_name(experiment_id)
        return folder / f"{stream}.txt"


class _Files(Mapping[str, str]):
    """Experiment → the text of its file; experiments without a file are missing."""

    def __init__(self, file: Callable[[str], Path | None], ids: Callable[[], Iterable[str]]) -> None:
        self._file = file
        self._ids = ids

    def __getitem__(self, experiment_id: str) -> str:
        path = self._file(experiment_id)
        if path is None:
            raise KeyError(experiment_id)
        with translating(path.parent):
            return read_text(path)

    def __iter__(self) -> Iterator[str]:
        return (experiment_id for experiment_id in self._ids() if self._file(experiment_id) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


Outputs: TypeAlias = MemoryOutputs | FolderOutputs
"""Where output goes."""
