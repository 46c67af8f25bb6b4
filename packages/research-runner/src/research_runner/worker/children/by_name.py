"""Pools of `multiprocess`: they find the functions of the script by name, as those of `multiprocessing` do.

`dill`, which they pickle with, sends functions of the main module by value with all the globals that they
could use, some of which it cannot pickle.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, Final

from research_domain.after_import import AfterImport
from research_runner.pool import wire
from research_runner.pool.class_registry import arrived_modules, has_its_name


def _reduce(_: Any, value: Any) -> str | tuple[Callable[..., Any], tuple[Any, ...]]:
    if isinstance(value, FunctionType | type) and value.__module__ in arrived_modules():
        if has_its_name(value):
            return str(value.__qualname__)
        return wire.load_code, (wire.dump_code(value),)
    return NotImplemented  # type: ignore[no-any-return]


def _begin(reduction: ModuleType) -> None:
    reduction.ForkingPickler.reducer_override = _reduce


_REDUCTION: Final = "multiprocess.reduction"
_LATE: Final = AfterImport((_REDUCTION,), _begin)


def pickle_by_name() -> None:
    """Let pools of `multiprocess` send what the script has named by its name, and other code by value.

    That begins with its import, by whatever unit or library.
    """
    _LATE.install()
    if _REDUCTION in sys.modules:
        _begin(sys.modules[_REDUCTION])


def pickle_by_value() -> None:
    """Let them pickle as they do by themselves."""
    _LATE.remove()
    pickler: Any = getattr(sys.modules.get(_REDUCTION), "ForkingPickler", object)
    if "reducer_override" in vars(pickler):
        del pickler.reducer_override
