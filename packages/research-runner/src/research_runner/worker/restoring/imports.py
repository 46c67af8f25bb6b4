"""What an import changes stays: modules are imported once, so that they cannot change it again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import get_ident
from types import ModuleType
from typing import Any

from research_domain.after_import import AroundImport


class ImportWatch(AroundImport):
    """Looks before and after a module that was not there before is executed.

    `look` returns what is watched; `adopt` takes the name of the module and what `look` returned before the
    import; `spare` returns the context in which the module is executed. Imports inside of imports are part of
    the outermost one.
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

    def concerns(self, name: str) -> bool:
        """Whether a module is not imported inside of the import of another one."""
        return get_ident() not in self._importing

    def execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        """Execute a module, and look before and after."""
        before = self._look()
        self._importing.add(get_ident())
        try:
            with self._spare(module.__name__):
                execute(module)
        finally:
            self._importing.discard(get_ident())
            self._adopt(module.__name__, before)
