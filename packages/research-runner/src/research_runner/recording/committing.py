"""Commits: events are written to the storage in transactions, then listeners are told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from research_experiment import Storage
from research_runner.recording.monitor import Listener
from research_runner.recording.progress import ProgressBar
from research_runner.recording.recorder import Recorder
from research_runner.scheduling.events import Event, ExperimentLost, ExperimentReturned
from research_runner.system.fail_points import fail_point
from research_runner.system.transient import keep_trying

_COMMIT_EVERY_S: Final = 0.05
_COMMIT_AT: Final = 4096
_IDLE_S: Final = 0.1
_CHECK_EVERY_S: Final = 0.5
_URGENT: Final = frozenset((ExperimentLost, ExperimentReturned))
"""Files of these attempts are moved away before the next attempt begins, so that they are written at once."""


class Committer:
    """Commits the events that are `waiting`, then tells them: what anybody is told has been committed.

    With `gathers` that a new experiment is queued may be committed a little later; see :class:`Recorder`.
    """

    def __init__(
        self,
        storage: Storage,
        listeners: Iterable[Listener] = (),
        code: str | None = None,
        *,
        gathers: bool = False,
    ) -> None:
        self._storage = storage
        self._recorder = Recorder(storage, code, gathers=gathers)
        self._listeners = tuple(listeners)
        self._handlers: dict[type[Any], list[Callable[[Any], None]]] = {}
        self._bar: ProgressBar | None = None
        self.waiting: list[Event] = []
        self._looked_at = 0
        self._committed = self._checked = time.monotonic()

    def begin(self, bar: ProgressBar | None = None) -> None:
        """Register the listeners by the kinds of their events, and start the bar."""
        self._bar = bar
        for listener in self._listeners:
            for kind in listener.kinds:
                self._handlers.setdefault(kind, []).append(listener.handle)

    @property
    def patience_s(self) -> float:
        """Seconds until events have to be committed even if nothing happens."""
        if not self.waiting:
            return _IDLE_S
        return max(_COMMIT_EVERY_S - (time.monotonic() - self._committed), 0.0)

    def check(self, now: float) -> None:
        """Check twice a second that the storage is still there."""
        if now - self._checked >= _CHECK_EVERY_S:
            self._storage.check()
            self._checked = now

    def is_due(self, now: float) -> bool:
        """Whether enough has come together."""
        return now - self._committed >= _COMMIT_EVERY_S or len(self.waiting) >= _COMMIT_AT

    def is_urgent(self) -> bool:
        """Whether something has come since the last call that cannot wait until workers have got tasks."""
        new, self._looked_at = self.waiting[self._looked_at :], len(self.waiting)
        return not _URGENT.isdisjoint(map(type, new))

    def commit(self, is_ending: Callable[[], bool], *, everything: bool = False) -> None:
        """Write the events in one transaction, then tell them; does not wait for a full disk at the end."""
        now = math.inf if everything else time.monotonic()
        if self.waiting or self._recorder.is_due(now):
            fail_point("before-commit")
            keep_trying(lambda: self._write(now), is_ending)
            self._recorder.settle(time.monotonic())
            fail_point("after-commit")
        committed, self.waiting, self._looked_at = self.waiting, [], 0
        self._committed = time.monotonic()
        for event in committed:
            for handle in self._handlers.get(type(event), ()):
                handle(event)
        if self._bar is not None:
            self._bar.refresh()

    def _write(self, now: float) -> None:
        with self._storage.transaction():
            self._recorder.write(self.waiting, now)
            fail_point("in-commit")

    def close(self) -> None:
        """Leave the bar."""
        if self._bar is not None:
            self._bar.close()
