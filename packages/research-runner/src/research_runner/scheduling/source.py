"""From a domain to tasks: which experiments there are, and which of them share a root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from research_domain import Domain, Identifier, ParameterError, UpdateError
from research_domain.identity import Identity
from research_experiment import evaluate_outside
from research_runner.scheduling.tasks import ExperimentSpec, Task

__all__ = ["IterationOptions", "Journal", "TaskSource", "may_end"]


@dataclass(frozen=True, slots=True)
class IterationOptions:
    """How configs are taken from a domain; see ``Domain.set_iter_params``.

    Parameters
    ----------
    n_items, n_reps, repeat_each, create_id_prefix
        Settings of the research; where there are none, the domain's hold.
    seed : object
        The seed of the research; the domain's own holds unless somebody gave this one.
    seed_given : bool
        Whether somebody gave it.
    infinite : bool
        Whether the research may go on without an end.
    """

    n_items: int | None = None
    n_reps: int | None = None
    repeat_each: int | None = None
    create_id_prefix: bool | int | None = None
    seed: Any = None
    seed_given: bool = False
    infinite: bool = False

    def prepare(self, domain: Domain) -> Domain:
        """Return a copy of a domain that is iterated like this.

        Raises
        ------
        ParameterError
            If a parameter has the name of a key that a research adds.
        """
        check_names(domain)
        names = ("n_items", "n_reps", "repeat_each", "create_id_prefix")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.seed_given:
            given["seed"] = None  # the domain's own seed is taken back
        return domain.copy().set_iter_params(**given).set_default_seed(self.seed)


def check_names(domain: Domain) -> None:
    """Check that no parameter has the name of a key that a research adds, or would add."""
    for key in ("repetition", "updates"):
        if key in domain.parameters:
            raise ParameterError(key, "is a key that a research adds to its configs; rename the parameter")


def may_end(domain: Domain, generated: int = 0) -> bool:
    """Return whether a domain has an end, or an update may still give it one."""
    if domain.is_finite:
        return True
    rule = domain.update_rule
    return rule is not None and bool(rule.when.periods or any(n >= generated for n in rule.when.exact))


class Journal:
    """The updates of the domain: those of an earlier run, and a record of those of this one.

    This one is for results in memory, which have no earlier run and no later one.

    Attributes
    ----------
    draws : mutable mapping
        What was drawn for parameters whose draws no seed repeats; see ``Domain.keep_draws``.
    """

    def __init__(self) -> None:
        self.draws: MutableMapping[str, list[Any]] = {}

    def passed(self, generated: int) -> bool:
        """Return whether an earlier run generated more configs than this, so that its decision stands."""
        return False

    def recorded(self, generated: int) -> Domain | None:
        """Return the domain that replaced the old one after this many configs; None if none did."""
        return None

    def record(self, generated: int, domain: Domain) -> None:
        """Record the domain that replaces the old one, before any of its experiments runs."""


def keep_nothing(experiment_id: str) -> bool:
    """Return False: every experiment runs."""
    return False


class TaskSource:
    """Takes configs from a domain, one by one, as they are needed, and groups them into tasks.

    Parameters
    ----------
    domain : Domain
        The domain, with its update rule if it has one.
    options : IterationOptions
        How configs are taken.
    branches : int
        Experiments per task.
    results : callable, optional
        Returns a reader of the results, for named expressions among the arguments of the update.
    kept : callable
        Experiment id → whether an earlier run has finished it, so that it does not run again.
    journal : Journal
        The updates of the domain.
    identifier : callable
        ``create_id_prefix`` → what gives experiments their identities.
    """

    def __init__(
        self,
        domain: Domain,
        options: IterationOptions,
        branches: int = 1,
        results: Callable[[], Any] | None = None,
        kept: Callable[[str], bool] = keep_nothing,
        journal: Journal | None = None,
        identifier: Callable[[bool | int], Identifier] = Identifier,
    ) -> None:
        self._results = results
        self._infinite = options.infinite
        self._branches = branches
        self._kept = kept
        self._journal = journal or Journal()
        self._numbers = count()
        self._replaced = 0
        self.generated = 0
        self._take_from(options.prepare(domain))
        self._identifier = identifier(self._domain.iter_params.create_id_prefix)

    def _take_from(self, domain: Domain) -> None:
        """Go on with a domain; what no seed repeats is drawn as it was in an earlier run."""
        if domain.unrepeatable:
            domain.keep_draws(self._journal.draws)
        self._domain, self._configs, self._size = domain, iter(domain), domain.size

    @property
    def expected(self) -> int | None:
        """Experiments in all if no update comes; None if the domain is infinite."""
        return None if self._size is None else self._replaced + self._size

    @property
    def tasks_left(self) -> int | None:
        """Tasks left if no update comes; None if the domain is infinite."""
        expected = self.expected
        return None if expected is None else -(-max(expected - self.generated, 0) // self._branches)

    def next_task(self) -> Task | None:
        """Return the next task; None when the domain is exhausted for now."""
        while group := list(islice(self._specs(), self._branches)):
            specs = [spec for spec in group if not self._kept(spec.identity.id)]
            if specs:
                return self.number(specs, group[0].identity)
        return None

    def number(self, experiments: Iterable[ExperimentSpec], root: Identity) -> Task:
        """Return a task with the next number."""
        return Task(next(self._numbers), tuple(experiments), root)

    def refill(self) -> bool:
        """Update the domain when it is exhausted and all of its experiments have ended.

        Returns
        -------
        bool
            Whether there are more configs.
        """
        rule = self._domain.update_rule
        return rule is not None and rule.when.last and self._update()

    def _specs(self) -> Iterator[ExperimentSpec]:
        branch = 0
        while (config := next(self._configs, None)) is not None:
            spec = ExperimentSpec(self._identifier.identify(config), config, self.generated, branch)
            branch += 1
            self.generated += 1
            rule = self._domain.update_rule
            if rule is not None and rule.when.due(self.generated - 1):
                self._update()
            yield spec

    def _update(self) -> bool:
        """Replace the rest of the domain, as an earlier run did or as its update rule says."""
        new = self._journal.recorded(self.generated)
        if new is None and not self._journal.passed(self.generated):
            new = self._ask()
            if new is not None:
                self._journal.record(self.generated, new)
        if new is None:
            return False
        self._take_from(new)
        self._replaced = self.generated
        return True

    def _ask(self) -> Domain | None:
        """Call the function of the update rule, with its named expressions evaluated."""
        rule = self._domain.update_rule
        if rule is None:
            return None
        kwargs = dict(rule.kwargs)
        if self._results is not None:
            kwargs = evaluate_outside(kwargs, self._results)
        new = self._domain.replaced(rule.function(**kwargs), self.generated)
        if new is not None:
            check_names(new)
        if new is not None and not (self._infinite or may_end(new, self.generated)):
            problem = f"it returned an infinite domain, {new!r}, and this research would never end"
            raise UpdateError(
                "function",
                f"{problem}; set_iter_params(n_items=...) on it, or allow it by run(infinite=True)",
            )
        return new
