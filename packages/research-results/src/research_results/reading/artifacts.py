"""Files that experiments left in their folders."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from research_results.disk.files import is_own_file, is_own_folder
from research_results.disk.outputs import OWN_FILES
from research_results.reading.source import Source


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
    """Return what an experiment left, by name.

    Links that lead out of its folder or nowhere, pipes and devices are left out.
    """
    folder = source.folder(experiment_id)
    if folder is None:
        return []
    base = source.path or folder.parent
    return [
        Artifact(path.name, str(path), path.relative_to(base).as_posix())
        for path in sorted(folder.iterdir())
        if path.name not in OWN_FILES and (names is None or path.name in names) and _inside(path, folder)
    ]


def _inside(path: Path, folder: Path) -> bool:
    """Tell whether a path is a file or a folder, or a link to one that does not lead out."""
    if not path.is_symlink():
        return is_own_file(path) or is_own_folder(path)
    target = Path(os.path.realpath(path))  # of links in a loop this is one of them
    return target.is_relative_to(os.path.realpath(folder)) and (is_own_file(target) or is_own_folder(target))
