"""What a search has to do, and a rule that ends experiments early; the extension point for engines.

All methods are called by one thread, the coordinator's, one at a time. Nothing is called back: a search gets
what is known, and returns what it decides. What it has been told is its only state, so that a run that goes
on makes a new one, and asks and tells it all over again; nothing of it is ever pickled. Therefore it has to
be a function of its factory, its context and what it is told: everything random in an answer derives from
the seed of its question.

An experiment is *told* when it has ended. By default the order in which experiments are told depends on how
many iterations they take, and not on who is faster: see :class:`Question` and :meth:`StopRule.report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from research_domain import ConfigAlias

if TYPE_CHECKING:
    from research_domain import Domain

__all__ = [
    "WAIT",
    "Question",
    "Report",
    "Search",
    "SearchContext",
    "SearchFactory",
    "StopFactory",
    "StopRule",
    "Told",
    "Verdict",
    "Wait",
]

Entropy: TypeAlias = int | Sequence[int]
Outcome: TypeAlias = Literal["done", "stopped", "failed", "infeasible"]


class Verdict(Enum):
    """What becomes of an experiment that has reported."""

    CONTINUE = auto()
    STOP = auto()


class Wait(Enum):
    """An answer of a search that has none yet."""

    WAIT = auto()


WAIT = Wait.WAIT
"""The answer to a question of a search that needs to be told more before; see :meth:`Search.ask`."""


class Report(NamedTuple):
    """The values of the watched variables after a step.

    Parameters
    ----------
    step : int
        Number of iterations that are done, from 1.
    values : tuple of float, one per variable
        The last value of each, in the order of `StopRule.variables`; may be NaN or infinite.
    """

    step: int
    values: tuple[float, ...]


class Question(NamedTuple):
    """What a search is asked for: one config.

    Parameters
    ----------
    number : int
        Number of the question, from 0; numbers that are asked for are 0, 1, 2... without gaps.
    repetition : int
        Always 0: the repetitions of a config are one question.
    seed : int
        From 0 to 2**32 - 1; derives from the seed of the research and from the number.
    like : int or None
        The question whose answer shares its root with this one: parameters that
        `SearchContext.root_parameters` names need to be equal in both answers. None for the first of a task.
    config : ConfigAlias or None
        A config that somebody has put in: it is the answer, whatever the search returns. None otherwise.
    """

    number: int
    repetition: int
    seed: int
    like: int | None
    config: ConfigAlias | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How an experiment has ended, or what else became of an answer.

    Repetitions of a config are told together: with the means of their values and all their steps, and as
    failed if one of them has failed.

    Parameters
    ----------
    number : int or None
        The question that it answers; None for an experiment of another research.
    config : ConfigAlias
        Its config, without what says how it is run.
    values : tuple of float, one per variable, or None
        The last values of the watched variables; None if it failed, did not run, or saved none of them.
    reports : tuple of Report
        What was reported on the way, in the order of steps.
    steps : int
        Number of iterations that it did.
    status : {'done', 'stopped', 'failed', 'infeasible'}
        ``'stopped'``: a verdict ended it. ``'infeasible'``: the config is none of the domain, so that it did
        not run.
    same_as : int or None
        The question whose answer had an equal config: it did not run again, this is what is known of it.
    """

    number: int | None
    config: ConfigAlias
    values: tuple[float, ...] | None
    reports: tuple[Report, ...]
    steps: int
    status: Outcome
    same_as: int | None = None


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What a search or rule may ask of the research that it is made for.

    Parameters
    ----------
    domain : Domain
        The domain; its `size` is the number of configs without a search, None if infinite.
    n_configs : int or None
        Number of experiments that may run; None if not given.
    n_iters : int or None
        Iterations of each experiment; None if unknown.
    entropy : int or sequence of int
        The seed of the research.
    root_parameters : frozenset of str
        Parameters that branches of a task have to share.
    history : callable
        Name of a research and variables → what it has done, as an iterable of `Told`: for a warm start.
    saved : frozenset of str or None
        Names of the variables that units save; None if unknown.
    n_reps : int
        Repetitions of each config.
    """

    domain: Domain
    n_configs: int | None
    n_iters: int | None
    entropy: Entropy
    root_parameters: frozenset[str]
    history: Callable[[str, Sequence[str]], Iterable[Told]]
    saved: frozenset[str] | None = None
    n_reps: int = 1


class StopRule(Protocol):
    """Ends experiments early, by what they report.

    An experiment reports at the steps of the rule, and goes on only when it has its verdict: it is never
    interrupted. It does not report at its last iteration, where there is nothing to decide.

    Attributes
    ----------
    variables : tuple of str
        Names of the saved variables that are watched; each value has to be a number.
    steps : object
        When to report, in the language of ``when``: ``5`` is every fifth iteration, ``'%4'`` the iteration
        with number 4, which is step 5. An experiment reports there if each variable has a value, and at
        least one of them has a new one. None for never: then only ends are told.
    compares : bool
        Whether verdicts depend on other experiments. If they do, these are told in an order that does not
        depend on the number of workers; if not, an experiment never waits for another.
    """

    variables: tuple[str, ...]
    steps: Any
    compares: bool

    def report(self, number: int, step: int, values: tuple[float, ...], seen: int) -> Verdict:
        """Return what becomes of an experiment.

        Parameters
        ----------
        number : int
            Its question, or without a search its number in the order of the domain.
        step, values
            See `Report`.
        seen : int
            How many calls of :meth:`tell` had come when it began. A verdict must not depend on later ones,
            nor on what other experiments have reported that have not been told: only then it does not depend
            on who is faster. An experiment whose worker died reports again, and gets its old verdicts without
            this being called.
        """

    def tell(self, told: Told) -> None:
        """Record an experiment that has ended; each one is told once."""


class Search(StopRule, Protocol):
    """Decides on the next config by what is known; `compares` is taken to be true.

    Notes
    -----
    One with an attribute ``race = True`` decides on repetitions: its steps are numbers of repetitions of a
    config, its reports are their means, in the order in which experiments are told, and a config of which
    `Verdict.STOP` was said gets no more.

    Examples
    --------
    A search without an engine, whose verdicts are all to go on:

    >>> from research_domain import ConfigAlias
    >>> class Bisection:
    ...     variables, steps, compares = ("slope",), None, True
    ...     def begin(self, domain, history):
    ...         self.low, self.high = 0.0, 1.0
    ...     def ask(self, question):
    ...         return ConfigAlias({"x": (self.low + self.high) / 2})
    ...     def report(self, number, step, values, seen):
    ...         return Verdict.CONTINUE
    ...     def tell(self, told):
    ...         if told.values is not None and told.values[0] < 0:
    ...             self.low = told.config.config()["x"]
    ...         else:
    ...             self.high = told.config.config()["x"]
    """

    def begin(self, domain: Domain, history: Iterable[Told]) -> None:
        """Begin, or start again; called once, before everything else.

        Parameters
        ----------
        domain : Domain
            What configs are taken from.
        history : iterable of Told
            What is known already.
        """

    def ask(self, question: Question) -> ConfigAlias | Mapping[str, Any] | Wait | None:
        """Return a config, `WAIT`, or None if there is nothing more to try.

        A config that equals an earlier one does not run again: what is known of it is told, at the latest
        when that one has ended, and another question is asked. One that is none of the domain is told as
        infeasible at once, and another question is asked as well. After `WAIT` the same question is asked
        again when something was told; waiting while nothing runs is an error.
        """


class StopFactory(Protocol):
    """The argument of ``run(stop=...)``: makes a rule.

    It is kept with the settings of the research, so that it has to be picklable, and small.
    """

    def make(self, context: SearchContext) -> StopRule:
        """Return a new rule that knows nothing yet."""


class SearchFactory(Protocol):
    """The argument of ``run(search=...)``: makes a search.

    It is kept with the settings of the research, so that it has to be picklable, and small. A package offers
    some by name with entry points of the group ``research.searches``: callables without arguments that return
    a factory, usually its class.
    """

    def make(self, context: SearchContext) -> Search:
        """Return a new search; its :meth:`Search.begin` is called next."""
