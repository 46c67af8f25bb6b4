"""How worker processes begin: their environment, and the process that they are started from."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from research_runner.pool.errors import PoolError, StartMethodError
from research_runner.pool.kept import launch_early
from research_runner.pool.launch import LaunchSettings, check_descriptors, resolve_start_method
from research_runner.system.libraries import SLOT_VARIABLE, without_what_is_set

if TYPE_CHECKING:
    from research_runner.pool.launch import StartMethod

PRELOAD: Final = ("research_runner.worker.serving", "research_results.codec.encoding")
"""What workers need; nothing of the user's, such as an encoder of their own, as it is kept between runs."""

_LATER: Final = ("numpy", "dill", "multiprocess")
"""What workers import when they need it, or their fork server for all of them when they are likely to."""


def worker_environments(
    given: Sequence[Mapping[str, str]], start_method: StartMethod
) -> tuple[dict[str, str], ...]:
    """Return the environment variables of each worker, from those of ours that it is to have."""
    return tuple(
        {**without_what_is_set(each, forked=start_method == "fork"), SLOT_VARIABLE: str(slot)}
        for slot, each in enumerate(given)
    )


def start_early(
    given: Sequence[Mapping[str, str]], start_method: StartMethod, code: Collection[Any] = ()
) -> None:
    """Start the fork server early; if that fails, the error is raised when it is needed.

    If it turns out that workers need another environment, another process is started for them. `code` are
    functions and classes that workers will be given.
    """
    if start_method == "fork":
        return
    with contextlib.suppress(PoolError, StartMethodError):
        check_descriptors(len(given))
        method = resolve_start_method(start_method)
        environments = worker_environments(given, start_method)
        launch_early(LaunchSettings(len(given), method, environments, PRELOAD, _likely(code)))


def _likely(code: Collection[Any]) -> tuple[str, ...]:
    """Return what workers are likely to import: NumPy if it is seen in the modules that define their code."""
    modules = {sys.modules.get(getattr(each, "__module__", None) or "") for each in code}
    values = [value for module in modules if module is not None for value in list(vars(module).values())]
    numpy = sys.modules.get("numpy")
    uses_numpy = any(value is numpy or type(value).__module__ == "numpy" for value in values)
    return tuple(name for name in _LATER if code and name in sys.modules and (uses_numpy or name != "numpy"))
