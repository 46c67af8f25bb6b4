"""A search with an engine of Optuna: one study, and a new sampler for each question."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from research_domain import (
    Category,
    Choice,
    ChoiceError,
    ConfigAlias,
    Domain,
    InfeasibleError,
    Integer,
    Real,
    make_rng,
    make_seed_sequence,
)
from research_runner import OptionError
from research_runner.searching import Question, Report, SearchContext, StopRule, Told, Verdict
from research_search._pruning import PrunerRule, make_part
from research_search._storage import new_study
from research_search.errors import NothingFeasibleError
from research_search.objectives import Objective

_PATIENCE = 10_000
"""Proposals in a row that a filter may reject."""
_MODELLED = 50
"""How many of them an engine makes, and is told of; more are random."""
_STRIDE = 0x9E3779B1
"""Between the seeds of an engine's proposals for one question."""
_REPEATS = 20
"""Proposals in a row that were tried already, after which the domain is gone through for others."""
_WALKED = 10_000
"""Configs that are gone through for one."""

Answers = dict[str, Any]


class Sampling(Protocol):
    """What an `OptunaFactory` says of the search that it makes."""

    sampler: ClassVar[str | None]
    one_seed: ClassVar[bool]
    noise: bool
    race: bool
    known: tuple[str, ...]
    first: tuple[Mapping[str, Any] | ConfigAlias, ...]
    options: dict[str, Any]

    @property
    def startup(self) -> int:
        """Number of experiments after which the sampler begins to model."""


class OptunaSearch:
    """Asks a sampler of Optuna for configs of a domain, and a rule, if there is one, when experiments end.

    Attributes
    ----------
    study : optuna.Study
        All that is known, in memory: for plots and importances of Optuna. Proposals that a filter rejected
        are pruned trials without values.

    Notes
    -----
    A sampler is made for each question, with the seed of the question: then its answer is a function of what
    was told before, and nothing but the history has to be kept.
    """

    compares = True

    def __init__(
        self,
        factory: Sampling,
        objectives: tuple[Objective, ...],
        rule: StopRule | None,
        context: SearchContext,
    ) -> None:
        self._factory, self._objectives, self._rule, self._context = factory, objectives, rule, context
        names = [one.variable for one in objectives]
        self.variables = tuple(dict.fromkeys([*names, *(rule.variables if rule else ())]))
        self.steps = rule.steps if rule else None
        self.race = factory.race
        if isinstance(rule, PrunerRule):
            rule.sees_all = factory.race
        self._idle = optuna.samplers.RandomSampler(seed=0)
        self._columns = tuple(map(self.variables.index, names))
        self._rule_columns = tuple(map(self.variables.index, rule.variables)) if rule else ()
        self._make_sampler(0)

    def begin(self, domain: Domain, history: Iterable[Told]) -> None:
        """Begin, with what is known already.

        Raises `ChoiceError` for a parameter that cannot be asked for, and `OptionError` if a config that is
        known, or to be tried first, is none of the domain.
        """
        self._domain = domain
        self._choices = domain.choices(self._factory.noise)
        self._rooted = self._choices.deciding(self._context.root_parameters)
        self._distributions = {name: distribution(choice) for name, choice in self._choices.items()}
        pruner = self._rule.pruner() if isinstance(self._rule, PrunerRule) else optuna.pruners.NopPruner()
        self._has_weights = any(isinstance(c, Category) and c.weights for c in self._choices.values())
        directions = [one.direction for one in self._objectives]
        self.study = new_study(directions, sampler=self._idle, pruner=pruner)
        self._trials: dict[int, optuna.Trial] = {}
        self._configs: dict[int, ConfigAlias] = {}
        self._tried: set[frozenset[tuple[str, Any]]] = set()
        self._repeats = 0
        self._unseen: Iterator[Answers] | None = None
        self._first = [self._answers("first", config) for config in self._factory.first]
        for told in history:
            self._add(told, "history")
        for name in self._factory.known:
            found = list(self._context.history(name, self.variables))
            if all(told.values is None for told in found):
                what = " and ".join(map(repr, self.variables))
                raise OptionError("known", f"{name!r} has no experiment that has saved {what}")
            for told in found:
                self._add(told, "known")

    def ask(self, question: Question) -> ConfigAlias | None:
        """Return the next config; None if there are no others.

        Raises `NothingFeasibleError` if a filter rejects whatever is proposed.
        """
        fixed = self._fixed(question)
        if fixed is None:
            return None
        if not self._is_random:
            for attempt in range(_MODELLED):
                seed = (question.seed + _STRIDE * attempt) % 2**32
                trial = self._new_trial(self._make_sampler(seed), fixed)
                try:
                    return self._proposed(question, trial, self._config(question, trial))
                except InfeasibleError:
                    self.study.tell(trial, state=TrialState.PRUNED)
        trial = self._new_trial(self._idle, self._drawn(question, fixed))
        return self._proposed(question, trial, self._config(question, trial))

    @property
    def _is_random(self) -> bool:
        """Whether the next proposal is drawn as the domain draws, with its weights."""
        if self._repeats or self._factory.sampler is None:
            return True
        if not self._has_weights:
            return False
        known = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        return len(known) < self._factory.startup

    def _config(self, question: Question, trial: optuna.Trial) -> ConfigAlias:
        """Return the config that the answers of an engine lead to."""
        return self._choices.config(lambda name, choice: asked(trial, name, choice), question.seed)

    def _drawn(self, question: Question, fixed: Answers) -> Answers:
        """Return answers at random that no filter rejects."""
        rng = make_rng(question.seed)
        for _ in range(_PATIENCE):
            answers: Answers = {}

            def draw(name: str, choice: Choice, answers: Answers = answers) -> Any:
                answer = internal(choice, fixed[name]) if name in fixed else choice.draw(rng)
                answers[name] = external(choice, answer)
                return answer

            try:
                self._choices.config(draw, question.seed)
            except InfeasibleError as error:
                rejected = error
            else:
                return answers
        raise NothingFeasibleError(rejected.predicate, _PATIENCE) from rejected

    def _fixed(self, question: Question) -> Answers | None:
        """Return the answers that are given beforehand; None if there is nothing more to try."""
        if question.config is not None:
            return self._answers("config", question.config)
        shared: Answers = {}
        if question.like is not None:
            before = self._trials[question.like].params
            shared = {name: value for name, value in before.items() if name in self._rooted}
        for number, answers in enumerate(self._first):
            if all(answers.get(name, value) == value for name, value in shared.items()):
                return self._first.pop(number)
        if self._repeats < _REPEATS or shared:
            return shared
        self._unseen = self._unseen or self._walk()
        return next(self._unseen, None)

    def _walk(self) -> Iterator[Answers]:
        """Yield the configs of the domain that were not tried, as far as they can be gone through."""
        walk = self._domain.copy().set_iter_params(n_items=None, n_reps=1, additional=False)
        for config in itertools.islice(walk, _WALKED):
            answers = self._answers("domain", config)
            if frozenset(answers.items()) not in self._tried:
                yield answers

    def _new_trial(self, sampler: optuna.samplers.BaseSampler, fixed: Answers) -> optuna.Trial:
        self.study.sampler = sampler
        if fixed:
            self.study.enqueue_trial(fixed)
        return self.study.ask()

    def _make_sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        factory = self._factory
        if factory.sampler is None:
            return self._idle
        if factory.one_seed:
            seed = int(make_seed_sequence(self._context.entropy).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            arguments = {"seed": seed, **factory.options}
            made: optuna.samplers.BaseSampler = make_part(
                "search", optuna.samplers, factory.sampler, arguments
            )
        return made

    def _proposed(self, question: Question, trial: optuna.Trial, config: ConfigAlias) -> ConfigAlias:
        """Record a proposal; after one that was tried already the next ones are random."""
        mark = frozenset(trial.params.items())
        is_new = mark not in self._tried or bool(self._choices.noise)
        self._repeats = 0 if is_new else self._repeats + 1
        self._tried.add(mark)
        if question.like is not None and self._choices.noise:
            before = self._configs[question.like]
            root = [pair for pair in before.pairs if pair[0].value in self._context.root_parameters]
            config = config + ConfigAlias.of_pairs(tuple(root))
        config = question.config or config
        self._trials[question.number] = trial
        self._configs[question.number] = config
        return config

    def report(self, number: int, step: int, values: tuple[float, ...], seen: int) -> Verdict:
        """Ask the rule."""
        if self._rule is None:
            return Verdict.CONTINUE
        return self._rule.report(number, step, tuple(values[index] for index in self._rule_columns), seen)

    def tell(self, told: Told) -> None:
        """Tell the study and the rule how an experiment has ended."""
        if self._rule is not None:
            self._rule.tell(_part_of(told, self._rule_columns))
        if told.number is None:
            self._add(told, "history")
            return
        trial = self._trials[told.number]
        for step, value in self._reported(told).items():
            trial.report(value, step)
        state, values = self._outcome(told)
        self.study.tell(trial, values if state is TrialState.COMPLETE else None, state)

    def _reported(self, told: Told) -> dict[int, float]:
        """Return what Optuna takes as intermediate values, which it does of one objective alone."""
        if len(self._columns) > 1:
            return {}
        return {report.step: report.values[self._columns[0]] for report in told.reports}

    def _outcome(self, told: Told) -> tuple[TrialState, list[float] | None]:
        """Return how Optuna calls an end, and the values of the objectives."""
        values = None if told.values is None else [told.values[index] for index in self._columns]
        if told.status in ("stopped", "infeasible"):
            return TrialState.PRUNED, values
        if told.status == "failed" or values is None or any(map(math.isnan, values)):
            return TrialState.FAIL, None
        return TrialState.COMPLETE, values

    def _add(self, told: Told, option: str) -> None:
        """Add an experiment that was not asked for here."""
        answers = self._answers(option, told.config)
        state, values = self._outcome(told)
        reported = self._reported(told)
        if state is TrialState.PRUNED:
            values = [reported[max(reported)]] if reported else None
        self.study.add_trial(
            optuna.trial.create_trial(
                state=state,
                values=values,
                params=answers,
                distributions={name: self._distributions[name] for name in answers},
                intermediate_values=reported,
            )
        )

    def _answers(self, option: str, config: Mapping[str, Any] | ConfigAlias) -> Answers:
        """Return the answers that lead to a config, as Optuna has them."""
        try:
            answers = self._choices.answers(config)
        except ChoiceError as error:
            raise OptionError(option, f"a config is none of the domain: {error}") from error
        return {name: external(self._choices[name], answer) for name, answer in answers.items()}


def _part_of(told: Told, indices: tuple[int, ...]) -> Told:
    """Return what a rule is told that watches some of the variables."""

    def part(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(values[index] for index in indices)

    reports = tuple(Report(step, part(values)) for step, values in told.reports)
    return replace(told, values=None if told.values is None else part(told.values), reports=reports)


def external(choice: Choice, answer: Any) -> Any:
    """Return an answer as Optuna has it: categories by their names."""
    return choice.names[answer] if isinstance(choice, Category) else answer


def internal(choice: Choice, value: Any) -> Any:
    """Return an answer of Optuna as an answer of a domain."""
    return choice.names.index(value) if isinstance(choice, Category) else value


def asked(trial: optuna.Trial, name: str, choice: Choice) -> Any:
    """Return the answer of an engine."""
    if isinstance(choice, Category):
        return internal(choice, trial.suggest_categorical(name, choice.names))
    if isinstance(choice, Integer):
        return trial.suggest_int(name, choice.low, choice.high)
    assert isinstance(choice, Real)  # noqa: S101 - there are no others
    return trial.suggest_float(name, choice.low, choice.high, log=choice.log)


def distribution(choice: Choice) -> BaseDistribution:
    """Return the distribution of Optuna for a choice."""
    if isinstance(choice, Category):
        return CategoricalDistribution(choice.names)
    if isinstance(choice, Integer):
        return IntDistribution(choice.low, choice.high)
    assert isinstance(choice, Real)  # noqa: S101 - there are no others
    return FloatDistribution(choice.low, choice.high, log=choice.log)
