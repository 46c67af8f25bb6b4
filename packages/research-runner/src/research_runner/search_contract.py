"""What every search must do, as tests that its author runs."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from research_domain import ConfigAlias, Domain, When, loguniform
from research_runner.scheduling.asking import Asking
from research_runner.scheduling.searches import SearchSource
from research_runner.scheduling.tasks import ExperimentSpec
from research_runner.searching.order import VirtualOrder
from research_runner.searching.protocol import Question, SearchContext, Told, Verdict
from research_runner.searching.trials import Trials
from research_runner.searching.watching import Watch

__all__ = ["SearchContract"]

_COUNT, _SLOTS, _ITERATIONS = 24, 4, 9
_MIXED = (Domain(a=["x"], n=[1, 2, 4]) + Domain(a=["y"], b=["s", "t"])) * Domain(rate=loguniform(0.01, 1))


class SearchContract:
    """Tests that every search has to pass: derive a class for pytest. They need no process.

    Attributes
    ----------
    domain : Domain
        What configs are taken from; its parameter ``a`` is what roots depend on.

    Examples
    --------
    >>> class TestMySearch(SearchContract):
    ...     def search(self):
    ...         return MySearch("loss")
    """

    domain: Domain = _MIXED.where(lambda config: config["rate"] < 0.9)

    def search(self) -> Any:
        """Return a search for ``run(search=...)``."""
        raise NotImplementedError

    def _begun(self, domain: Domain | None = None, known: Iterable[Told] = ()) -> Any:
        """Return a search that has begun, of a factory that has travelled."""
        domain = self.domain if domain is None else domain
        context = SearchContext(domain, _COUNT, _ITERATIONS, 1, frozenset("a"), lambda name, variables: ())
        search = pickle.loads(pickle.dumps(self.search())).make(context)  # noqa: S301 - our own
        search.begin(domain.copy(), known)
        return search

    def _played(self, pick: Any = min, branches: int = 1, **begun: Any) -> list[Told]:
        return _Play(self._begun(**begun), begun.get("domain", self.domain), branches).run(pick)

    def test_it_names_what_it_watches(self) -> None:
        """Variables are names, and steps are in the language of ``when``."""
        search = self._begun()
        expect(search.variables == tuple(map(str, search.variables)) != (), f"variables: {search.variables}")
        expect(search.steps is None or When.parse(search.steps), "steps")

    def test_it_is_a_function_of_what_it_was_told_and_not_of_who_is_faster(self) -> None:
        """The same configs, verdicts and ends come whichever experiment goes on next."""
        first = self._played()
        for pick in (max, random.Random(1).choice):  # noqa: S311 - no secret
            expect(self._played(pick) == first, "two searches that were told the same have differed")

    def test_configs_are_those_of_the_domain(self) -> None:
        """Most answers are; others are told as infeasible, and do not end the search."""
        ran = [told for told in self._played() if told.status != "infeasible"]
        expect(len({told.config.alias(as_string=True) for told in ran}) == _COUNT, "too few configs")

    def test_it_begins_with_what_is_known(self) -> None:
        """Experiments of another research are known from the beginning, and are not proposed again."""
        known = [replace(told, number=None) for told in self._played() if told.status != "infeasible"]
        expect(len(self._played(known=known)) >= _COUNT, "too few configs")

    def test_branches_share_what_their_root_depends_on(self) -> None:
        """An answer to a question that is like another one has the parameters of its root."""
        told = [
            each for each in self._played(branches=2) if each.status != "infeasible" and each.same_as is None
        ]
        roots = [each.config["a"] for each in sorted(told, key=lambda each: each.number or 0)]
        expect(roots[::2] == roots[1::2], f"roots of pairs differ: {roots}")

    def test_a_config_that_is_put_in_is_told_as_an_answer(self) -> None:
        """It is in the question, and the search goes on."""
        config, search = self._played()[0].config, self._begun()
        for number, given in enumerate((config, None)):
            answer = search.ask(Question(number, 0, number, None, given))
            expect(
                given is not None or ConfigAlias(answer) in self.domain, f"{answer!r} is none of the domain"
            )
            search.tell(
                Told(number, given or ConfigAlias(answer), (0.5,) * len(search.variables), (), 1, "done")
            )

    def test_a_small_domain_is_tried_as_a_whole(self) -> None:
        """Answers that were there before, or none, are no reason to fail."""
        self._played(domain=Domain(a=["x", "y"]) * Domain(n=[1, 2, 3]))


@dataclass
class _Play:
    """A run without workers; configs decide on values, lengths and failures of their experiments."""

    search: Any
    domain: Domain
    branches: int
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        steps = None if self.search.steps is None else When.parse(self.search.steps)
        self.variables, self.steps, self.compares = self.search.variables, self.search.steps, True
        self.watch = Watch(self.variables, steps)
        trials = Trials(self, VirtualOrder(_SLOTS, self.watch), remembers=True)
        prepared = self.domain.copy().set_iter_params(n_items=_COUNT)
        self.source = SearchSource(
            Asking(self.search, prepared, trials, self.branches, 1), trials, self.branches
        )

    def report(self, *reported: Any) -> Verdict:
        verdict: Verdict = self.search.report(*reported)
        return verdict

    def tell(self, told: Told) -> None:
        self.told.append(told)
        self.search.tell(told)

    def run(self, pick: Any) -> list[Told]:
        """Run all experiments, of which `pick` says whose turn it is."""
        running: dict[int, ExperimentSpec] = {}
        done: dict[int, int] = {}
        while True:
            while (task := self.source.next_task()) is not None:
                running.update({spec.index: spec for spec in task.experiments})
            if not running:
                return self.told
            index = pick(sorted(running))
            spec = running[index]
            if self._goes_on(spec, done.setdefault(index, 1)):
                done[index] += 1
            else:
                del running[index]

    def _goes_on(self, spec: ExperimentSpec, step: int) -> bool:
        mark = sha256(spec.config.alias(as_string=True).encode()).digest()
        experiment_id, length = spec.identity.id, 1 + mark[0] % _ITERATIONS
        value = math.nan if mark[1] % 8 == 0 else mark[2] / 256 + 1 / step
        values = (value,) * len(self.variables)
        if step < length and not (
            self.watch.due(step - 1) and self.source.decide(experiment_id, step, values)
        ):
            return True
        self.source.note_last(experiment_id, values)
        self.source.conclude(experiment_id, step, step == length and mark[3] % 8 == 0)
        return False


def expect(condition: Any, message: str) -> None:
    """Raise `AssertionError` unless something is the case."""
    if not condition:
        raise AssertionError(message)
