"""The search or stopping rule of a run: created, and connected with its tasks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from research_domain import When
from research_experiment import Storage
from research_runner.errors import OptionError
from research_runner.recording.folder import FolderDecisions
from research_runner.recording.resume import Past
from research_runner.recording.storage_lookup import storage_of
from research_runner.recording.tries import FolderTries
from research_runner.scheduling.asking import Asking
from research_runner.scheduling.searches import Proposals, SearchSource
from research_runner.scheduling.source import TaskSource
from research_runner.scheduling.tasks import plain
from research_runner.searching.order import ArrivalOrder, DecisionJournal, Order, VirtualOrder
from research_runner.searching.protocol import Outcome, Search, SearchContext, StopRule, Told
from research_runner.searching.trials import Recorded, Trials
from research_runner.searching.watching import Watch, reports_of
from research_runner.settings.contradictions import why_unsaved
from research_runner.settings.parameters import DEFAULTS
from research_runner.settings.values import Deciding, RunSettings
from research_runner.system.console import ResearchWarning
from research_runner.system.paths import absolute_path

_OF_RULES = ("variables", "steps", "compares", "report", "tell")
_OF_SEARCHES = ("variables", "steps", "begin", "ask", "report", "tell")


class Decider:
    """The search or the rule of a run, and what it watches; raises `OptionError` where it cannot be used."""

    def __init__(self, settings: RunSettings, deciding: Deciding) -> None:
        self._settings, self._deciding = settings, deciding
        context = _context(settings)
        self.search: Search | None = None
        if deciding.search is not None:
            self._rule: StopRule = _checked(deciding, deciding.search.make(context), _OF_SEARCHES)
            self.search = self._rule
            self.search.begin(settings.domain.copy(), ())
        elif deciding.stop is not None:
            self._rule = _checked(deciding, deciding.stop.make(context), _OF_RULES)
        self.watch, self._rungs = _watch(deciding, self._rule, settings), None
        n_reps = settings.iteration.prepare(settings.domain).iter_params.n_reps
        if getattr(self.search, "race", False):
            self.watch, self._rungs = Watch(self.watch.variables, None), self.watch.steps
            if n_reps == 1 or settings.branches > 1 or self._rungs is None:
                problem = (
                    f"race=True needs a rule with steps, n_reps > 1 and branches=1, got {self._rungs}, "
                    f"n_reps={n_reps} and branches={settings.branches}"
                )
                raise OptionError("search", problem)
        elif self.search is not None and n_reps > 1 and self.watch.steps is not None:
            problem = (
                f"it ends experiments early, but of n_reps={n_reps} the mean counts: leave out one of both, "
                "or let it decide on repetitions, with race=True"
            )
            raise OptionError("search", problem)
        self._compares = self.search is not None or self._rule.compares
        if not self._compares:
            for option in ("slots", "order"):
                if getattr(deciding, option) != DEFAULTS[option]:
                    raise OptionError(option, "the rule looks at one experiment at a time: there is no order")
        elif deciding.order == "steps":
            _check_slots(deciding.slots, settings)

    @classmethod
    def of(cls, settings: RunSettings) -> Decider | None:
        """Return what decides in a run with these settings; None if nothing does."""
        return None if settings.deciding is None else cls(settings, settings.deciding)

    def source(
        self, walk: TaskSource, past: Past, storage: Storage, is_ending: Callable[[], bool]
    ) -> SearchSource:
        """Return the source of tasks that this decides on; `walk` provides configs without a search."""
        settings, branches = self._settings, self._settings.branches
        domain, seed = settings.iteration.prepare(settings.domain), settings.iteration.seed
        trials = Trials(
            self._rule,
            self._order(),
            remembers=self.search is not None,
            repetitions=1 if self.search is None else domain.iter_params.n_reps,
            rungs=self._rungs,
        )
        proposals: Proposals = walk
        if self.search is not None:
            by_hand = None if settings.path is None else FolderTries(settings.path, is_ending)
            proposals = Asking(
                *(self.search, domain, trials, branches, seed, past.identifier, by_hand, past.known),
                races=self._rungs is not None,
            )
        steps = settings.budget.steps
        needs_past = self._compares or steps is not None

        def record() -> Mapping[str, Recorded]:
            # of all earlier experiments, including removed ones
            return self._recorded(getattr(storage, "past", None) or storage.results)

        return SearchSource(proposals, trials, branches, past.keeps, record, needs_past, steps, is_ending)

    def _order(self) -> Order:
        settings = self._settings
        if not self._compares:
            return ArrivalOrder()
        if self._deciding.order == "steps":
            return VirtualOrder(self._deciding.slots, self.watch)
        journal = DecisionJournal() if settings.path is None else FolderDecisions(settings.path)
        ahead = math.inf if self.search is None else len(settings.setups) * settings.branches
        return ArrivalOrder(ahead, journal)

    def _recorded(self, results: Any) -> Mapping[str, Recorded]:
        if gone := getattr(results, "gone", ()):  # not every storage lets people remove anything
            warnings.warn(
                f"the values of {len(gone)} removed experiments are deleted, the first is {gone[0]!r}: what "
                "decides on configs and ends cannot know them again, and may decide otherwise than before",
                ResearchWarning,
                stacklevel=2,
            )
        return {told_id: recorded for told_id, _, recorded in _past(results, self.watch)}


def _checked(deciding: Deciding, made: Any, attributes: Sequence[str]) -> Any:
    """Return what a factory made, if it has what it needs."""
    for name in attributes:
        if not hasattr(made, name):
            raise OptionError(deciding.option, f"its make() returned {made!r}, which has no {name!r}")
    return made


def _watch(deciding: Deciding, rule: Any, settings: RunSettings) -> Watch:
    variables, steps = rule.variables, rule.steps
    if not isinstance(variables, tuple):
        problem = f"the variables of {rule!r} must be a tuple of names, got {variables!r}"
        raise OptionError(deciding.option, problem)
    if not variables:
        raise OptionError(deciding.option, f"{rule!r} names no variables to watch")
    for name in variables:
        unsaved = why_unsaved(name, settings.experiment, settings.execution.executor_class)
        if unsaved is not None:
            raise OptionError(deciding.option, unsaved)
    return Watch(variables, None if steps is None else When.parse(steps))


def _check_slots(slots: int, settings: RunSettings) -> None:
    if slots < settings.branches:
        raise OptionError("slots", f"{settings.branches} branches need as many slots, got {slots}")
    at_once = len(settings.setups) * settings.branches
    if at_once > slots:
        warnings.warn(
            f"{len(settings.setups)} workers could run {at_once} experiments at once, but slots={slots} "
            "lets only so many be under way: give more slots, or fewer workers",
            ResearchWarning,
            stacklevel=8,
        )


def _context(settings: RunSettings) -> SearchContext:
    params = settings.iteration.prepare(settings.domain).iter_params
    variables = settings.experiment.variables
    return SearchContext(
        domain=settings.domain,
        n_configs=params.n_items,
        n_iters=settings.n_iters,
        entropy=settings.iteration.seed,
        root_parameters=settings.experiment.root_parameters(settings.domain.parameters),
        history=_history,
        saved=None if variables is None else frozenset(variables),
        n_reps=params.n_reps,
    )


def _history(name: str, variables: Sequence[str]) -> Iterator[Told]:
    """Yield what another research has done."""
    path = absolute_path(name)
    results = storage_of(path).read(path, allow_pickle=True)
    watch = Watch(tuple(variables), None)
    for _, config, (reports, values, steps, outcome) in _past(results, watch):
        yield Told(None, config, values, reports, steps, outcome)


def _past(results: Any, watch: Watch) -> Iterator[tuple[str, Any, Recorded]]:
    """Yield id, config and results of each experiment that has ended."""
    if not hasattr(results, "history"):
        raise OptionError(
            "storage",
            f"{type(results).__qualname__} does not tell what experiments have saved: it has no history()",
        )
    for experiment_id, config, status, iterations, stopped, saved in results.history(watch.variables):
        steps = iterations or max((max(column) + 1 for column in saved.values()), default=0)
        reports, values = reports_of(watch, saved, steps, stopped)
        outcome: Outcome = "failed" if status == "failed" else "done" if stopped is None else "stopped"
        values = None if status == "failed" else values
        yield experiment_id, plain(config), Recorded(reports, values, steps, outcome)
