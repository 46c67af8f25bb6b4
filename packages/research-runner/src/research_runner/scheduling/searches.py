"""Tasks whose experiments a rule may end early."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import count
from typing import Final, TypeAlias

from research_domain.identity import Identity
from research_runner.scheduling.asking import Asking
from research_runner.scheduling.source import TaskSource, keep_nothing
from research_runner.scheduling.tasks import ExperimentSpec, Task, plain
from research_runner.searching.protocol import Verdict
from research_runner.searching.trials import Recorded, Trials

_UNKNOWN: Final = Recorded((), None, 1, "done")
"""What is known of an experiment that was kept and is not among the results any more."""


Proposals: TypeAlias = TaskSource | Asking
"""Where experiments come from: a walk through the domain, or the answers of a search."""


class SearchSource:
    """Gives tasks in the order in which their experiments begin for a rule, and decides on them.

    Experiments come from `proposals`, and have begun, and are told to the rule, in `trials`. Those that are
    `kept` do not run again; if the rule `needs_past`, it is told of them by what `record` returns, which is
    called once. After `budget` iterations of all experiments that were told none begins; nothing more is
    asked when the run `is_ending`.
    """

    def __init__(
        self,
        proposals: Proposals,
        trials: Trials,
        branches: int = 1,
        kept: Callable[[str], bool] = keep_nothing,
        record: Callable[[], Mapping[str, Recorded]] = dict,
        needs_past: bool = True,
        budget: int | None = None,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_ending = is_ending
        self._ready: Task | None = None
        self._budget = math.inf if budget is None else budget
        self._needs_past = needs_past
        self._proposals = proposals
        self._trials = trials
        self._branches = branches
        self._kept = kept
        self._record = cache(record)
        self._numbers = count()

    @property
    def generated(self) -> int:
        """Number of experiments so far."""
        return self._proposals.generated

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known; None if the domain is infinite."""
        return self.generated if self._trials.steps >= self._budget else self._proposals.expected

    @property
    def tasks_left(self) -> int | None:
        """Tasks left, but not more than may be given ahead; None if there is no end of both."""
        if self._trials.steps >= self._budget:
            return int(self._ready is not None)
        left, ahead = self._proposals.tasks_left, self._trials.order.ahead / self._branches
        left = None if left is None else left + (self._ready is not None)
        return left if left is not None and left <= ahead else int(ahead) if ahead < math.inf else None

    def add_tasks(self, tasks: list[Task], most: int) -> None:
        """Add the next tasks, until there are `most`; fewer as :meth:`next_task`."""
        while len(tasks) < most and (task := self.next_task()) is not None:
            tasks.append(task)

    def next_task(self) -> Task | None:
        """Return the next task; None if an experiment has to end first, an update is due, or none is left."""
        task, self._ready = self._ready or self._next(), None
        return task

    def look_ahead(self) -> None:
        """Have the next task ready, if it is the same one whenever it is asked for."""
        if self._ready is None and not self._trials.order.is_prompt:
            self._ready = self._next()

    def _next(self) -> Task | None:
        """Return the next task.

        What begins and what is told is one sequence, and goes on here alone: whatever has ended meanwhile, an
        experiment begins as soon as those that were told leave room for it.
        """
        while not self._is_ending():
            may_begin = self._trials.order.free >= self._branches and self._trials.steps < self._budget
            group = self._proposals.next_group() if may_begin else []
            fresh = [spec for spec in group if self._begin(spec)]
            if fresh:
                return self.number(fresh, group[0].identity)
            if not group and (self._proposals.is_update_due(idle=False) or not self._trials.tell_next()):
                return None
        return None

    def _begin(self, spec: ExperimentSpec) -> bool:
        """Record an experiment; return whether it has to run."""
        experiment_id = spec.identity.id
        if not self._needs_past and self._kept(experiment_id):
            return False
        number = self._proposals.question_of(spec)
        self._trials.begin(experiment_id, number, plain(spec.config), spec.identity.repetition)
        if not self._kept(experiment_id):
            return True
        self._trials.recall(experiment_id, self._record().get(experiment_id, _UNKNOWN))
        return False

    def number(self, experiments: Iterable[ExperimentSpec], root: Identity) -> Task:
        """Return a task with the next number."""
        return Task(next(self._numbers), tuple(experiments), root)

    def is_update_due(self, idle: bool) -> bool:
        """Tell whether the function of an update of the domain is to be asked."""
        return self._proposals.is_update_due(idle and self._ready is None)

    def update(self) -> None:
        """Update the domain; if the update waited for all experiments, these are told first."""
        while not self._proposals.is_update_due(idle=False) and self._trials.tell_next():
            pass
        self._proposals.update()

    def decide(self, experiment_id: str, step: int, values: tuple[float, ...]) -> bool:
        """Return whether an experiment that has reported is to end."""
        return self._trials.report(experiment_id, step, values) is Verdict.STOP

    def note_last(self, experiment_id: str, values: tuple[float, ...] | None) -> None:
        """Record the last values of an experiment before its end."""
        self._trials.note_last(experiment_id, values)

    def conclude(self, experiment_id: str, steps: int, is_failed: bool) -> int | None:
        """Record an end; return the step at which a verdict stopped the experiment, if any."""
        return self._trials.conclude(experiment_id, steps, is_failed=is_failed)
