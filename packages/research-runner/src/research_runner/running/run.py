"""One run of a research: typed settings in, a finished storage out."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sys
import tempfile
import time
import uuid
import warnings
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from research_experiment import Storage, StorageFactory
from research_experiment.careful_logging import careful_logger
from research_runner.backends.protocol import Backend, RunEnvironment
from research_runner.code.importing import installed_for
from research_runner.code.record import CodeRecord
from research_runner.errors import (
    FailedExperimentsError,
    MiscountedError,
    OptionError,
    ResearchExistsError,
)
from research_runner.pool import refuse_signals
from research_runner.profiling import ProfileFile, Profiler
from research_runner.recording.code import RunCode
from research_runner.recording.committing import Committer
from research_runner.recording.folder import FolderJournal, save_settings
from research_runner.recording.logs import RunLog
from research_runner.recording.monitor import Monitor
from research_runner.recording.progress import make_bar
from research_runner.recording.resume import Past, continued, describe, describe_domain
from research_runner.recording.spent import TimeBudget
from research_runner.recording.storage_lookup import find_storage, note_storage
from research_runner.running.deciding import Decider
from research_runner.running.interrupts import gentle_interrupts
from research_runner.running.session import RunEnd, Session
from research_runner.running.summary import RunSummary
from research_runner.scheduling.coordinator import Coordinator
from research_runner.scheduling.events import Event, Profiled
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.source import TaskSource
from research_runner.searching.protocol import Search
from research_runner.settings.values import RunSettings
from research_runner.system.console import ResearchWarning, say, write_line
from research_runner.system.environment import RunVersions
from research_runner.system.fail_points import fail_point
from research_runner.system.process_identity import owner
from research_runner.system.transient import passes_when
from research_runner.worker.logs import research_log
from research_runner.worker.plan import WorkerPlan, experiment_path
from research_runner.worker.script import Arrival

__all__ = ["ResearchRun"]

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
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


class ResearchRun:
    """Runs a research once; `storage`, `monitor` and `profiler` say what came of it.

    Nothing was created when the constructor raises `ResearchExistsError`, `StaleCodeError` or `TravelError`.
    """

    def __init__(self, settings: RunSettings, code: CodeRecord | None = None) -> None:
        storage_class = find_storage(settings.storage or ("memory" if settings.path is None else "folder"))
        opened = self._open(settings, storage_class)
        self._end = RunEnd()
        with ExitStack() as undo:
            if opened is not None:
                undo.callback(opened.close)
            past = Past.of(opened, settings.resume)
            past.check_values(settings.domain)
            self._root = settings.path or self._temporary_root()
            self._code = RunCode(settings, self._root, code)
            before = {} if opened is None else opened.meta
            if opened is not None:
                settings = replace(settings, iteration=continued(settings, self._code, before))
            self._code_before = before.get("code")
            self._settings = settings
            self._decider = Decider.of(settings)
            self._versions = RunVersions(before, with_commit=settings.path is not None)
            undo.callback(self._versions.close)
            backend = self._make_backend(storage_class.encode)
            undo.callback(backend.close, force=True)
            if self._decider is not None and not hasattr(backend, "answer"):
                problem = f"{type(backend).__qualname__} has no answer(), which search= and stop= need"
                raise OptionError("backend", problem)
            own_modules = self._code.record.own  # found by now, unless the backend needs none of it
            fail_point("workers-there")
            self.storage: Storage = opened or self._make_storage(storage_class)
            if opened is None:
                undo.callback(self.storage.close)
            if settings.path is not None or (settings.is_parallel and own_modules):
                self._code.save()
            if settings.path is not None:
                save_settings(settings.path, replace(settings, resume=None))
            fail_point("settings-kept")
            coordinator = self._make_coordinator(past)
            undo.pop_all()
        self._expected: Callable[[], int | None] = lambda: coordinator.expected
        self._unseen = past.unseen
        self.monitor = Monitor(partial(_without, self._expected, len(past.removed)), past.done, past.failed)
        self._summary = RunSummary(settings, self.storage, self.monitor)
        self._profiles = ProfileListener(settings.path)
        self.profiler = self._profiles.profiler
        self._budget = TimeBudget(settings.budget.seconds, settings.path, lambda: self._end.is_asked)
        committer = Committer(self.storage, (self.monitor, RunLog(), self._profiles), self._code.version)
        self._session = Session(coordinator, backend, committer, self._end, self._budget)

    @staticmethod
    def _open(settings: RunSettings, storage_class: Any) -> Storage | None:
        """Open what an earlier run left, if there is anything and it is to be continued."""
        if settings.path is None or not storage_class.is_there(settings.path):
            return None
        if settings.resume is None:
            raise ResearchExistsError(str(settings.path))
        storage: Storage = storage_class.open(settings.path, allow_pickle=True)
        return storage

    def _make_coordinator(self, past: Past) -> Coordinator:
        settings, path = self._settings, self.storage.path
        journal = None

        def is_ending() -> bool:
            return self._end.is_asked

        if path is not None:
            journal = FolderJournal(path, past.known, past.resume.force, is_ending)
            past.clear_up(self.storage)
            fail_point("cleared-up")
        tasks = TaskSource(
            settings.domain,
            settings.iteration,
            settings.branches,
            self.storage,
            past.keeps,
            journal,
            past.identifier,
        )
        source: TaskSource | SearchSource = tasks
        if self._decider is not None:
            source = self._decider.source(tasks, past, self._past_results, is_ending)
        described = describe(settings)
        self.storage.update_meta(
            expected=source.expected,
            owner=owner(),
            ended=None,
            run={"started": time.time(), "finished_before": past.done + past.failed},
            domain=describe_domain(settings.domain),
            given=dict(settings.given),
            code=self._code.version,
            helpers=self._code.helpers.as_plain(),
            versions=self._versions.record(),
            **described,
        )
        limits = settings.limits if not past.done else replace(settings.limits, canary=0)
        return Coordinator(source, len(settings.setups), limits, settings.setups)

    def _past_results(self) -> Any:
        """Return a reader of what was decided on before, also if somebody has removed some of it since."""
        return getattr(self.storage, "past", None) or self.storage.results

    def _make_storage(self, storage_class: Any) -> Storage:
        settings = self._settings
        trust = {} if settings.path is None else {"allow_pickle": True}
        described = {**describe(settings), "started": time.time()}
        try:
            storage: Storage = storage_class.create(settings.path, described, **trust)
        except FileExistsError:  # made by another process since it was looked for
            raise ResearchExistsError(str(settings.path)) from None
        for name, text in settings.output.environment.items():
            storage.put_environment(name, text)
        if settings.storage is not None and settings.path is not None:
            note_storage(settings.path, settings.storage)
        return storage

    def _make_backend(self, encode: Callable[..., Any]) -> Backend:
        settings = self._settings
        plan = WorkerPlan(
            experiment=settings.experiment,
            execution=settings.execution,
            setups=settings.setups,
            entropy=settings.iteration.seed,
            encode=encode,
            path_of=partial(experiment_path, self._root),
            folder=settings.path,
            redirects=settings.output.redirects,
            log_level=settings.output.log_level,
            results=self._results_reader(),
            gate=settings.gate,
            watch=None if self._decider is None else self._decider.watch,
            arrival=Arrival(settings.surroundings.data),
        )
        if settings.is_parallel:
            refuse_signals(plan.parts())
        environment = RunEnvironment(
            self._root,
            settings.start_method,
            lambda reports: self._session.absorb(reports),
            self._code,
        )
        return settings.backend.make(plan, environment)

    def _results_reader(self) -> Callable[[], Any] | None:
        if not self._settings.is_parallel:
            return lambda: self.storage.results
        if self._settings.path is not None:
            return partial(read_results, self._settings.storage or "folder", self._settings.path)
        return None

    def _temporary_root(self) -> Path:
        """Return a folder for the files of experiments whose results stay in memory; gone with this run."""
        root = Path(tempfile.gettempdir()) / f"research-{uuid.uuid4().hex}"
        weakref.finalize(self, _remove_own, root, os.getpid())
        return root

    @property
    def search(self) -> Search | None:
        """What decides on configs; None if they are those of the domain in their order."""
        return None if self._decider is None else self._decider.search

    @property
    def is_finished(self) -> bool:
        """Whether all that was to be run has ended."""
        return self._end.is_over

    def terminate(self, force: bool = False, grace_s: float | None = None) -> None:
        """Start nothing new and, if forced or after some seconds, kill what runs; safe in any thread."""
        self._end.ask(force, grace_s)

    def execute(self, bar: Any) -> None:
        """Run everything, with a progress bar if one is wanted, and close the storage."""
        settings = self._settings
        begun = time.monotonic()
        with research_log(settings.path, settings.output.log_level):
            _LOG.info("started: %s", describe(settings)["options"])
            if self._code_before not in (None, self._code.version):
                _LOG.info("the code has changed: it was %s and is %s", self._code_before, self._code.version)
            if settings.is_parallel and (left := settings.surroundings.left):
                _LOG.warning("workers do not have, of this process: %s", "; ".join(left))
            noted, ended = False, None
            try:
                with (
                    gentle_interrupts(self.terminate, raise_second=self._runs_code_of_users),
                    installed_for(self._code.record.modules),  # for updates, and units that run here
                ):
                    show, n_iters = settings.execution.show, settings.n_iters
                    self._session.run(make_bar(bar, self.monitor, n_iters, show, settings.name))
                    self._check_counts()
                ended = self._summary.log_end(begun)
                self._warn_if_nothing_began()
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
        """Compare what was counted with what is stored, without what was removed before."""
        self.storage.check()
        monitor, stored = self.monitor, self.storage.counts()
        failed = monitor.failed_experiments
        counted = (monitor.finished_experiments - failed, failed)
        kept = (stored.get("done", 0) - self._unseen[0], stored.get("failed", 0) - self._unseen[1])
        if counted != kept:
            raise MiscountedError(counted, kept)

    def _warn_if_nothing_began(self) -> None:
        seconds, before_s = self._settings.budget.seconds, self._budget.before_s
        if seconds is not None and before_s >= seconds and self.monitor.remained_experiments != 0:
            warnings.warn(
                f"nothing was begun: earlier runs have spent {before_s:.1f} of the {seconds:g} seconds of "
                f"the budget; to go on, give more: budget={{'seconds': {math.ceil(before_s + seconds)}}}",
                ResearchWarning,
                stacklevel=4,
            )

    def _runs_code_of_users(self) -> bool:
        """Whether a unit or the function of an update runs in the thread of the session."""
        return not self._settings.is_parallel or self._session.is_updating

    def _note_end(self) -> None:
        """Say in the folder that the run has ended, if the disk is not full."""
        fail_point("before-ended")
        try:
            with contextlib.closing(self._versions) as versions:
                late = {} if versions.is_complete else {"versions": versions.record(wait_s=_GIT_S)}
            self.storage.update_meta(ended=time.time(), expected=self._expected(), **late)
        except Exception as error:
            if passes_when(error) is None:
                raise
            _LOG.error("the end of the run could not be noted: %s", error)
        fail_point("after-ended")

    def _close(self, noted: bool) -> None:
        """Let go of the storage; first say in the folder that the run has ended, if that was not done."""
        self._profiles.close()
        try:
            if not noted:
                self._note_end()
        except Exception as error:  # noqa: BLE001 - another one is on its way already
            _LOG.error("the end of the run could not be noted: %s", error)
        finally:
            self.storage.close()


def _without(expected: Callable[[], int | None], removed: int) -> int | None:
    """Return how many experiments there will be without those that were removed."""
    count = expected()
    return None if count is None else count - removed


def _remove_own(root: Path, owner_pid: int) -> None:
    """Remove a folder, unless this process is only a fork of the one that made it."""
    if os.getpid() == owner_pid:
        shutil.rmtree(root, ignore_errors=True)


def read_results(storage: str | StorageFactory, path: Path) -> Any:
    """Return a reader of the results of a research that is being run elsewhere, for its own units."""
    return find_storage(storage).read(path, allow_pickle=True)
