"""The time that a research has used, and its budget of time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from research_runner.recording.folder import read_number, write_whole
from research_runner.system.transient import keep_trying

_NOTED_EVERY_S: Final = 1.0
_FILE: Final = "spent.txt"


class TimeBudget:
    """The budget of seconds, after which no experiment begins; includes earlier runs (`before_s`).

    Without a limit nothing is recorded. It does not wait for disk space when the run is ending. A run that
    is killed has noted its seconds but for about the last one, or the last iteration where experiments run in
    this process.
    """

    def __init__(
        self,
        limit_s: float | None = None,
        folder: Path | None = None,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._limit_s = math.inf if limit_s is None else limit_s
        self._path = None if folder is None or limit_s is None else folder / _FILE
        self._is_ending = is_ending
        self.before_s = self._noted_s = 0.0 if self._path is None else read_number(self._path) or 0.0
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._begun = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Seconds of all runs so far."""
        return self.before_s + time.monotonic() - self._begun

    def is_over(self) -> bool:
        """Tell whether all of it is spent; note now and then how much is."""
        if self._path is not None and self.spent_s - self._noted_s >= _NOTED_EVERY_S:
            self.note()
        return self.spent_s >= self._limit_s

    def note(self) -> None:
        """Note how much is spent, for a resumed run."""
        if self._path is not None:
            path, self._noted_s = self._path, self.spent_s
            text = f"{self._noted_s:.3f}\n".encode()
            keep_trying(lambda: write_whole(path, text, sync=False), self._is_ending)
