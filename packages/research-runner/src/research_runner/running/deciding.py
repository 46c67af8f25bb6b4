"""What decides on experiments while they run: made for one run, and connected with its tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from research_domain import When
from research_runner.errors import OptionError
from research_runner.recording.resume import Past
from research_runner.recording.storage_lookup import storage_of
from research_runner.scheduling.searches import SearchSource, plain
from research_runner.scheduling.source import TaskSource
from research_runner.searching.order import ArrivalOrder, Order, VirtualOrder
from research_runner.searching.protocol import Outcome, SearchContext, StopRule, Told
from research_runner.searching.trials import Recorded, Trials
from research_runner.searching.watching import Watch, reports_of
from research_runner.settings.parameters import DEFAULTS
from research_runner.settings.rules import why_unsaved
from research_runner.settings.values import Deciding, RunSettings
from research_runner.system.console import ResearchWarning
from research_runner.system.paths import absolute_path

__all__ = ["Decider"]

_ATTRIBUTES = ("variables", "steps", "compares", "report", "tell")


class Decider:
    """The rule of a run, and what it watches.

    Parameters
    ----------
    rule : StopRule
        Decides.
    settings : RunSettings
        Of the run.
    deciding : Deciding
        What of them is about decisions.

    Raises
    ------
    OptionError
        If the rule cannot be used in this run.
    """

    def __init__(self, rule: StopRule, settings: RunSettings, deciding: Deciding) -> None:
        missing = [name for name in _ATTRIBUTES if not hasattr(rule, name)]
        if missing:
            raise OptionError("stop", f"its make() returned {rule!r}, which has no {missing[0]!r}")
        variables = rule.variables
        if not isinstance(variables, tuple):
            raise OptionError(
                "stop", f"the variables of {rule!r} must be a tuple of names, got {variables!r}"
            )
        for name in variables:
            unsaved = why_unsaved(name, settings.experiment, settings.execution.executor_class)
            if unsaved is not None:
                raise OptionError("stop", unsaved)
        if not variables:
            raise OptionError("stop", f"{rule!r} names no variables to watch")
        self.watch = Watch(variables, None if rule.steps is None else When.parse(rule.steps))
        self._rule = rule
        self._settings = settings
        self._order: Order = ArrivalOrder()
        if not rule.compares and deciding.slots != DEFAULTS["slots"]:
            raise OptionError(
                "slots", "the rule looks at one experiment at a time, and leaves nothing to order"
            )
        if rule.compares:
            _check_slots(deciding.slots, settings)
            self._order = VirtualOrder(deciding.slots, self.watch)

    @classmethod
    def of(cls, settings: RunSettings) -> Self | None:
        """Return what decides in a run with these settings; None if nothing does."""
        deciding = settings.deciding
        if deciding is None:
            return None
        return cls(deciding.stop.make(_context(settings)), settings, deciding)

    def source(self, tasks: TaskSource, past: Past, reader: Callable[[], Any]) -> SearchSource:
        """Return a source of tasks whose experiments this decides on.

        Parameters
        ----------
        tasks : TaskSource
            Where they come from.
        past : Past
            What an earlier run left.
        reader : callable
            Returns a reader of what is stored.
        """
        trials = Trials(self._rule, self._order)
        return SearchSource(
            tasks,
            trials,
            self._settings.branches,
            past.keeps,
            lambda: self._recorded(reader()),
            self._rule.compares,
        )

    def _recorded(self, results: Any) -> Mapping[str, Recorded]:
        return {told_id: recorded for told_id, _, recorded in _past(results, self.watch)}


def _check_slots(slots: int, settings: RunSettings) -> None:
    if slots < settings.branches:
        raise OptionError("slots", f"{settings.branches} branches need as many slots, got {slots}")
    at_once = len(settings.setups) * settings.branches
    if at_once > slots:
        warnings.warn(
            f"{len(settings.setups)} workers could run {at_once} experiments at once, but slots={slots} "
            "lets only so many be under way: give more slots, or fewer workers",
            ResearchWarning,
            stacklevel=6,
        )


def _context(settings: RunSettings) -> SearchContext:
    params = settings.iteration.prepare(settings.domain).iter_params
    return SearchContext(
        domain=settings.domain,
        n_configs=params.n_items,
        n_iters=settings.n_iters,
        entropy=settings.iteration.seed,
        root_parameters=settings.experiment.root_parameters(settings.domain.parameters),
        history=_history,
    )


def _history(name: str, variables: Sequence[str]) -> Iterator[Told]:
    """Yield what another research has done."""
    path = absolute_path(name)
    results = storage_of(path).read(path, allow_pickle=True)
    watch = Watch(tuple(variables), None)
    for _, config, (reports, values, steps, outcome) in _past(results, watch):
        yield Told(None, config, values, reports, steps, outcome)


def _past(results: Any, watch: Watch) -> Iterator[tuple[str, Any, Recorded]]:
    """Yield id, config and what is known of each experiment that has ended."""
    if not hasattr(results, "history"):
        raise OptionError(
            "stop",
            f"{type(results).__qualname__} does not tell what experiments have saved: it has no history()",
        )
    for experiment_id, config, status, iterations, stopped, saved in results.history(watch.variables):
        steps = iterations or max((max(column) + 1 for column in saved.values()), default=0)
        reports, values = reports_of(watch, saved, steps, stopped)
        outcome: Outcome = "failed" if status == "failed" else "done" if stopped is None else "stopped"
        values = None if status == "failed" else values
        yield experiment_id, plain(config), Recorded(reports, values, steps, outcome)
