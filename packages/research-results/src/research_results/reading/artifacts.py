"""Files that experiments left in their folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from research_results.disk.outputs import OUTPUT_FILES

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from research_results.reading.source import Source

__all__ = ["Artifact", "artifacts_of"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or a folder in the folder of an experiment.

    Attributes
    ----------
    name : str
        Its name there.
    full_path : str
        Path that begins with the folder of the research as it was given.
    relative_path : str
        Path inside of the folder of the research.
    """

    name: str
    full_path: str
    relative_path: str


def artifacts_of(source: Source, experiment_id: str, names: Collection[str] | None) -> list[Artifact]:
    """Return what an experiment left, by name; links that lead out of its folder are left out."""
    folder = source.folder(experiment_id)
    if folder is None:
        return []
    base = source.path or folder.parent
    return [
        Artifact(path.name, str(path), path.relative_to(base).as_posix())
        for path in sorted(folder.iterdir())
        if path.name not in OUTPUT_FILES and (names is None or path.name in names) and _inside(path, folder)
    ]


def _inside(path: Path, folder: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
