"""The surroundings of the script: taken when a run is asked for, in force when a worker loads its plan."""

from __future__ import annotations

import logging
import pickle
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from research_runner.pool import wire
from research_runner.worker.script.arithmetic import put_arithmetic, take_arithmetic
from research_runner.worker.script.filters import dump_filters, put_filters, without_errors
from research_runner.worker.script.loggers import LoggingState, describe_logging

_LOG = logging.getLogger("research.worker")


@dataclass(frozen=True, slots=True)
class ScriptSurroundings:
    """What workers take over from the script beside its units."""

    data: bytes = b""  # filters of warnings, logging, how it calculates, and the names of imported modules
    left: tuple[str, ...] = ()  # what stays behind, in words


def take_surroundings() -> ScriptSurroundings:
    """Return the surroundings of this process.

    Examples
    --------
    >>> isinstance(take_surroundings().data, bytes)
    True
    """
    left: list[str] = []
    record = describe_logging(left.append)
    if not record.captures_warnings and warnings.showwarning.__module__ != "warnings":
        left.append("warnings.showwarning")
    if warnings.formatwarning.__module__ != "warnings":
        left.append("warnings.formatwarning")
    data = pickle.dumps((dump_filters(), record, take_arithmetic(left.append), frozenset(sys.modules)))
    return ScriptSurroundings(data, tuple(dict.fromkeys(left)))


class _InForce:
    """The surroundings of the script in this process, a worker or a child of one."""

    def __init__(self, data: bytes) -> None:
        filters, record, self._arithmetic, modules = pickle.loads(data)  # noqa: S301 - our coordinator wrote it
        self.modules: frozenset[str] = modules
        self._filters = _load_filters(filters)
        put_filters(without_errors(self._filters))
        self.logging = LoggingState(record, _complain)

    def settle(self) -> None:
        put_filters(self._filters)
        put_arithmetic(self._arithmetic)
        self.logging.assert_again()


def _load_filters(data: bytes) -> list[Any]:
    try:
        filters: list[Any] = wire.load_code(data)
    except Exception as error:  # noqa: BLE001 - whatever the code of the user raises while it loads
        _complain(f"the script's filters of warnings cannot be loaded here: {error!r}")
        return list(warnings.filters)
    return filters


def _complain(text: str) -> None:
    _LOG.warning("%s", text)


_in_force: _InForce | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """The part of a plan that puts the surroundings of the script in force where it is unpickled.

    It comes first in a plan: while the rest is loaded, which may import anything, the filters are those of
    the script, and raise nothing.
    """

    data: bytes = b""

    def __reduce__(self) -> tuple[Callable[..., Arrival], tuple[bytes]]:
        return _arrive, (self.data,)


def _arrive(data: bytes) -> Arrival:
    if data:
        arrive_here(data)
    return Arrival(data)


def arrive_here(data: bytes) -> None:
    """Put the surroundings of the script in force in this process, except that no filter raises yet."""
    global _in_force
    _in_force = _InForce(data)


def settle() -> None:
    """Let everything be as in the script, whatever imports have changed since the surroundings arrived."""
    if _in_force is not None:
        _in_force.settle()


def assert_logging() -> None:
    """Let logging be as in the script after a module was imported that the script had imported before."""
    if _in_force is not None:
        _in_force.logging.assert_again()


def is_of_script(module: str) -> bool:
    """Whether the script had imported a module when it asked for the run."""
    return _in_force is not None and module in _in_force.modules
