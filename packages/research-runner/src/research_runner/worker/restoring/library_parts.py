"""Parts of the state that belong to Python and its libraries; and what belongs to the context of a task."""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import Any

from research_runner.system.c_library import c_function
from research_runner.worker.restoring.parts import Glance, MultiPart, Part

_locale: Any = importlib.import_module("_locale")  # that of Python looks names up, and this is asked often
_signal: Any = importlib.import_module("_signal")  # that of Python makes enums
_ATTRIBUTES = (
    (sys, "argv"),
    (sys, "stdin"),
    (sys, "excepthook"),
    (tempfile, "tempdir"),
    (warnings, "showwarning"),
    (logging, "_warnings_showwarning"),  # with it: `logging.captureWarnings` sets both
)
_NAMESPACES = tuple([(vars(module), name) for module, name in _ATTRIBUTES])


class _Locale(Part):
    name = "the locale"

    def look(self) -> Any:
        return _locale.setlocale(_locale.LC_ALL)

    def glances(self) -> Iterable[Glance]:
        look = c_function("setlocale", gives_bytes=True)  # that of Python decodes the long name first
        if look is None:
            return super().glances()
        return ((partial(look, _locale.LC_ALL, None), self._kept.encode()),)

    def put(self, kept: Any, _: Any) -> None:
        _locale.setlocale(_locale.LC_ALL, kept)


class _BlockedSignals(Part):
    name = "the signals that are blocked"

    def look(self) -> Any:
        return _signal.pthread_sigmask(_signal.SIG_BLOCK, ())

    def glances(self) -> Iterable[Glance]:
        return ((partial(_signal.pthread_sigmask, _signal.SIG_BLOCK, ()), self._kept),)

    def put(self, kept: Any, _: Any) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, kept)


class _Attributes(MultiPart):
    name = "sys.argv, sys.stdin, sys.excepthook, tempfile.tempdir or warnings.showwarning"
    keys = tuple(range(len(_ATTRIBUTES)))

    def look(self) -> tuple[Any, ...]:
        found = [names.get(name) for names, name in _NAMESPACES]
        found[0] = found[0] and list(found[0])  # the arguments are changed in place
        return tuple(found)

    def glances(self) -> Iterable[Glance]:
        looks = [partial(names.get, name) for names, name in _NAMESPACES]
        return zip(looks, self._kept, strict=True)

    def put_one(self, key: int, kept: Any, now: Any) -> None:
        setattr(*_ATTRIBUTES[key], kept and list(kept) if key == 0 else kept)


def library_parts() -> tuple[Part, ...]:
    """Return all of these parts, as they are now."""
    blocked = (_BlockedSignals(),) if hasattr(_signal, "pthread_sigmask") else ()
    return (*blocked, _Locale(), _Attributes())


def in_own_context(function: Callable[[], object]) -> None:
    """Call a function; what it sets in context variables ends with it, that of decimals and numpy as well.

    Examples
    --------
    >>> import decimal
    >>> in_own_context(lambda: setattr(decimal.getcontext(), "prec", 3))
    >>> decimal.getcontext().prec
    28
    """
    context = copy_context()
    decimal, numpy = sys.modules.get("decimal"), sys.modules.get("numpy")
    if decimal is not None:
        context.run(decimal.setcontext, decimal.getcontext().copy())
    if numpy is None or not numpy.__version__.startswith("1."):
        context.run(function)
        return
    with numpy.errstate():  # before numpy 2 it belongs to the thread
        context.run(function)
