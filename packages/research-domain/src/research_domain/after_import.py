"""What is done when modules are imported, whoever imports them."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def found_behind(
    finder: MetaPathFinder, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """Return what the finders behind one of them find."""
    finders = list(sys.meta_path)
    for other in finders[finders.index(finder) + 1 :] if finder in finders else finders:
        find = getattr(other, "find_spec", None)
        spec: ModuleSpec | None = None if find is None else find(name, path, target)
        if spec is not None:
            return spec
    return None


class AroundImport(MetaPathFinder):
    """Executes modules in a way of its own.

    It stands first among the finders of modules, asks those behind it, and takes the place of their loader's
    ``exec_module`` for one call. Builtin and frozen modules, whose loaders are classes, are left alone.
    """

    def install(self) -> None:
        """Begin, unless this one was installed before."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """End; somebody else may have removed it."""
        with suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the finders behind this one find for a module that concerns it."""
        spec = found_behind(self, name, path, target) if self.concerns(name) else None
        loader: Any = None if spec is None else spec.loader
        if hasattr(loader, "exec_module") and not isinstance(loader, type):
            execute = loader.exec_module

            def load(module: ModuleType) -> None:
                vars(loader).pop("exec_module", None)
                self.execute(execute, module)

            with suppress(AttributeError):  # a loader without room for an attribute
                loader.exec_module = load
        return spec

    @abstractmethod
    def concerns(self, name: str) -> bool:
        """Whether a module is one of those."""

    @abstractmethod
    def execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Execute a module, for which `execute` is what its loader has."""


class AfterImport(AroundImport):
    """Calls `act` with each of the named modules when it has been executed."""

    def __init__(self, names: Collection[str], act: Callable[[ModuleType], None]) -> None:
        self._names = names
        self._act = act

    def concerns(self, name: str) -> bool:
        """Whether a module is named."""
        return name in self._names

    def execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Execute a module, and act."""
        execute(module)
        self._act(module)
