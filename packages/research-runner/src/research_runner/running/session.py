"""One run from its first task to its last: the loop around the coordinator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any, Final

from research_experiment import Storage
from research_runner.backends import Backend
from research_runner.backends.inline import InlineBackend
from research_runner.errors import MiscountedError
from research_runner.recording.monitor import Listener, Monitor
from research_runner.recording.progress import ProgressBar
from research_runner.recording.recorder import Recorder
from research_runner.recording.spent import TimeBudget
from research_runner.scheduling.commands import Answer, Command, Kill, Start, Stop, Submit
from research_runner.scheduling.coordinator import Coordinator
from research_runner.scheduling.events import BackendEvent, Event, ExperimentLost, ExperimentReturned
from research_runner.system.fail_points import fail_point
from research_runner.system.transient import keep_trying

__all__ = ["Session"]

_COMMIT_EVERY_S: Final = 0.05
_COMMIT_AT: Final = 4096
_POLL_S: Final = 0.1
_URGENT: Final = (ExperimentLost, ExperimentReturned)
_CHECK_EVERY_S: Final = 0.5


@dataclass(slots=True)
class _End:
    """Whether and how a run is to end before its time; set by any thread, read by the session's."""

    stop: bool = False
    kill: bool = False
    over: bool = False
    kill_at: float | None = None

    def now(self) -> bool:
        """Whether it is time to kill what runs."""
        return self.kill or (self.kill_at is not None and time.monotonic() >= self.kill_at)


@dataclass(slots=True)
class _Times:
    """When something was last done, in seconds of a clock that nobody sets."""

    committed: float = field(default_factory=time.monotonic)
    looked: float = field(default_factory=time.monotonic)
    checked: float = field(default_factory=time.monotonic)


class Session:
    """Runs a research: asks the coordinator, tells the backend, writes, shows.

    Everything that is reported as finished has been committed before.

    Parameters
    ----------
    coordinator : Coordinator
        Decides.
    backend : Backend
        Does.
    storage : Storage
        Keeps.
    monitor : Monitor
        Counts.
    listeners : iterable of Listener
        Are told as well.
    code : str, optional
        The version of the code that experiments run with.
    unseen : tuple of (int, int)
        Experiments that are done, and that have failed, in the storage and not in the counts.
    budget : TimeBudget, optional
        Seconds after which nothing new begins.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        backend: Backend,
        storage: Storage,
        monitor: Monitor,
        listeners: Iterable[Listener] = (),
        code: str | None = None,
        unseen: tuple[int, int] = (0, 0),
        budget: TimeBudget | None = None,
    ) -> None:
        self._coordinator = coordinator
        self._backend = backend
        self._storage = storage
        self._recorder = Recorder(storage, code)
        self._monitor = monitor
        self._unseen = unseen
        self._listeners = (monitor, *listeners)
        self._told: dict[type[Any], list[Callable[[Any], None]]] = {}
        self._bar: ProgressBar | None = None
        self._end = _End()
        self._is_updating = False
        self._news: list[Event] = []
        self._times = _Times()
        self._thread = get_ident()
        self._budget = budget or TimeBudget()

    def show(self, bar: ProgressBar | None) -> None:
        """Let a bar follow the run."""
        self._bar = bar

    def run(self) -> None:
        """Run until nothing is left, then let go of all workers.

        Raises what the domain or its update function raised, after everything that ran had ended; what the
        storage raised; and `MiscountedError` if the storage does not hold what was counted.
        """
        for listener in self._listeners:
            for kind in listener.kinds:
                self._told.setdefault(kind, []).append(listener.handle)
        try:
            self._budget.begin()
            while not self._coordinator.done and not self._end.now():
                if self._end.stop or self._budget.is_over():
                    self._coordinator.stop()
                self._step()
        except BaseException:
            self._end.kill = True
            raise
        finally:
            self._finish()
        if self._coordinator.error is not None:
            raise self._coordinator.error
        self._check_end()

    def _check_end(self) -> None:
        """Compare what was counted with what is stored."""
        self._storage.check()
        monitor, stored = self._monitor, self._storage.counts()
        failed = monitor.failed_experiments
        counted = (monitor.finished_experiments - failed, failed)
        kept = (stored.get("done", 0) - self._unseen[0], stored.get("failed", 0) - self._unseen[1])
        if counted != kept:
            raise MiscountedError(counted, kept)

    def _finish(self) -> None:
        """Let go of everything, with everything written that was reported."""
        try:
            self._backend.close(force=self._end.now())
            fail_point("workers-gone")
        finally:
            self._news.extend(self._coordinator.abandon())
            try:
                self._commit()
                self._budget.note()
            finally:
                self._end.over = True
                if self._bar is not None:
                    self._bar.close()

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self._end.over

    def terminate(self, force: bool, grace_s: float | None = None) -> None:
        """Start nothing new and, if forced or after some seconds, kill what runs; safe in any thread."""
        self._end.stop = True
        self._end.kill = self._end.kill or force
        if grace_s is not None and self._end.kill_at is None:
            self._end.kill_at = time.monotonic() + grace_s

    @property
    def is_ending(self) -> bool:
        """Whether somebody has asked the run to end."""
        return self._end.stop

    @property
    def is_updating(self) -> bool:
        """Whether the function of an update of the domain runs, in the thread of this session."""
        return self._is_updating

    def _update(self) -> None:
        """Let the domain be updated, when its function can read everything that has ended."""
        self._commit()
        fail_point("before-update")
        self._is_updating = True
        try:
            if isinstance(self._backend, InlineBackend):
                self._backend.rest()  # the function is the script's
            self._coordinator.update()
        finally:
            self._is_updating = False

    def _step(self) -> None:
        if self._coordinator.is_update_due:
            self._update()
        commands, events = self._coordinator.decide(self._times.looked)
        self._news.extend(events)
        fail_point("decided")
        for command in commands:
            self._obey(command)
        if self._coordinator.done or self._coordinator.is_update_due:
            return
        self._times.looked = time.monotonic()
        self.absorb(self._backend.poll(self._patience()))

    def _patience(self) -> float:
        """Seconds until something has to be done even if nothing happens."""
        if not self._news:
            return _POLL_S
        return max(_COMMIT_EVERY_S - (time.monotonic() - self._times.committed), 0.0)

    def _obey(self, command: Command) -> None:
        match command:
            case Start(slot):
                self._backend.start(slot)
            case Submit(slot, tasks):
                self._backend.submit(slot, tasks)
            case Stop(slot):
                self._backend.stop(slot)
            case Kill(slot, cause):
                self._backend.kill(slot, cause)
            case Answer(slot, experiment_id, ends):
                self._backend.answer(slot, experiment_id, ends)

    def absorb(self, reports: Sequence[BackendEvent]) -> None:
        """Take in what the backend reports; write and tell it when enough has come together.

        Only the thread of the session writes; a branch that runs in this process and waits for an answer may
        report in its own.
        """
        now, before = time.monotonic(), len(self._news)
        is_writer = get_ident() == self._thread
        if is_writer and now - self._times.checked >= _CHECK_EVERY_S:
            self._storage.check()
            self._times.checked = now
        for slot, event in reports:
            self._news += self._coordinator.handle(slot, event, now)
        fail_point("heard")
        for command in self._coordinator.answers():
            self._obey(command)
        late = now - self._times.committed >= _COMMIT_EVERY_S
        urgent = any(isinstance(news, _URGENT) for news in self._news[before:])
        if is_writer and (late or urgent or len(self._news) >= _COMMIT_AT):
            self._commit()

    def _commit(self) -> None:
        """Write the news in one transaction, then tell them.

        A lost attempt is written at once, because its files are moved away before it is tried again.
        """
        self._news += self._coordinator.begun()
        if self._news:
            fail_point("before-commit")
            keep_trying(self._write, lambda: self.is_ending)
            fail_point("after-commit")
        news, self._news = self._news, []
        self._times.committed = time.monotonic()
        for event in news:
            for handle in self._told.get(type(event), ()):
                handle(event)
        if self._bar is not None:
            self._bar.refresh()

    def _write(self) -> None:
        with self._storage.transaction():
            self._recorder.write(self._news)
            fail_point("in-commit")
