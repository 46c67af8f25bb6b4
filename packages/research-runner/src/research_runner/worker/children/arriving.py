"""The side of a process that was spawned: the script's functions, recorded modules, logging and warnings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final, NoReturn

from research_runner.code.importing import VARIABLE, install_from_environment
from research_runner.pool import wire
from research_runner.pool.class_registry import accept_arrivals, bind_name
from research_runner.pool.errors import TravelError
from research_runner.worker.children.by_name import pickle_by_name
from research_runner.worker.children.telling import show_main
from research_runner.worker.script.surroundings import arrive_here, settle

_LEFT_MAINS: Final[list[ModuleType]] = []
"""Main modules that were replaced; the code that is running needs their globals."""


def arrive(payload: Mapping[str, Any]) -> None:
    """Prepare this process, by what its parent has told, for what its parent will send."""
    _replace_main(payload["surroundings"])
    if payload["listing"]:
        os.environ[VARIABLE] = payload["listing"]
        install_from_environment()
    if payload["surroundings"]:
        arrive_here(payload["surroundings"])
    accept_arrivals()
    pickle_by_name()
    wire.load_code(payload["code"])
    for (module, name), reason in payload["missing"].items():
        bind_name(_stand_in(name, reason), module, name)
    settle()


def _replace_main(surroundings: bytes) -> None:
    """Put an empty main module in the place of the one that has started this process."""
    main = ModuleType("__main__")
    show_main(main, surroundings)
    _LEFT_MAINS.append(sys.modules["__main__"])
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main


def _stand_in(name: str, reason: str) -> Any:
    """Return a function that says why the one in whose place it is could not travel.

    Without it, a pool would start process after process, none of which can load its work.
    """

    def missing(*_: Any, **__: Any) -> NoReturn:
        raise TravelError(name, "", f"it could not travel to a process that a unit has spawned: {reason}")

    missing.__module__, missing.__qualname__, missing.__name__ = "__main__", name, name
    return missing
