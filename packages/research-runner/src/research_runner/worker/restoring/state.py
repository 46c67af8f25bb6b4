"""The state of a process: kept when the plan has been loaded, and put back for each task."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from operator import call
from typing import Any

from research_runner.worker.restoring.imports import ImportWatch
from research_runner.worker.restoring.library_parts import library_parts
from research_runner.worker.restoring.logs import LoggingPart
from research_runner.worker.restoring.parts import all_parts, of_nobody
from research_runner.worker.script.filters import spared
from research_runner.worker.script.surroundings import is_of_script

_LOG = logging.getLogger("research.worker")


def _spare(module: str) -> AbstractContextManager[None]:
    """Return the context in which a module is imported that may have been imported by the script."""
    return spared() if is_of_script(module) else nullcontext()


class ProcessState:
    """The state of this process as it was when this was made, to be put back by the main thread.

    `lost` is what only a fresh process has again, if the process runs nothing but tasks. What the import of a
    module changes stays; see `ImportWatch`. For the parameters see `all_parts`.

    Examples
    --------
    >>> import os
    >>> state = ProcessState(own_process=False, streams=())
    >>> os.environ["LEFT_BEHIND"] = "1"
    >>> state.restore()
    >>> "LEFT_BEHIND" in os.environ
    False
    >>> state.close()
    """

    def __init__(
        self, *, own_process: bool, streams: tuple[int, ...], is_ours: Callable[[int, Any], bool] = of_nobody
    ) -> None:
        parts = all_parts(own_process=own_process, streams=streams, is_ours=is_ours)
        self._parts = (*parts, *library_parts(), LoggingPart())
        self._own_process = own_process
        self.lost: str | None = None
        self._complained: set[str] = set()
        self._prepare_glances()
        self._imports = ImportWatch(self._look, self._adopt, _spare)
        self._imports.install()

    def _prepare_glances(self) -> None:
        """Prepare to see at a glance that nothing is to be put back, as after most experiments."""
        glances = [glance for part in self._parts for glance in part.glances()]
        self._looks, self._expected = [look for look, _ in glances], [expected for _, expected in glances]

    def restore(self) -> None:
        """Put back what differs; what cannot be put back is logged, once."""
        try:
            if list(map(call, self._looks)) == self._expected:
                return
        except Exception:  # noqa: BLE001, S110 - it is raised again, and dealt with, below
            pass
        for part in self._parts:
            try:
                part.restore()
            except Exception as error:  # noqa: BLE001 - a system may refuse it in its own way
                if self._own_process and part.may_be_lost:
                    self.lost = f"{part.name} could not be put back after an experiment: {error}"
                elif part.name not in self._complained:
                    self._complained.add(part.name)
                    _LOG.warning(
                        "%s could not be put back after an experiment, and stays for the next: %s",
                        part.name,
                        error,
                    )
        self._prepare_glances()

    def _look(self) -> list[Any]:
        return [part.look() for part in self._parts]

    def _adopt(self, module: str, before: list[Any]) -> None:
        again = is_of_script(module)
        for part, seen in zip(self._parts, before, strict=True):
            adopt = part.adopt_again if again else part.adopt
            adopt(seen, part.look())
        self._prepare_glances()

    def close(self) -> None:
        """Let everything be as it is from now on."""
        self._imports.remove()
        for part in self._parts:
            part.close()
