"""Whether a module is the user's own: source outside of the standard library and of what is installed."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

from research_runner.system.texts import read_text

_PACKAGES: Final = ("domain", "experiment", "results", "runner", "search", "stack")
_NEVER: Final = frozenset(("__main__", "__mp_main__", *(f"research_{name}" for name in _PACKAGES)))
_INSTALLED: Final = ("site-packages", "dist-packages")


def is_own_name(name: str) -> bool:
    """Whether a module of this name may be the user's own, if its file is; a script may have a json.py.

    Examples
    --------
    >>> is_own_name("helpers.losses"), is_own_name("json.decoder"), is_own_name("research_runner")
    (True, True, False)
    """
    return name.partition(".")[0] not in _NEVER


def is_own_file(path: str | None) -> bool:
    """Whether a file is source that is the user's own.

    Examples
    --------
    >>> import json, numpy
    >>> is_own_file(json.__file__), is_own_file(numpy.__file__), is_own_file("/home/me/study/losses.py")
    (False, False, True)
    """
    return path is not None and path.endswith(".py") and _is_own(path, os.path.dirname(path))  # noqa: PTH120


def own_folders(folders: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of a package that belong to the user."""
    return tuple(folder for folder in folders if _is_own(folder, folder))


def _is_own(path: str, folder: str) -> bool:
    if not _is_own_folder(folder):
        return False
    roots = (root.rstrip(os.sep) + os.sep for root in sys.path if root)
    return not any(  # ``pip --target`` and the like install into folders of the import path
        path[len(root) :].partition(os.sep)[0] in _installed_in(root)
        for root in roots
        if path.startswith(root)
    )


@cache
def _installed_in(root: str) -> frozenset[str]:
    """Return the first parts of the paths that installers have recorded in a folder."""
    try:
        records = list(Path(root).glob("*.dist-info/RECORD"))
        lines = [line for record in records for line in read_text(record).splitlines()]
    except OSError:
        return frozenset()
    return frozenset(line.partition(",")[0].partition("/")[0] for line in lines)


@cache
def _is_own_folder(folder: str) -> bool:
    parts = folder.replace("\\", "/").split("/")
    if any(name in parts for name in _INSTALLED):
        return False
    return not any(folder == root or folder.startswith(root + os.sep) for root in installed_roots())


@cache
def installed_roots() -> tuple[str, ...]:
    """Return where Python keeps the standard library and what is installed."""
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths}
    found.update(getattr(site, "getsitepackages", list)())
    found.add(getattr(site, "getusersitepackages", str)())
    found.update(os.path.realpath(path) for path in list(found))
    return tuple(path for path in found if path)


def is_extension(name: str, beside: frozenset[str]) -> bool:
    """Whether among files of these names there is a module in C of this name, which Python prefers."""
    return any(f"{name}{suffix}" in beside for suffix in EXTENSION_SUFFIXES)
