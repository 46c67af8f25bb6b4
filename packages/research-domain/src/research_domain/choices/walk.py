"""Choices: from answers to a config, and from a config to answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from research_domain.algebra._body import Body
from research_domain.alias import ConfigAlias, as_query
from research_domain.choices._compiling import Compiler
from research_domain.choices._drawn import Answers
from research_domain.choices._space import AnswerSource
from research_domain.choices.kinds import Answer, Choice
from research_domain.errors import ChoiceError, hint
from research_domain.seeds import make_rng


class Choices(Mapping[str, Choice]):
    """What a domain leaves open, as questions whose answers lead to a config; see :meth:`Domain.choices`.

    It reads like a mapping from the name of each question to the choice that it is about. Which of them are
    asked depends on the branches of sums that answers lead to.

    Attributes
    ----------
    noise : tuple of str
        Parameters that are drawn without being asked for.
    """

    def __init__(self, body: Body, noise: bool = False) -> None:
        compiler = Compiler(noise)
        self._body = body
        self._space = compiler.body(body)
        self.noise = tuple(compiler.drawn_freely)
        self._questions: dict[str, Choice] = {}
        for name, question in self._space.questions:
            if self._questions.setdefault(name, question) != question:
                raise ChoiceError(name, "is also the name of a part of another parameter; rename one of them")

    def __getitem__(self, name: str) -> Choice:
        return self._questions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._questions)

    def __len__(self) -> int:
        return len(self._questions)

    def __bool__(self) -> bool:
        """Tell that there is a domain, although it may leave nothing open."""
        return True

    def config(self, choose: Callable[[str, Choice], Answer], seed: Any = None) -> ConfigAlias:
        """Return the config that answers lead to.

        Parameters
        ----------
        choose : callable
            Takes the name of a question and the choice, returns an answer that it holds: a float for a
            :class:`Real`, an int for an :class:`Integer`, an index for a :class:`Category`. What is asked
            next depends on the answers.
        seed : object, optional
            Of what is drawn without being asked for; see :func:`research_domain.make_rng`.

        Returns
        -------
        ConfigAlias
            A config of the domain, without what says how it is run.

        Raises
        ------
        InfeasibleError
            If ``where``, or the limits of a truncated sampler, reject it.
        ChoiceError
            If an answer is none.

        Examples
        --------
        >>> from research_domain import Domain, loguniform
        >>> domain = Domain(depth=[1, 2, 4]) * Domain(rate=loguniform(0.01, 1))
        >>> config = domain.choices().config(lambda name, choice: choice.at(0))
        >>> config, config in domain
        (ConfigAlias({'depth': '1', 'rate': '0.01'}), True)
        """

        def ask(name: str, choice: Choice) -> Answer:
            answer = choose(name, choice)
            if not choice.holds(answer):
                raise ChoiceError(name, f"{answer!r} is no answer to {choice!r}")
            return answer

        rng = make_rng(seed) if self.noise else None
        return ConfigAlias.of_pairs(self._space.point(AnswerSource(ask, lambda: rng)))

    def answers(self, config: Mapping[str, Any] | ConfigAlias) -> Answers:
        """Return the answers that lead to a config, for what is known already.

        Parameters
        ----------
        config : mapping, Config or ConfigAlias
            A config of the domain; what says how it is run does not matter.

        Returns
        -------
        dict of str to int or float
            Name of each question that is asked on the way to its answer.

        Raises
        ------
        ChoiceError
            If it is no config of the domain, or a number in it was made of several that were drawn.

        Examples
        --------
        >>> from research_domain import Alias, Domain
        >>> domain = Domain(model=['tree']) + Domain(model=['net'], layers=[[64], [64, 64]])
        >>> domain.choices().answers({'model': 'net', 'layers': [64, 64]})
        {'model': 1, 'layers': 1}
        """
        query = as_query(config, self._body.keys)
        if query is None:
            raise ChoiceError("config", f"expected a mapping from names to values, got {config!r}")
        for answers, covered in self._space.find(query, frozenset()):
            if covered == query.keys():
                return answers
        raise self._refused(query)

    def deciding(self, parameters: Iterable[str]) -> frozenset[str]:
        """Return the names of the questions on which the values of some parameters depend.

        Parameters
        ----------
        parameters : iterable of str
            Names of parameters.

        Examples
        --------
        >>> from research_domain import Domain
        >>> domain = Domain(data=['a', 'b']) * (Domain(depth=[1, 2]) + Domain(width=[1, 2]))
        >>> sorted(domain.choices().deciding(['data'])), sorted(domain.choices().deciding(['depth']))
        (['data'], ['+', 'depth'])
        """
        return frozenset(self._space.deciding(frozenset(parameters)))

    def _refused(self, query: Mapping[str, Any]) -> ChoiceError:
        """Return the error that names what keeps a config from being one of the domain's."""
        known = self._body.keys
        for path in query:
            if not any(_is_below(path, name) for name in known):
                close = hint(path, known, most=1)
                return ChoiceError(path, f"the domain has no such parameter{close}; it has {sorted(known)}")
        unfiltered = Compiler(noise=True, filtered=False).body(self._body)
        for name in sorted(known):
            below = {path for path in query if _is_below(path, name)}
            found = unfiltered.find(query, frozenset(known - {name}))
            if below and not any(below <= covered for _, covered in found):
                value = query.get(name, {path: query[path] for path in sorted(below)})
                return ChoiceError(name, f"no answer is known to lead to the value {value!r}")
        together = any(covered == query.keys() for _, covered in unfiltered.find(query, frozenset()))
        why = "a filter rejects it" if together else "there are no such values together"
        return ChoiceError("config", f"no answers lead to {dict(query)!r}: {why}")


def _is_below(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}/")
