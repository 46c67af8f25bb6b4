"""The session: the loop around the coordinator, from the first task to the last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import get_ident

from research_runner.backends import Backend
from research_runner.backends.inline import InlineBackend
from research_runner.recording.committing import Committer
from research_runner.recording.progress import ProgressBar
from research_runner.recording.spent import TimeBudget
from research_runner.scheduling.commands import Answer, Command, Kill, Start, Stop, Submit
from research_runner.scheduling.coordinator import Coordinator
from research_runner.scheduling.events import BackendEvent
from research_runner.system.fail_points import fail_point


@dataclass(slots=True)
class RunEnd:
    """Whether and how a run is to end before its time, and whether it has; set by any thread."""

    is_asked: bool = False
    is_over: bool = False
    kill: bool = False
    kill_at: float | None = None

    def ask(self, force: bool, grace_s: float | None = None) -> None:
        """Start nothing new and, if forced or after some seconds, kill what runs."""
        self.is_asked = True
        self.kill = self.kill or force
        if grace_s is not None and self.kill_at is None:
            self.kill_at = time.monotonic() + grace_s

    def is_kill_due(self) -> bool:
        """Whether it is time to kill what runs."""
        return self.kill or (self.kill_at is not None and time.monotonic() >= self.kill_at)


class Session:
    """Runs a research: asks the coordinator, tells the backend, lets events be committed.

    Everything that is reported as finished has been committed before. The thread that makes the session runs
    it, and alone commits.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        backend: Backend,
        committer: Committer,
        end: RunEnd,
        budget: TimeBudget | None = None,
    ) -> None:
        self._coordinator = coordinator
        self._backend = backend
        self._committer = committer
        self._end = end
        self._budget = budget or TimeBudget()
        self._polled = time.monotonic()
        self._thread = get_ident()
        self.is_updating = False  # whether the function of an update runs, in the thread of this session

    def run(self, bar: ProgressBar | None = None) -> None:
        """Run until no task is left, then stop all workers.

        Raises what the domain or its update function raised, after everything that ran had ended, and what
        the storage raised.
        """
        self._committer.begin(bar)
        try:
            self._budget.begin()
            while not self._coordinator.done and not self._end.is_kill_due():
                if self._is_ending:
                    self._coordinator.stop()
                self._step()
        except BaseException:
            self._end.kill = True
            raise
        finally:
            self._finish()
        if self._coordinator.error is not None:
            raise self._coordinator.error

    @property
    def _is_ending(self) -> bool:
        """Whether nothing new is to be started."""
        return self._end.is_asked or self._budget.is_over()

    def _finish(self) -> None:
        """Close everything, after all reported events are written."""
        try:
            self._backend.close(force=self._end.is_kill_due())
            fail_point("workers-gone")
        finally:
            self._committer.waiting.extend(self._coordinator.abandon())
            try:
                self._commit(everything=True)
                self._budget.note()
            finally:
                self._end.is_over = True
                self._committer.close()

    def _update(self) -> None:
        """Let the domain be updated, when its function can read everything that has ended."""
        self._commit(everything=True)
        fail_point("before-update")
        self.is_updating = True
        try:
            if isinstance(self._backend, InlineBackend):
                self._backend.rest()  # the function is the script's
            self._coordinator.update()
        finally:
            self.is_updating = False

    def _step(self) -> None:
        if self._coordinator.is_update_due:
            self._update()
        commands, events = self._coordinator.decide(self._polled)
        self._committer.waiting.extend(events)
        fail_point("decided")
        for command in commands:
            self._apply(command)
        self._commit_if_due()  # workers have work meanwhile
        if self._coordinator.done or self._coordinator.is_update_due:
            return
        self._coordinator.look_ahead()
        self._polled = time.monotonic()
        self._take_in(self._backend.poll(self._committer.patience_s))

    def _apply(self, command: Command) -> None:
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

    def absorb(self, reports: Sequence[BackendEvent]) -> bool:
        """Take in what the backend reports while it runs a task, and commit when enough has come together.

        It returns whether a worker may go on with the tasks that it has. A branch that runs in this process
        and waits for an answer may report in its own thread.
        """
        self._take_in(reports)
        if get_ident() != self._thread:
            return False
        self._commit_if_due()
        return self._coordinator.goes_on and not self._is_ending

    def _take_in(self, reports: Sequence[BackendEvent]) -> None:
        now = time.monotonic()
        waiting, handle = self._committer.waiting, self._coordinator.handle
        for slot, event in reports:
            waiting += handle(slot, event, now)
        fail_point("heard")
        for command in self._coordinator.answers():
            self._apply(command)
        if get_ident() == self._thread and self._committer.is_urgent():
            self._commit()

    def _commit_if_due(self) -> None:
        now = time.monotonic()
        self._committer.check(now)
        if self._committer.is_due(now):
            self._commit()

    def _commit(self, *, everything: bool = False) -> None:
        self._committer.waiting += self._coordinator.begun()
        self._committer.commit(lambda: self._end.is_asked, everything=everything)
