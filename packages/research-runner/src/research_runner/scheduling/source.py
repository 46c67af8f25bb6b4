"""The source of tasks: experiments from a domain, grouped by their roots."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import Any

from research_domain import ConfigAlias, Domain, DomainError, Identifier, ParameterError, UpdateError
from research_domain.config import overlap
from research_domain.identity import Identity
from research_domain.texts import clean_text
from research_experiment.forks import end_if_forked
from research_runner.scheduling.tasks import ExperimentSpec, Task, new


@dataclass(frozen=True, slots=True)
class IterationOptions:
    """How configs are taken from a domain; see ``Domain.set_iter_params``."""

    n_items: int | None = None  # of the research, as the next three; where there are none, the domain's hold
    n_reps: int | None = None
    repeat_each: int | None = None
    create_id_prefix: bool | int | None = None
    seed: Any = None  # the domain's own holds unless somebody gave this one
    seed_given: bool = False  # whether somebody gave it
    infinite: bool = False  # whether the research may go on without an end
    # keys that workers, branches and devices add to each config; no parameter may be called so
    added: frozenset[str] = frozenset()

    def prepare(self, domain: Domain) -> Domain:
        """Return a copy of a domain that is iterated like this; errors as of `check_names`."""
        check_names(domain)
        names = ("n_items", "n_reps", "repeat_each", "create_id_prefix")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.seed_given:
            given["seed"] = None  # the domain's own seed is taken back
        return domain.copy().set_iter_params(**given).set_default_seed(self.seed)


def overlapping(domain: Domain, added: Iterable[str]) -> list[str]:
    """Return the parameters of a domain that would be replaced."""
    return [name for name in domain.parameters if any(overlap(key, name) for key in added)]


def check_names(domain: Domain, added: Iterable[str] = ()) -> None:
    """Raise `ParameterError` for a parameter with the name of a key that a research adds, or would add."""
    for name in overlapping(domain, ("repetition", "updates", *added)):
        raise ParameterError(name, "is a key that a research adds to its configs; rename the parameter")
    for name in domain.parameters:
        if clean_text(name) != name:
            raise ParameterError(
                clean_text(name), "has half of a surrogate pair in its name; rename the parameter"
            )


def may_end(domain: Domain, generated: int = 0) -> bool:
    """Return whether a domain has an end, or an update may still give it one."""
    if domain.is_finite:
        return True
    rule = domain.update_rule
    return rule is not None and bool(rule.when.periods or any(n >= generated for n in rule.when.exact))


class Due(Enum):
    """When the function of an update is to be asked."""

    NEVER = auto()
    NOW = auto()
    WHEN_IDLE = auto()


class Journal:
    """The updates of the domain: those of an earlier run, and a record of those of this one.

    This one is for results in memory, which have no earlier run and no later one. `draws` has what was drawn
    for parameters whose draws no seed repeats; see ``Domain.keep_draws``.
    """

    def __init__(self) -> None:
        self.draws: MutableMapping[str, list[Any]] = {}

    def passed(self, generated: int) -> bool:
        """Return whether an earlier run has asked the function after this many configs, so that it stands."""
        return False

    @property
    def has_records(self) -> bool:
        """Whether there are updates that were not repeated yet."""
        return False

    def recorded(self, generated: int, due: bool) -> Domain | None:
        """Return what the function returned after this many configs; None if that was no domain.

        `due` says whether it would be asked here today. Raises `ChangedError` for a record where it would
        not.
        """
        return None

    def check_end(self, generated: int) -> None:
        """Raise `ChangedError` if the domain ends before the last update that was recorded."""

    def record(self, generated: int, domain: Domain, by: str) -> None:
        """Record what the function, which is called `by`, returned, before any of its experiments runs."""

    def pass_by(self, generated: int) -> None:
        """Record that the function of the update returned no domain after this many configs."""


def keep_nothing(experiment_id: str) -> bool:
    """Return False: every experiment runs."""
    return False


class TaskSource:
    """Takes configs from a domain, one by one, as they are needed, and groups them into tasks.

    `research` has the `results` that named expressions among the arguments of an update ask for. Experiments
    that are `kept` do not run again. The `journal` has the updates of an earlier run, and gets those of this
    one; `identifier` makes from ``create_id_prefix`` what gives experiments their identities.

    An update is never made by itself: where one is due, :meth:`next_task` returns None until :meth:`update`
    is called. It closes the task that is being filled, if it replaces the domain or waits for this task.
    """

    def __init__(
        self,
        domain: Domain,
        options: IterationOptions,
        branches: int = 1,
        research: Any = None,
        kept: Callable[[str], bool] = keep_nothing,
        journal: Journal | None = None,
        identifier: Callable[[bool | int], Identifier] = Identifier,
    ) -> None:
        self._research = research
        self._infinite, self._added = options.infinite, options.added
        self._branches = branches
        self._kept = kept
        self._journal = journal or Journal()
        self._numbers = count()
        self._group: list[ExperimentSpec] = []
        self._is_closed = False
        self._due: Due = Due.NEVER
        self.generated = 0
        self._take_from(options.prepare(domain))
        self._identifier = identifier(self._domain.iter_params.create_id_prefix)

    def _take_from(self, domain: Domain) -> None:
        """Continue with a domain; draws that no seed repeats are those of an earlier run."""
        if domain.unrepeatable:
            domain.keep_draws(self._journal.draws)
        self._domain, self._configs, self._size = domain, iter(domain), domain.size
        self._ahead: list[ConfigAlias] = []
        self._replaced = self.generated

    @property
    def expected(self) -> int | None:
        """Experiments in all if no update comes; None if the domain is infinite."""
        return None if self._size is None else self._replaced + self._size

    @property
    def tasks_left(self) -> int | None:
        """Tasks left if no update comes; None if the domain is infinite."""
        expected = self.expected
        return None if expected is None else -(-max(expected - self.generated, 0) // self._branches)

    def next_group(self) -> list[ExperimentSpec]:
        """Return the experiments of the next task, including kept ones."""
        if not self._fill():
            return []
        group, self._group, self._is_closed = self._group, [], False
        return group

    def add_tasks(self, tasks: list[Task], most: int) -> None:
        """Add the next tasks, until there are `most`; fewer as :meth:`next_task`."""
        is_plain = self._branches == 1 and self._domain.update_rule is None and not self._journal.has_records
        if not is_plain or self._group or self._ahead:
            while len(tasks) < most and (task := self.next_task()) is not None:
                tasks.append(task)
            return
        identify, kept, numbers = self._identifier.identify, self._kept, self._numbers
        for config in self._configs:
            identity = identify(config)
            spec = new(ExperimentSpec, (identity, config, self.generated, 0))
            self.generated += 1
            if kept is keep_nothing or not kept(identity.id):
                tasks.append(new(Task, (next(numbers), (spec,), identity)))
                if len(tasks) >= most:
                    return

    def next_task(self) -> Task | None:
        """Return the next task; None when an update is due, or the domain is exhausted."""
        while group := self.next_group():
            specs = [spec for spec in group if not self._kept(spec.identity.id)]
            if specs:
                return self.number(specs, group[0].identity)
        return None

    def number(self, experiments: Iterable[ExperimentSpec], root: Identity) -> Task:
        """Return a task with the next number."""
        return Task(next(self._numbers), tuple(experiments), root)

    def question_of(self, spec: ExperimentSpec) -> int:
        """Return the number under which a rule knows an experiment: its position in the domain."""
        return spec.index

    def look_ahead(self) -> None:
        """Do nothing: a config of a domain takes no time."""

    def decide(self, experiment_id: str, step: int, values: tuple[float, ...]) -> bool:
        """Return whether an experiment that has reported is to end: nothing here ends one."""
        return False

    def note_last(self, experiment_id: str, values: tuple[float, ...] | None) -> None:
        """Do nothing with the last values of an experiment."""

    def conclude(self, experiment_id: str, steps: int, is_failed: bool) -> int | None:
        """Return the step at which an experiment was ended by a verdict: None, as nothing here ends one."""
        return None

    def _fill(self) -> bool:
        """Fill the group of the next task; return whether there is one, and it is complete."""
        while len(self._group) < self._branches and not self._is_closed:
            if self._due is not Due.NEVER:
                return False
            config = self._ahead.pop() if self._ahead else next(self._configs, None)
            if config is None:
                self._journal.check_end(self.generated)
                break
            identity = self._identifier.identify(config)
            self._group.append(ExperimentSpec(identity, config, self.generated, len(self._group)))
            self.generated += 1
            self._look_for_update()
        return bool(self._group)

    def _is_exhausted(self) -> bool:
        """Whether the domain has no more configs; takes one of it to know."""
        if not self._ahead and (config := next(self._configs, None)) is not None:
            self._ahead.append(config)
        return not self._ahead

    def _look_for_update(self) -> None:
        """Repeat the update that an earlier run made here, or find that one is due."""
        rule = self._domain.update_rule
        exhausted = rule is not None and rule.when.last and self._is_exhausted()
        due = rule is not None and rule.is_due(self.generated, exhausted)
        recorded = self._journal.recorded(self.generated, due)
        if recorded is not None:
            self._is_closed = True
            self._take_from(self._domain.replaced(recorded, self.generated))
        elif due and rule is not None:
            self._is_closed = rule.waits(exhausted)
            if not self._journal.passed(self.generated):
                self._due = Due.WHEN_IDLE if self._is_closed else Due.NOW

    def is_update_due(self, idle: bool) -> bool:
        """Tell whether the function of the update is to be asked; `idle` if all experiments have ended."""
        return self._due is Due.NOW or (idle and self._due is Due.WHEN_IDLE)

    def update(self) -> None:
        """Call the function of the update, and continue with the domain that it returns, if any.

        Raises `UpdateError` if it raises, or returns an object that the research cannot use.
        """
        self._due, rule = Due.NEVER, self._domain.update_rule
        if rule is None:
            return
        owner = os.getpid()
        try:
            found = rule.ask(self.generated, self._research)
        finally:
            end_if_forked(owner)
        if found is None:
            self._journal.pass_by(self.generated)
            return
        by = f"the function {rule.name}"
        domain = self._checked(found, by)
        self._journal.record(self.generated, found, by)
        self._is_closed = bool(self._group)
        self._take_from(domain)

    def _checked(self, found: Domain, by: str) -> Domain:
        """Return the domain that a function returned, checked and prepared."""
        domain = self._domain.replaced(found, self.generated)
        returned = f"{by} returned {found!r}"
        try:
            check_names(domain, self._added)
        except DomainError as error:
            raise UpdateError("function", f"{returned}: {error}") from error
        if not (self._infinite or may_end(domain, self.generated)):
            raise UpdateError(
                "function",
                f"{returned}, an infinite domain, and this research would never end; "
                "set_iter_params(n_items=...) on it, or allow it by run(infinite=True)",
            )
        return domain
