"""Output files of a task: of its only experiment, or shared by the experiments of a task."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from research_runner.scheduling.tasks import Task
from research_runner.worker.output import STDERR, STDOUT, OutputCapture, Target, recover_output, task_targets
from research_runner.worker.output.branches import BranchCapture
from research_runner.worker.plan import WorkerPlan

_SPOOL: Final = "spool"


def process_capture(plan: WorkerPlan, slot: int) -> OutputCapture | None:
    """Return the capture of a worker process; None if no output is to be caught."""
    if not plan.catches_output:
        return None
    return OutputCapture(_spool(plan), f"worker-{slot}", hold=True)


def branch_capture(plan: WorkerPlan) -> BranchCapture | None:
    """Return the capture that tells branches apart; None if no output is to be caught."""
    if not plan.catches_output:
        return None
    return BranchCapture(plan.redirects, plan.folder, plan.path_of)


def task_label(task: Task) -> str:
    """Return the owner of the output: the id of the only experiment, or the name of the task."""
    if len(task.experiments) == 1:
        return task.experiments[0].identity.id
    return f"task-{task.index}"


def shared_targets(plan: WorkerPlan) -> dict[int, Target] | None:
    """Return the targets of the process-wide output of every task; None if they depend on the task."""
    stdout, stderr = plan.redirects[STDOUT], plan.redirects[STDERR]
    if plan.folder is not None and (stdout.separate or stderr.separate):
        return None
    return task_targets(stdout, stderr, plan.folder, None)


def targets_of(plan: WorkerPlan, task: Task) -> dict[int, Target]:
    """Return the targets of the process-wide output of a task."""
    shared = shared_targets(plan)
    if shared is not None or plan.folder is None:
        return shared or {}
    own = plan.folder / ("experiments" if len(task.experiments) == 1 else "output") / task_label(task)
    return task_targets(plan.redirects[STDOUT], plan.redirects[STDERR], plan.folder, own)


def _spool(plan: WorkerPlan) -> Path | None:
    return None if plan.folder is None else plan.folder / _SPOOL


def recover(plan: WorkerPlan, slot: int, task: Task | None) -> None:
    """Deliver the output that a dead worker left in its spools."""
    folder = _spool(plan)
    if folder is None or not folder.exists() or not plan.catches_output:
        return
    label = f"worker-{slot}" if task is None else task_label(task)
    targets = {} if task is None else targets_of(plan, task)
    recover_output(folder, f"worker-{slot}", label, targets)


def forget_spools(plan: WorkerPlan) -> None:
    """Remove the folder of the spools when all workers are gone, and with it the spools of killed runs."""
    folder = _spool(plan)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
