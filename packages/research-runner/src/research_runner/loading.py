"""Researches of the past: opening their results, and removing them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research_runner.errors import NotAResearchError
from research_runner.storages import find_storage

__all__ = ["LoadedResearch", "remove_research"]

_MARK = "research.json"


class LoadedResearch:
    """A research that was run before; nothing of its code is needed or run.

    Parameters
    ----------
    name : str
        Name of its folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._reader = find_storage("folder").read(Path(name))

    @property
    def results(self) -> Any:
        """A reader of the results; ``results.df`` is the table."""
        return self._reader

    @property
    def meta(self) -> Mapping[str, Any]:
        """Options, entropy and times of the run."""
        return self._reader.meta  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"LoadedResearch({self.name!r})"


def remove_research(name: str, *, ask: bool, force: bool) -> None:
    """Delete the folder of a research; see :meth:`Research.remove`."""
    path = Path(name)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no research {name!r}: the folder {str(path.absolute())!r} does not exist"
        )
    if not force and (path.is_symlink() or not (path / _MARK).is_file()):
        raise NotAResearchError(str(path))
    if ask and input(f"Delete {str(path.absolute())!r} with all results? [y/N] ").strip().lower() not in (
        "y",
        "yes",
    ):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
