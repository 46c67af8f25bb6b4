"""Note in the user's process what the modules were that it has imported, and what their files held then.

A file may be edited after it was imported; only what was noted at that time tells. Modules that were there
before the watch began are compared with their files where these may have changed meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from research_domain.after_import import found_behind
from research_runner.code.importing import SCRIPT, RecordedLoader, RecordedModule, content_digest, installed
from research_runner.code.owned import installed_roots, is_own_file, is_own_name
from research_runner.system.texts import read_text

_NOTES: Final[dict[str, bytes]] = {}
"""Module → digest of what its file held when it was imported or reloaded."""

_SCRIPT: Final[list[RecordedModule]] = []
"""The script, as it was when the watch began; empty without one."""


def noted(name: str) -> bytes | None:
    """Return the digest of a module's file as it was imported, None if that was not seen."""
    return _NOTES.get(name)


def noted_script() -> Sequence[RecordedModule]:
    """Return the user's script, as it was when the watch began; nothing without one."""
    return tuple(_SCRIPT)


def source_file(module: ModuleType) -> str | None:
    """Return the absolute file of a module's source, None if it has none."""
    file = getattr(module, "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) and file.endswith(".py") else None  # noqa: PTH100


def note_imports() -> None:
    """Begin to note imports, unless this is a worker, its child or their supervisor."""
    is_ours = "research_runner_supervisor" in sys.modules or "RESEARCH_RUNNER_WORKER" in os.environ
    if is_ours or installed() is not None or any(isinstance(each, _Watch) for each in sys.meta_path):
        return
    installed_roots()  # finding them may import something
    sys.meta_path.insert(0, _Watch())
    _note_loaded(_started_ns())


def _note_loaded(since: float) -> None:
    """Note the modules that are there already, unless their files have changed since this time."""
    for name, module in list(sys.modules.items()):
        path = source_file(module)
        if path is None or not is_own_file(path):
            continue
        with contextlib.suppress(OSError):
            if name == SCRIPT:
                _SCRIPT[:] = [RecordedModule(SCRIPT, path, None, Path(path).read_bytes())]
            elif is_own_name(name) and os.stat(path).st_ctime_ns < since:  # noqa: PTH116
                _NOTES[name] = content_digest(Path(path).read_bytes())


def _started_ns() -> float:
    """Return when this process started, as the clocks of files tell, or a time before that; 0 if unknown."""
    try:
        fields = read_text(Path("/proc/self/stat")).rpartition(")")[2].split()
        boot = next(line for line in read_text(Path("/proc/stat")).splitlines() if line[:6] == "btime ")
        return (int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK") - 2) * 1e9
    except (OSError, ValueError, IndexError, StopIteration):
        return 0


class _Watch(MetaPathFinder):
    """The first finder of modules: records what other finders import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the finders behind this one find."""
        if not is_own_name(name):
            return None
        spec = found_behind(self, name, path, target)
        loader = None if spec is None else spec.loader
        if isinstance(loader, SourceFileLoader) and is_own_file(loader.path):
            loader.get_code = _Noting(loader)  # type: ignore[method-assign]
        return spec


class _Noting:
    """Replaces the method ``get_code`` of a loader for one call.

    The module is executed after that, so that no line of ours is in the tracebacks of imports that fail.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._get_code = loader.get_code

    def __call__(self, fullname: str) -> Any:
        loader, source = self._loader, None
        vars(loader).pop("get_code", None)
        with contextlib.suppress(OSError):
            is_recorded = isinstance(loader, RecordedLoader)
            source = loader.recorded.source if is_recorded else loader.get_data(loader.path)
        code = self._get_code(fullname)
        if source is not None:
            _NOTES[fullname] = content_digest(source)
        return code
