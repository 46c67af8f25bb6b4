"""Preparation of a run; nothing is created on disk before a worker has loaded the plan."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from research_experiment import Storage
from research_runner.backends.protocol import Backend, RunEnvironment
from research_runner.code.record import CodeRecord
from research_runner.errors import OptionError, ResearchExistsError
from research_runner.pool.travel import refuse_signals
from research_runner.recording.code import RunCode
from research_runner.recording.folder import FolderJournal, save_settings
from research_runner.recording.resume import Past, continued, describe, describe_domain
from research_runner.recording.storage_lookup import find_storage, note_storage, read_results
from research_runner.running.deciding import Decider
from research_runner.scheduling.coordinator import Coordinator
from research_runner.scheduling.events import BackendEvent
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.source import TaskSource, keep_nothing
from research_runner.settings.values import RunSettings
from research_runner.system.environment import RunVersions
from research_runner.system.fail_points import fail_point
from research_runner.system.process_identity import owner
from research_runner.worker.plan import WorkerPlan, experiment_path
from research_runner.worker.script import Arrival


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """What a run consists of when it can begin; a temporary folder goes with it."""

    settings: RunSettings  # with the seed of the run that it goes on with
    code: RunCode
    code_before: str | None  # the version of the code of the run that it goes on with
    past: Past
    decider: Decider | None
    versions: RunVersions
    backend: Backend
    storage: Storage
    coordinator: Coordinator

    def expected_here(self) -> int | None:
        """Return the expected number of experiments, without removed ones."""
        expected = self.coordinator.expected
        return None if expected is None else expected - len(self.past.removed)


def prepare(
    settings: RunSettings,
    code: CodeRecord | None,
    is_ending: Callable[[], bool],
    report: Callable[[Sequence[BackendEvent]], bool],
) -> PreparedRun:
    """Open or create everything; close it again if anything is refused.

    `code` is given if it is known. It does not wait for a full disk in a run that `is_ending`. `report` takes
    events of tasks that run in this process.
    """
    storage_class = find_storage(settings.storage or ("memory" if settings.path is None else "folder"))
    opened = _open_earlier(settings, storage_class)
    with ExitStack() as undo:
        if opened is not None:
            undo.callback(opened.close)
        past = Past.of(opened, settings.resume)
        past.check_values(settings.domain)
        root = settings.path or Path(tempfile.gettempdir()) / f"research-{uuid.uuid4().hex}"
        run_code = RunCode(settings, root, code)
        before = {} if opened is None else opened.meta
        if opened is not None:
            settings = replace(settings, iteration=continued(settings, run_code, before))
        decider = Decider.of(settings)
        versions = RunVersions(before, with_commit=settings.path is not None)
        undo.callback(versions.close)
        plan = _make_plan(settings, root, storage_class.encode, decider, lambda: storage.results)
        # described now, while the process of the workers begins
        described = {**describe(settings), "domain": describe_domain(settings.domain)}
        environment = RunEnvironment(root, settings.start_method, report, run_code)
        backend = settings.backend.make(plan, environment)
        undo.callback(backend.close, force=True)
        if decider is not None and not hasattr(backend, "answer"):
            problem = f"{type(backend).__qualname__} has no answer(), which search= and stop= need"
            raise OptionError("backend", problem)
        own_modules = run_code.record.own  # found by now, unless the backend needs none of it
        fail_point("workers-there")
        storage: Storage = opened or _make_storage(settings, storage_class, described)
        if opened is None:
            undo.callback(storage.close)
        if settings.path is not None or (settings.is_parallel and own_modules):
            run_code.save()
        if settings.path is not None:
            # not before the code is recorded: `research resume` would take values of the script for others
            save_settings(settings.path, replace(settings, resume=None))
        fail_point("settings-kept")
        coordinator = _make_coordinator(settings, storage, past, decider, is_ending)
        storage.update_meta(
            expected=coordinator.expected,
            owner=owner(),
            ended=None,
            run={"started": time.time(), "finished_before": past.done + past.failed},
            given=dict(settings.given),
            code=run_code.version,
            helpers=run_code.helpers.as_plain(),
            versions=versions.record(),
            **described,
        )
        undo.pop_all()
    code_before = before.get("code")
    run = PreparedRun(settings, run_code, code_before, past, decider, versions, backend, storage, coordinator)
    if settings.path is None:
        weakref.finalize(run, _remove_own, root, os.getpid())
    return run


def _open_earlier(settings: RunSettings, storage_class: Any) -> Storage | None:
    """Open the storage of an earlier run, if there is one and it is to be resumed."""
    if settings.path is None or not storage_class.is_there(settings.path):
        return None
    if settings.resume is None:
        raise ResearchExistsError(str(settings.path))
    storage: Storage = storage_class.open(settings.path, allow_pickle=True)
    return storage


def _make_plan(
    settings: RunSettings,
    root: Path,
    encode: Callable[..., Any],
    decider: Decider | None,
    results_here: Callable[[], Any],
) -> WorkerPlan:
    results: Callable[[], Any] | None = None if settings.is_parallel else results_here
    if settings.is_parallel and settings.path is not None:
        results = partial(read_results, settings.storage or "folder", settings.path)
    plan = WorkerPlan(
        experiment=settings.experiment,
        execution=settings.execution,
        setups=settings.setups,
        entropy=settings.iteration.seed,
        encode=encode,
        path_of=partial(experiment_path, root),
        folder=settings.path,
        redirects=settings.output.redirects,
        log_level=settings.output.log_level,
        results=results,
        gate=settings.gate,
        watch=None if decider is None else decider.watch,
        arrival=Arrival(settings.surroundings.data),
    )
    if settings.is_parallel:
        refuse_signals(plan.parts())
    return plan


def _make_storage(settings: RunSettings, storage_class: Any, described: Mapping[str, Any]) -> Storage:
    trust = {} if settings.path is None else {"allow_pickle": True}
    try:
        storage: Storage = storage_class.create(settings.path, {**described, "started": time.time()}, **trust)
    except FileExistsError:  # made by another process since it was looked for
        raise ResearchExistsError(str(settings.path)) from None
    for name, text in settings.output.environment.items():
        storage.put_environment(name, text)
    if settings.storage is not None and settings.path is not None:
        note_storage(settings.path, settings.storage)
    return storage


def _make_coordinator(
    settings: RunSettings,
    storage: Storage,
    past: Past,
    decider: Decider | None,
    is_ending: Callable[[], bool],
) -> Coordinator:
    journal = None
    if storage.path is not None:
        journal = FolderJournal(storage.path, past.known, past.resume.force, is_ending)
        past.clear_up(storage)
        fail_point("cleared-up")
    source: TaskSource | SearchSource
    kept = past.keeps if past.known else keep_nothing
    source = tasks = TaskSource(
        settings.domain, settings.iteration, settings.branches, storage, kept, journal, past.identifier
    )
    if decider is not None:
        source = decider.source(tasks, past, storage, is_ending)
    limits = settings.limits if not past.done else replace(settings.limits, canary=0)
    return Coordinator(source, len(settings.setups), limits, settings.setups)


def _remove_own(root: Path, owner_pid: int) -> None:
    """Remove a folder, unless this process is only a fork of the one that made it."""
    if os.getpid() == owner_pid:
        shutil.rmtree(root, ignore_errors=True)
