"""How worker processes begin: their environment, and the process that they are started from."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from research_runner.pool.errors import PoolError, StartMethodError
from research_runner.pool.kept import launch_early
from research_runner.pool.launch import LaunchSettings, check_descriptors, resolve_start_method
from research_runner.system.libraries import SLOT_VARIABLE, without_what_is_set

if TYPE_CHECKING:
    from research_runner.pool.launch import StartMethod

PRELOAD: Final = ("research_runner.worker.serving", "research_results.codec.encoding")
"""What workers need; nothing of the user's, such as an encoder of their own, as it is kept between runs."""


def worker_environments(
    given: Sequence[Mapping[str, str]], start_method: StartMethod
) -> tuple[dict[str, str], ...]:
    """Return the environment variables of each worker, from those of ours that it is to have."""
    return tuple(
        {**without_what_is_set(each, forked=start_method == "fork"), SLOT_VARIABLE: str(slot)}
        for slot, each in enumerate(given)
    )


def start_early(given: Sequence[Mapping[str, str]], start_method: StartMethod) -> None:
    """Start the fork server early; if that fails, the error is raised when it is needed.

    If it turns out that workers need another environment, another process is started for them.
    """
    if start_method == "fork":
        return
    with contextlib.suppress(PoolError, StartMethodError):
        check_descriptors(len(given))
        method = resolve_start_method(start_method)
        environments = worker_environments(given, start_method)
        launch_early(LaunchSettings(len(given), method, environments, PRELOAD))
