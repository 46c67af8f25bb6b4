"""Paths of the folder of a research."""

from __future__ import annotations

import os
import re
from pathlib import Path

from research_runner.errors import OptionError

_NUMBER = "{n}"


def has_number(name: str) -> bool:
    """Return whether a name leaves its number open, as ``'study-{n}'`` does."""
    return _NUMBER in name


def next_free(name: str) -> str:
    """Return a name with the number after the last one that there is a folder of; 1 if there is none.

    Examples
    --------
    >>> next_free('no/such/study-{n}')
    'no/such/study-1'
    """
    path = absolute_path(name)
    folder = next((each for each in (path, *path.parents) if _NUMBER not in str(each)), path)
    level = len(path.parts) - len(folder.parts)
    pattern = re.compile(re.escape(path.parts[-level]).replace(re.escape(_NUMBER), "([0-9]+)", 1) + "$")
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    numbers = [int(match[1]) for match in map(pattern.match, names) if match]
    return name.replace(_NUMBER, str(max(numbers, default=0) + 1))


def absolute_path(name: str | os.PathLike[str]) -> Path:
    """Return the absolute path of the folder of a research; `OptionError` below a directory that is gone."""
    try:
        return Path(name).absolute()
    except FileNotFoundError:
        raise OptionError(
            "name", f"{os.fspath(name)!r} is relative to a directory that was removed; give an absolute path"
        ) from None
