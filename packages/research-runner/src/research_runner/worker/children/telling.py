"""The side of the process that spawns: what a new process is told about the script."""

from __future__ import annotations

import operator
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, Self

from research_runner.code.importing import VARIABLE
from research_runner.pool import wire
from research_runner.pool.class_registry import arrived_modules
from research_runner.pool.travel import complaint
from research_runner.worker.children.by_name import pickle_by_name, pickle_by_value

_PREPARE: Final = Path(__file__).with_name("prepare.py")


class _MainName(str):
    """The name of the main module; in a process that unpickles it, the script's functions are there."""

    def __new__(cls, surroundings: bytes) -> Self:
        made = super().__new__(cls, __name__)
        made._surroundings = surroundings
        return made

    _surroundings: bytes

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return operator.getitem, (_Preparation(self._surroundings), "name")


class _Preparation:
    """Runs a script where it is unpickled: found by its path, because nothing can be imported there yet."""

    def __init__(self, surroundings: bytes) -> None:
        self._surroundings = surroundings

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return runpy.run_path, (str(_PREPARE), {"payload": _payload(self._surroundings)})


def _payload(surroundings: bytes) -> dict[str, Any]:
    """Return what a new process needs, as plain values."""
    code, missing = _dump_code()
    return {
        "sys_path": [path for path in sys.path if isinstance(path, str)],
        "listing": os.environ.get(VARIABLE, ""),
        "surroundings": surroundings,
        "code": code,
        "missing": missing,
    }


def _dump_code() -> tuple[bytes, dict[tuple[str, str], str]]:
    """Return the functions and classes of the script with their code, and why others have to stay."""
    things = {
        (module, name): value
        for module in arrived_modules()
        if module in sys.modules
        for name, value in list(vars(sys.modules[module]).items())
        if isinstance(value, FunctionType | type) and value.__module__ == module
    }
    try:
        return wire.dump_code(list(things.values())), {}
    except Exception:  # noqa: BLE001 - whatever the values raise that they refer to
        missing = {key: complaint(thing) for key, thing in things.items()}
    there = [thing for key, thing in things.items() if not missing[key]]
    return wire.dump_code(there), {key: reason for key, reason in missing.items() if reason}


def show_main(module: ModuleType, surroundings: bytes) -> None:
    """Let processes that are spawned from now on find what a main module holds, without running it."""
    module.__spec__ = ModuleSpec(_MainName(surroundings), None)


@contextmanager
def told_children(surroundings: bytes) -> Iterator[None]:
    """Tell processes that are spawned in the block what the script's functions and surroundings are."""
    main = sys.modules["__main__"]
    before = getattr(main, "__spec__", None)
    show_main(main, surroundings)
    pickle_by_name()
    try:
        yield
    finally:
        pickle_by_value()
        main.__spec__ = before
