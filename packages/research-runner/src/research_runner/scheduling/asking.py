"""Experiments whose configs a search decides on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import count
from typing import Any, Final

from research_domain import ConfigAlias, Domain, Identifier
from research_domain.identity import Identity
from research_domain.iteration.schedule import auxiliary
from research_experiment.careful_logging import careful_logger
from research_runner.errors import SearchError
from research_runner.scheduling.by_hand import ByHand, config_of
from research_runner.scheduling.tasks import ExperimentSpec, Task
from research_runner.searching.protocol import WAIT, Question, Search, Told
from research_runner.searching.trials import Trials

__all__ = ["Asking"]

_LOG: Final = careful_logger("research.run")
_PATIENCE: Final = 100
"""Answers in a row of which no experiment can be made, after which a search has nothing new."""


class Asking:
    """Asks a search for one config after another, and groups them into tasks.

    Parameters
    ----------
    search : Search
        Has begun.
    domain : Domain
        What configs are taken from, iterated as the research says: `len` is the most configs.
    trials : Trials
        The experiments that have begun; remembers them.
    branches : int
        Experiments per task.
    entropy : int or sequence of int
        The seed of the research.
    identifier : callable
        ``create_id_prefix`` → what gives experiments their identities.
    by_hand : ByHand, optional
        Where configs come from that somebody puts in.
    races : bool
        Whether repetitions run one after another, as far as `trials` says.
    known : int
        Number of experiments that an earlier run has recorded.

    Attributes
    ----------
    generated : int
        Number of experiments so far.
    """

    def __init__(
        self,
        search: Search,
        domain: Domain,
        trials: Trials,
        branches: int,
        entropy: int | Sequence[int],
        identifier: Callable[[bool | int], Identifier] = Identifier,
        by_hand: ByHand | None = None,
        known: int = 0,
        races: bool = False,
    ) -> None:
        self._search = search
        self._by_hand, self._known = by_hand or ByHand(), known
        self._domain = domain
        self._trials = trials
        self._branches = branches
        self._entropy = entropy
        self._identifier = identifier(domain.iter_params.create_id_prefix)
        self._numbers = count()
        self._number = 0
        self._at_once = 1 if races else domain.iter_params.n_reps
        self._most, self._repetitions = domain.size, domain.iter_params.n_reps
        self._configs, self._most_configs = 0, domain.len
        self._asked: dict[bytes, int] = {}
        self._questions: dict[str, int] = {}
        self._group: list[ConfigAlias] = []
        self._root: int | None = None
        self._later: deque[list[ConfigAlias]] = deque()
        self._misses, self._ended, self._next_repetition = 0, 0, 0
        self._is_over = False
        self.generated = 0

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known; None if there is no end of them."""
        most = self._configs * self._repetitions if self._is_over else self._most
        return None if most is None else most - self._trials.spared

    @property
    def tasks_left(self) -> int | None:
        """Tasks left, as far as is known; None if there is no end of them."""
        expected = self.expected
        return None if expected is None else -(-(expected - self.generated) // self._branches)

    def next_group(self) -> list[ExperimentSpec]:
        """Return the experiments of the next task; none if the search waits, or has nothing more.

        Raises
        ------
        SearchError
            If it waits, and nothing runs.
        """
        if self._trials.survivors:
            return [self._experiment(*self._trials.survivors.popleft(), 0)]
        while not self._later and not self._is_full:
            if not self._ask():
                return []
        if self._group:
            self._later.extend([self._group] * self._at_once)
            self._group, self._root, self._next_repetition = [], None, 0
        if not self._later:
            return []
        repetition, self._next_repetition = self._next_repetition, self._next_repetition + 1
        return [
            self._experiment(config, repetition, branch)
            for branch, config in enumerate(self._later.popleft())
        ]

    @property
    def _is_full(self) -> bool:
        """Whether no config is to be asked for before what there is has become a task."""
        is_over = self._is_over or self._configs == self._most_configs
        return is_over or len(self._group) == self._branches

    def _experiment(self, config: ConfigAlias, repetition: int, branch: int) -> ExperimentSpec:
        full = ConfigAlias.of_pairs((*config.pairs, *auxiliary(repetition, 0)))
        identity = self._identifier.identify(full)
        self._questions[identity.id] = self._asked[_key(config)]
        self.generated += 1
        return ExperimentSpec(identity, full, self.generated - 1, branch)

    def _ask(self) -> bool:
        """Ask one question; return False if the search waits."""
        if self._trials.ended != self._ended:
            self._misses, self._ended = 0, self._trials.ended
        if self._misses >= _PATIENCE:
            self._is_over = not self._trials.is_busy
            if self._is_over:
                _LOG.warning(
                    "the search ends: its last %d answers were known, or none of the domain", _PATIENCE
                )
            return self._is_over
        number = self._number
        is_new = self._root is None and self.generated >= self._known
        given = self._by_hand.take(number, lambda plain: self._admit(plain, is_new), is_new)
        answer = self._search.ask(Question(number, 0, _seed(self._entropy, number), self._root, given))
        if given is not None:
            answer = given
        if answer is WAIT:
            if not self._trials.is_busy:
                raise SearchError(
                    f"{type(self._search).__qualname__}.ask returned WAIT for question {number} while "
                    "nothing runs, and would wait for ever; return a config, or None if there is none left"
                )
            return False
        self._number += 1
        if answer is None:
            self._is_over = True
        else:
            self._take(number, answer if isinstance(answer, ConfigAlias) else ConfigAlias(answer))
        return True

    def _admit(self, plain: Mapping[str, Any], is_new: bool) -> ConfigAlias:
        """Return a config that somebody puts in, if it is one of the domain that was not tried."""
        config = config_of(self._domain, plain)
        if is_new and _key(config) in self._asked:
            raise SearchError(
                f"{dict(plain)!r} is among the configs of this search already, and none runs twice"
            )
        return config

    def _take(self, number: int, config: ConfigAlias) -> None:
        """Keep an answer for the next task, unless it is none of the domain, or was there before."""
        self._misses += 1
        if config not in self._domain:
            self._trials.tell(Told(number, config, None, (), 0, "infeasible"))
            return
        first = self._asked.setdefault(_key(config), number)
        if first != number:
            self._trials.repeat(number, config, first)
            return
        self._misses = 0
        self._configs += 1
        self._group.append(config)
        self._root = number if self._root is None else self._root

    def question_of(self, spec: ExperimentSpec) -> int:
        """Return the question that an experiment answers."""
        return self._questions[spec.identity.id]

    def number(self, experiments: Iterable[ExperimentSpec], root: Identity) -> Task:
        """Return a task with the next number."""
        return Task(next(self._numbers), tuple(experiments), root)

    def is_update_due(self, idle: bool) -> bool:
        """Return False: a search asks nobody else for a domain."""
        return False

    def update(self) -> None:
        """Do nothing."""


def _key(config: ConfigAlias) -> bytes:
    """Return what is equal for equal configs."""
    return Identifier().identify(ConfigAlias.of_pairs((*config.pairs, *auxiliary(0, 0)))).digest


def _seed(entropy: int | Sequence[int], number: int) -> int:
    """Return the seed of a question: 32 bits of a hash of the seed of the research and the number."""
    return int.from_bytes(sha256(f"{entropy}/{number}".encode()).digest()[:4], "big")
