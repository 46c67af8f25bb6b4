"""Experiments whose configs are chosen by a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from research_domain import ConfigAlias, Domain, Identifier
from research_domain.iteration.schedule import auxiliary
from research_experiment.careful_logging import careful_logger
from research_runner.errors import SearchError
from research_runner.scheduling.by_hand import ByHand, config_of
from research_runner.scheduling.tasks import ExperimentSpec, plain
from research_runner.searching.protocol import WAIT, Question, Search, Told, Wait
from research_runner.searching.trials import Trials

_LOG: Final = careful_logger("research.run")
_PATIENCE: Final = 100
"""Answers in a row of which no experiment can be made, after which a search has nothing new."""


class Asking:
    """Asks a search that has begun for one config after another, and groups them by `branches`.

    Configs are taken from the `domain`, which is iterated as the research says: its `len` is the most. The
    `trials` are the experiments that have begun. From the seed of the research, `entropy`, each question has
    its own; `identifier` makes from ``create_id_prefix`` what gives experiments their identities; `by_hand`
    has configs that users add, and `known` is how many experiments an earlier run has recorded.
    Where a search `races`, repetitions run one after another, as far as the trials say. `generated` is the
    number of experiments so far.
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
        self._trials = trials
        self._branches = branches
        self._questions = _Questions(search, by_hand or ByHand(), entropy, trials, _Tried(domain))
        self._identifier = identifier(domain.iter_params.create_id_prefix)
        self._most = domain.size
        self._groups = self._make_groups(1 if races else domain.iter_params.n_reps, known)
        self.generated = 0

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known; None if there is no end of them."""
        repetitions, most = self._trials.repetitions, self._most
        if self._questions.is_over:
            most = len(self._questions.tried.numbers) * repetitions.count
        return None if most is None else most - repetitions.spared

    @property
    def tasks_left(self) -> int | None:
        """Tasks left, as far as is known; None if there is no end of them."""
        expected = self.expected
        return None if expected is None else -(-(expected - self.generated) // self._branches)

    def next_group(self) -> list[ExperimentSpec]:
        """Return the experiments of the next task; none if the search waits, or has nothing more.

        Raises `SearchError` if it waits, and nothing runs.
        """
        survivors = self._trials.repetitions.survivors
        if survivors:
            return [self._experiment(*survivors.popleft(), 0)]
        return next(self._groups, [])

    def _make_groups(self, at_once: int, known: int) -> Iterator[list[ExperimentSpec]]:
        """Yield the experiments of one task after another, and none as long as the search waits."""
        while not self._questions.is_over:
            configs: list[ConfigAlias] = []
            root: int | None = None
            while len(configs) < self._branches and not self._questions.is_over:
                is_new = root is None and self.generated >= known
                config = self._questions.ask(root, is_new)
                if isinstance(config, Wait):
                    yield []
                elif config is not None:
                    configs.append(config)
                    root = self._questions.number if root is None else root
            for repetition in range(at_once if configs else 0):
                yield [self._experiment(config, repetition, branch) for branch, config in enumerate(configs)]

    def _experiment(self, config: ConfigAlias, repetition: int, branch: int) -> ExperimentSpec:
        full = ConfigAlias.of_pairs((*config.pairs, *auxiliary(repetition, 0)))
        self.generated += 1
        return ExperimentSpec(self._identifier.identify(full), full, self.generated - 1, branch)

    def question_of(self, spec: ExperimentSpec) -> int:
        """Return the question that an experiment answers."""
        return self._questions.tried.number(plain(spec.config))

    def is_update_due(self, idle: bool) -> bool:
        """Return False: a search has no updates of the domain."""
        return False

    def update(self) -> None:
        """Do nothing: only the tasks of a domain are updated."""


class _Tried:
    """Configs of a domain that are answers, and the questions that they have answered first."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.most = domain.len
        self.numbers: dict[bytes, int] = {}

    @staticmethod
    def _key(config: ConfigAlias) -> bytes:
        """Return a key that is equal for equal configs."""
        return Identifier().identify(ConfigAlias.of_pairs((*config.pairs, *auxiliary(0, 0)))).digest

    def number(self, config: ConfigAlias) -> int:
        """Return the question that a config has answered."""
        return self.numbers[self._key(config)]

    def first(self, config: ConfigAlias, number: int) -> int:
        """Record the answer to a question; return the first question with this answer."""
        return self.numbers.setdefault(self._key(config), number)

    def admit(self, values: Mapping[str, Any], is_new: bool) -> ConfigAlias:
        """Return a config that a user adds, if the domain has it and it was not tried."""
        config = config_of(self.domain, values)
        if is_new and self._key(config) in self.numbers:
            raise SearchError(
                f"{dict(values)!r} is among the configs of this search already, and none runs twice"
            )
        return config


class _Questions:
    """Questions to a search, one after another, until it has nothing new to say."""

    def __init__(
        self, search: Search, by_hand: ByHand, entropy: int | Sequence[int], trials: Trials, tried: _Tried
    ) -> None:
        self._search, self._by_hand, self._entropy, self._trials = search, by_hand, entropy, trials
        self.tried = tried
        self.number = -1  # of the last question that was answered
        self._missed: list[int] = []
        self._has_ended = False

    @property
    def is_over(self) -> bool:
        """Whether no more is to be asked."""
        return self._has_ended or len(self.tried.numbers) == self.tried.most

    def ask(self, root: int | None, is_new: bool) -> ConfigAlias | Wait | None:
        """Ask one question; return its answer if that is a new config, and `WAIT` if the search waits.

        `root` is the question with whose answer the next one shares its root, and `is_new` says whether
        somebody may answer it by hand.
        """
        ended, is_busy = self._trials.ended, self._trials.is_busy
        self._missed = [when for when in self._missed if when == ended]
        if len(self._missed) >= _PATIENCE:
            if is_busy:
                return WAIT
            _LOG.warning("the search ends: its last %d answers were known, or none of the domain", _PATIENCE)
            self._has_ended = True
            return None
        number = self.number + 1
        seed = int.from_bytes(sha256(f"{self._entropy}/{number}".encode()).digest()[:4], "big")
        given = self._by_hand.take(number, lambda values: self.tried.admit(values, is_new), is_new)
        answer: Any = self._search.ask(Question(number, 0, seed, root, given))
        if given is not None:
            answer = given
        if isinstance(answer, Wait):
            if is_busy:
                return WAIT
            raise SearchError(
                f"{type(self._search).__qualname__}.ask returned WAIT for question {number} while "
                "nothing runs, and would wait for ever; return a config, or None if there is none left"
            )
        self.number = number
        if answer is None:
            self._has_ended = True
            return None
        return self._taken(number, answer if isinstance(answer, ConfigAlias) else ConfigAlias(answer))

    def _taken(self, number: int, config: ConfigAlias) -> ConfigAlias | None:
        """Return an answer; tell the search if it is infeasible or was tried, and return None."""
        if config not in self.tried.domain:
            self._trials.teller.tell(Told(number, config, None, (), 0, "infeasible"))
        elif (first := self.tried.first(config, number)) != number:
            self._trials.teller.repeat(number, config, first)
        else:
            self._missed.clear()
            return config
        self._missed.append(self._trials.ended)
        return None
