"""One run of a research, from typed settings to a finished storage."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Final

from research_experiment.careful_logging import careful_logger
from research_runner.code.importing import installed_for
from research_runner.code.record import CodeRecord
from research_runner.errors import FailedExperimentsError, MiscountedError
from research_runner.profiling.profiler import Profiler
from research_runner.profiling.stored import ProfileFile
from research_runner.recording.committing import Committer
from research_runner.recording.logs import RunLog
from research_runner.recording.monitor import Monitor
from research_runner.recording.progress import make_bar
from research_runner.recording.resume import describe_options
from research_runner.recording.spent import TimeBudget
from research_runner.running.interrupts import gentle_interrupts
from research_runner.running.preparing import prepare
from research_runner.running.session import RunEnd, Session
from research_runner.running.summary import RunSummary
from research_runner.scheduling.events import Event, Profiled
from research_runner.searching.protocol import Search
from research_runner.settings.values import RunSettings
from research_runner.system.console import ResearchWarning, say, write_line
from research_runner.system.fail_points import fail_point
from research_runner.system.transient import passes_when
from research_runner.worker.logs import research_log

_LOG = careful_logger("research.run")
_GIT_S: Final = 2.0
"""How long the end of a run waits for git, which has had the whole run to answer."""


class ProfileListener:
    """Collects the profiles of experiments, and stores them where there is a folder."""

    kinds = (Profiled,)

    def __init__(self, folder: Path | None) -> None:
        self.profiler = Profiler()
        self._file = None if folder is None else ProfileFile(folder)

    def handle(self, event: Event) -> None:
        """Keep the rows."""
        if isinstance(event, Profiled):
            self.profiler.add(event.rows)
            if self._file is not None:
                self._file.write(event.experiment_id, event.rows)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class ResearchRun:
    """Runs a research once; `storage`, `monitor` and `profiler` say what came of it.

    Nothing was created when the constructor raises `ResearchExistsError`, `StaleCodeError` or `TravelError`.
    """

    def __init__(self, settings: RunSettings, code: CodeRecord | None = None) -> None:
        self._end = end = RunEnd()

        def is_ending() -> bool:
            return end.is_asked

        self._run = run = prepare(settings, code, is_ending, lambda reports: self._session.absorb(reports))
        self.storage = run.storage
        self.monitor = Monitor(run.expected_here, run.past.done, run.past.failed)
        self._summary = RunSummary(run.settings, run.storage, self.monitor)
        self._profiles = ProfileListener(settings.path)
        self.profiler = self._profiles.profiler
        self._budget = TimeBudget(settings.budget.seconds, settings.path, is_ending)
        listeners, gathers = (self.monitor, RunLog(), self._profiles), run.decider is None
        committer = Committer(run.storage, listeners, run.code.version, gathers=gathers)
        self._session = Session(run.coordinator, run.backend, committer, self._end, self._budget)

    @property
    def search(self) -> Search | None:
        """The search that decides on configs, or None."""
        return None if self._run.decider is None else self._run.decider.search

    @property
    def is_finished(self) -> bool:
        """Whether all that was to be run has ended."""
        return self._end.is_over

    def terminate(self, force: bool = False, grace_s: float | None = None) -> None:
        """Start nothing new and, if forced or after some seconds, kill what runs; safe in any thread."""
        self._end.ask(force, grace_s)

    def execute(self, bar: Any) -> None:
        """Run everything, with a progress bar if one is wanted, and close the storage."""
        settings, code = self._run.settings, self._run.code
        begun = time.monotonic()
        with research_log(settings.path, settings.output.log_level):
            _LOG.info("started: %s", describe_options(settings))
            if (before := self._run.code_before) not in (None, code.version):
                _LOG.info("the code has changed: it was %s and is %s", before, code.version)
            if settings.is_parallel and (left := settings.surroundings.left):
                _LOG.warning("workers do not have, of this process: %s", "; ".join(left))
            noted, ended = False, None
            try:
                with (
                    gentle_interrupts(self.terminate, raise_second=self._runs_code_of_users),
                    installed_for(code.record.modules),  # for updates, and units that run here
                ):
                    show, n_iters = settings.execution.show, settings.n_iters
                    self._session.run(make_bar(bar, self.monitor, n_iters, show, settings.name))
                    self._check_counts()
                ended = self._summary.log_end(begun)
                self._warn_if_nothing_began()
                self._warn_if_nothing_was_shown()
                self._note_end()
                noted = True
                failures = self._summary.failures()
            except KeyboardInterrupt:
                self._summary.say_failures(self._summary.failures(), in_short=True)
                say(f"interrupted; {self._summary.how_to_resume()}")
                raise
            except Exception as error:
                if not settings.execution.debug and getattr(error, "resumable", True):
                    error.add_note(self._summary.how_to_resume())
                if isinstance(error, MiscountedError) or not getattr(error, "resumable", True):
                    ended = self._summary.log_end(begun, str(error))
                raise
            finally:
                ended = ended or self._summary.log_end(begun)
                self._close(noted)
        ending = settings.ending
        if not ending.raise_on_failure:
            self._summary.say_failures(failures)
        if bar:
            write_line(f"{ended}{self._summary.where_output_is()}", sys.stdout)
        if failures is not None and ending.raise_on_failure:
            report = self._summary.with_hint(str(failures))
            raise FailedExperimentsError(failures.failed, failures.total, report)

    def _check_counts(self) -> None:
        """Compare the counts of the monitor with the storage, without removed experiments."""
        self.storage.check()
        monitor, stored = self.monitor, self.storage.counts()
        failed = monitor.failed_experiments
        counted = (monitor.finished_experiments - failed, failed)
        done_before, failed_before = self._run.past.unseen
        kept = (stored.get("done", 0) - done_before, stored.get("failed", 0) - failed_before)
        if counted != kept:
            raise MiscountedError(counted, kept)

    def _warn_if_nothing_began(self) -> None:
        seconds, before_s = self._run.settings.budget.seconds, self._budget.before_s
        if seconds is not None and before_s >= seconds and self.monitor.remained_experiments != 0:
            warnings.warn(
                f"nothing was begun: earlier runs have spent {before_s:.1f} of the {seconds:g} seconds of "
                f"the budget; to go on, give more: budget={{'seconds': {math.ceil(before_s + seconds)}}}",
                ResearchWarning,
                stacklevel=4,
            )

    def _warn_if_nothing_was_shown(self) -> None:
        """Warn if the variable of `show` was never saved."""
        show, monitor = self._run.settings.execution.show, self.monitor
        if show is None or monitor.finished_experiments == monitor.failed_experiments:
            return
        saved = getattr(self.storage.results, "variables", None)
        if saved is not None and show not in saved:
            names = ", ".join(map(repr, saved)) or "none"
            warnings.warn(
                f"show={show!r}: no experiment has saved it; those that are saved are: {names}",
                ResearchWarning,
                stacklevel=4,
            )

    def _runs_code_of_users(self) -> bool:
        """Whether a unit or the function of an update runs in the thread of the session."""
        return not self._run.settings.is_parallel or self._session.is_updating

    def _note_end(self) -> None:
        """Say in the folder that the run has ended, if the disk is not full."""
        fail_point("before-ended")
        try:
            with contextlib.closing(self._run.versions) as versions:
                late = {} if versions.is_complete else {"versions": versions.record(wait_s=_GIT_S)}
            self.storage.update_meta(ended=time.time(), expected=self._run.coordinator.expected, **late)
        except Exception as error:
            if passes_when(error) is None:
                raise
            _LOG.error("the end of the run could not be noted: %s", error)
        fail_point("after-ended")

    def _close(self, noted: bool) -> None:
        """Close the storage; first record the end of the run, if that was not done."""
        self._profiles.close()
        try:
            if not noted:
                self._note_end()
        except Exception as error:  # noqa: BLE001 - another one is on its way already
            _LOG.error("the end of the run could not be noted: %s", error)
        finally:
            self.storage.close()
