"""What is done right after modules were imported, whoever imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
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


class AfterImport(MetaPathFinder):
    """Calls `act` with each of the named modules when it has been executed.

    This finder stands before the others, and finds these modules as they do.
    """

    def __init__(self, names: Collection[str], act: Callable[[ModuleType], None]) -> None:
        self._names = names
        self._act = act

    def install(self) -> None:
        """Begin, unless this one was installed before."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find for a module that is named."""
        spec = found_behind(self, name, path, target) if name in self._names else None
        loader: Any = None if spec is None else spec.loader
        if hasattr(loader, "exec_module"):
            loader.exec_module = self._acting(loader.exec_module)
        return spec

    def _acting(self, execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        def load(module: ModuleType) -> None:
            execute(module)
            self._act(module)

        return load
