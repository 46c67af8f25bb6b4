"""Experiments whose configs a search decides on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import count
from typing import Final

from research_domain import ConfigAlias, Domain, Identifier
from research_domain.identity import Identity
from research_domain.iteration.schedule import auxiliary
from research_experiment.careful_logging import careful_logger
from research_runner.errors import SearchError
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
        What configs are taken from, iterated as the research says: `size` is the most experiments.
    trials : Trials
        The experiments that have begun; remembers them.
    branches : int
        Experiments per task.
    entropy : int or sequence of int
        The seed of the research.
    identifier : callable
        ``create_id_prefix`` → what gives experiments their identities.

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
    ) -> None:
        self._search = search
        self._domain = domain
        self._trials = trials
        self._branches = branches
        self._entropy = entropy
        self._identifier = identifier(domain.iter_params.create_id_prefix)
        self._numbers = count()
        self._number = 0
        self._most = domain.size
        self._asked: dict[bytes, int] = {}
        self._questions: dict[str, int] = {}
        self._group: list[ExperimentSpec] = []
        self._misses, self._ended = 0, 0
        self._is_over = False
        self.generated = 0

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known; None if there is no end of them."""
        return self.generated if self._is_over else self._most

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
        while len(self._group) < self._branches and not self._is_over and self.generated != self._most:
            if not self._ask():
                return []
        group, self._group = self._group, []
        return group

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
        like = self._questions[self._group[0].identity.id] if self._group else None
        answer = self._search.ask(Question(number, 0, _seed(self._entropy, number), like))
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

    def _take(self, number: int, config: ConfigAlias) -> None:
        """Make an experiment of an answer, unless it is none of the domain, or was there before."""
        self._misses += 1
        if config not in self._domain:
            self._trials.tell(Told(number, config, None, (), 0, "infeasible"))
            return
        full = ConfigAlias.of_pairs((*config.pairs, *auxiliary(0, 0)))
        key = Identifier().identify(full).digest
        if key in self._asked:
            self._trials.repeat(number, config, self._asked[key])
            return
        self._misses = 0
        identity = self._identifier.identify(full)
        self._asked[key] = self._questions[identity.id] = number
        self._group.append(ExperimentSpec(identity, full, self.generated, len(self._group)))
        self.generated += 1

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


def _seed(entropy: int | Sequence[int], number: int) -> int:
    """Return the seed of a question: 32 bits of a hash of the seed of the research and the number."""
    return int.from_bytes(sha256(f"{entropy}/{number}".encode()).digest()[:4], "big")
