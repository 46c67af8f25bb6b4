"""Where the folder of a research is."""

from __future__ import annotations

import os
from pathlib import Path

from research_runner.errors import OptionError

__all__ = ["absolute_path"]


def absolute_path(name: str | os.PathLike[str]) -> Path:
    """Return the absolute path of the folder of a research.

    Raises
    ------
    OptionError
        If the name is relative to a working directory that has been removed.
    """
    try:
        return Path(name).absolute()
    except FileNotFoundError:
        raise OptionError(
            "name", f"{os.fspath(name)!r} is relative to a directory that was removed; give an absolute path"
        ) from None
