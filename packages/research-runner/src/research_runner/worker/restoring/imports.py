"""What an import changes stays: modules are imported once, so that they cannot change it again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType
from typing import Any

from research_domain.after_import import found_behind


class ImportWatch(MetaPathFinder):
    """Looks before and after a module that was not there before is executed.

    `look` returns what is watched; `adopt` takes the name of the module and what `look` returned before the
    import; `spare` returns the context in which the module is executed. Imports inside of imports are part of
    the outermost one.

    It stands first among the finders of modules, asks those behind it, and takes the place of their loader's
    ``exec_module`` for one call. Builtin and frozen modules are not looked at: they change nothing.
    """

    def __init__(
        self,
        look: Callable[[], Any],
        adopt: Callable[[str, Any], None],
        spare: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._look = look
        self._adopt = adopt
        self._spare = spare
        self._importing: set[int] = set()

    def install(self) -> None:
        """Begin to watch."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Watch no longer."""
        with contextlib.suppress(ValueError):  # a unit may have removed it
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the finders behind this one find, to be watched while it is loaded."""
        if get_ident() in self._importing:
            return None
        spec = found_behind(self, name, path, target)
        loader = None if spec is None else spec.loader
        if hasattr(loader, "exec_module") and not isinstance(loader, type):
            with contextlib.suppress(AttributeError):  # a loader without room for an attribute
                loader.exec_module = _Once(loader, self._watched)  # type: ignore[union-attr, method-assign]
        return spec

    def _watched(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        before = self._look()
        self._importing.add(get_ident())
        try:
            with self._spare(module.__name__):
                execute(module)
        finally:
            self._importing.discard(get_ident())
            self._adopt(module.__name__, before)


class _Once:
    """Stands for the method ``exec_module`` of a loader for one call."""

    def __init__(
        self, loader: Any, watched: Callable[[Callable[[ModuleType], None], ModuleType], None]
    ) -> None:
        self._loader = loader
        self._execute = loader.exec_module
        self._watched = watched

    def __call__(self, module: ModuleType) -> None:
        vars(self._loader).pop("exec_module", None)
        self._watched(self._execute, module)
