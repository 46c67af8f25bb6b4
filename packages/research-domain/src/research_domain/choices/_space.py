"""Spaces as questions: each node of the algebra as what has to be asked to get one of its points."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from research_domain.algebra._adapters import as_values
from research_domain.algebra._combined import Zip
from research_domain.algebra._draws import Leaf
from research_domain.algebra._filters import Filter, names, passes
from research_domain.algebra._nodes import Draw, Span, agreeing
from research_domain.alias import Alias, ConfigAlias, Pairs, unique, value_of
from research_domain.choices._drawn import Answers, Ask, Drawn
from research_domain.choices.kinds import Choice, Integer
from research_domain.config import Config
from research_domain.errors import InfeasibleError

Query = Mapping[str, Any]
"""A flat config: path to value."""

Found = tuple[Answers, frozenset[str]]
"""Answers that lead to a point, and the paths of a query that it accounts for."""


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """The source of answers, and the generator of values that are drawn without a question."""

    ask: Ask
    rng: Callable[[], np.random.Generator | None]
    """Returns the generator of what is drawn without being asked for; None where it does not matter."""


class Space:
    """A node of the algebra as questions."""

    __slots__ = ()

    children: tuple[Space, ...] = ()
    name: str
    question: Choice | None = None

    def point(self, asking: AnswerSource) -> Pairs:
        """Return the point that answers lead to; an InfeasibleError if a filter rejects it."""
        raise NotImplementedError

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        """Yield answers that lead to a point that agrees with a query; hidden paths take any value."""
        raise NotImplementedError

    @property
    def own_questions(self) -> Iterable[tuple[str, Choice]]:
        """The name of each question of this node, and the question, without those of its children."""
        return () if self.question is None else ((self.name, self.question),)

    def chosen(self, asking: AnswerSource) -> int:
        """Return the answer to the question of this node, 0 if it has none."""
        return 0 if self.question is None else int(asking.ask(self.name, self.question))

    @property
    def questions(self) -> Iterator[tuple[str, Choice]]:
        """The name of each question, and the question."""
        return itertools.chain(self.own_questions, *(child.questions for child in self.children))

    @property
    def keys(self) -> frozenset[str]:
        """Names of all parameters."""
        return frozenset().union(*(child.keys for child in self.children))

    def deciding(self, parameters: frozenset[str]) -> Iterator[str]:
        """Yield the names of the questions on which values of some parameters depend."""
        own = (name for name, _ in self.own_questions if self.keys & parameters)
        return itertools.chain(own, *(child.deciding(parameters) for child in self.children))

    @property
    def fixed(self) -> Pairs:
        """The pairs that are the same in all points."""
        return ()


class _Parameter(Space):
    """A parameter whose values are asked for."""

    __slots__ = ()

    key: Alias

    @property
    def keys(self) -> frozenset[str]:
        return frozenset((self.key.value,))


class Listed(_Parameter):
    """A parameter with listed values."""

    __slots__ = ("key", "name", "question", "values")

    def __init__(self, key: Alias, values: Sequence[Any], name: str, question: Choice | None) -> None:
        self.key, self.values, self.name, self.question = key, values, name, question

    def point(self, asking: AnswerSource) -> Pairs:
        return ((self.key, self.values[self.chosen(asking)]),)

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        wanted = type(query.get(self.key.value))
        found = sorted(  # among equal values of several types that of the config comes first
            agreeing((self.key, self.values), query, hidden),
            key=lambda each: type(value_of(self.values[each[0]])) is not wanted,
        )
        for number, paths in found:
            yield {} if self.question is None else {self.name: number}, paths

    @property
    def fixed(self) -> Pairs:
        return ((self.key, self.values[0]),) if len(self.values) == 1 else ()


class Spanned(Listed):
    """A parameter with a range of values too long to be listed."""

    __slots__ = ("node",)

    def __init__(self, node: Span, name: str) -> None:
        super().__init__(node.key, node.values, name, Integer(0, node.points - 1))
        self.node = node

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        return (({self.name: number}, paths) for number, paths in self.node.find(query, hidden, True))


class Sampled(_Parameter):
    """A parameter that is drawn."""

    __slots__ = ("drawn", "key")

    def __init__(self, key: Alias, drawn: Drawn) -> None:
        self.key, self.drawn = key, drawn

    def point(self, asking: AnswerSource) -> Pairs:
        return ((self.key, as_values(self.key.value, self.drawn.row(asking.ask), 1)[0]),)

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        name = self.key.value
        if name in hidden:
            yield {name: question.at(0.5) for name, question in self.drawn.questions()}, frozenset()
            return
        value, paths = _under(query, name)
        if paths:
            row = list(value) if isinstance(value, np.ndarray) and value.ndim else [value]
            yield from ((answers, paths) for answers in itertools.islice(self.drawn.find(row), 1))

    @property
    def own_questions(self) -> Iterable[tuple[str, Choice]]:
        return self.drawn.questions()


def _under(query: Query, name: str) -> tuple[Any, frozenset[str]]:
    """Return what a query has under a name, and the paths that it consists of."""
    if name in query:
        return query[name], frozenset((name,))
    below = {path: value for path, value in query.items() if path.startswith(f"{name}/")}
    return Config({path[len(name) + 1 :]: value for path, value in below.items()}), frozenset(below)


class Noise(_Parameter):
    """A parameter that is drawn without being asked for."""

    __slots__ = ("key", "node")

    def __init__(self, node: Draw) -> None:
        self.key, self.node = node.key, node

    def point(self, asking: AnswerSource) -> Pairs:
        rng = asking.rng()
        return ((self.key, None if rng is None else self.node.draw(_SOME, rng)[0]),)

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        return (({}, paths) for _, paths in self.node.find(query, hidden))


_SOME = 2
"""How many values are drawn for one; where it is only one, ``rvs`` of scipy loses a dimension."""


class Rows(Space):
    """A zip of nodes: a question for the row, and the questions of draws in it."""

    __slots__ = ("drawn", "name", "node", "question")

    def __init__(self, node: Zip, name: str, question: Choice | None, drawn: Mapping[int, Space]) -> None:
        self.node, self.name, self.question, self.drawn = node, name, question, drawn

    @property
    def children(self) -> tuple[Space, ...]:  # type: ignore[override]
        return tuple(self.drawn.values())

    @property
    def keys(self) -> frozenset[str]:
        return self.node.keys

    def point(self, asking: AnswerSource) -> Pairs:
        row = self.chosen(asking)
        draws: Any = SimpleNamespace(pair=lambda leaf, _: self.drawn[id(leaf)].point(asking)[0])
        return self.node.at(row, 0, draws)

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        for row, paths in self.node.find(query, hidden, True):
            answers: Answers = {} if self.question is None else {self.name: row}
            found = partial(self._found, query, hidden, answers)
            draws: Any = SimpleNamespace(pair=lambda leaf, _, found=found: found(leaf))
            try:
                self.node.at(row, 0, draws)
            except LookupError:
                continue
            yield answers, paths

    def _found(self, query: Query, hidden: frozenset[str], known: Answers, leaf: Leaf) -> tuple[Alias, Any]:
        """Add the answers for what is drawn in a row; a LookupError if there are none."""
        answers, _ = next(self.drawn[id(leaf)].find(query, hidden), (None, None))
        if answers is None:
            raise LookupError(leaf.key.value)
        known.update(answers)
        return leaf.key, None


class Every(Space):
    """A product: all factors are asked; of equal names the last one counts."""

    __slots__ = ("children",)

    def __init__(self, children: Sequence[Space]) -> None:
        self.children = tuple(children)

    def point(self, asking: AnswerSource) -> Pairs:
        return unique(tuple(pair for child in self.children for pair in child.point(asking)))

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        return _find_all(self.children, query, hidden)

    @property
    def fixed(self) -> Pairs:
        return tuple(pair for child in self.children for pair in child.fixed)


def _find_all(children: tuple[Space, ...], query: Query, hidden: frozenset[str]) -> Iterator[Found]:
    if not children:
        yield {}, frozenset()
        return
    *others, last = children
    for answers, paths in last.find(query, hidden):
        for more, rest in _find_all(tuple(others), query, hidden | paths):
            yield {**more, **answers}, rest | paths


class Either(Space):
    """A sum: a question for the branch, and the questions of the branch."""

    __slots__ = ("children", "name", "question")

    def __init__(self, children: Sequence[Space], name: str, question: Choice) -> None:
        self.children, self.name, self.question = tuple(children), name, question

    def point(self, asking: AnswerSource) -> Pairs:
        return self.children[self.chosen(asking)].point(asking)

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        for number, child in enumerate(self.children):
            yield from (({self.name: number, **more}, paths) for more, paths in child.find(query, hidden))


class Where(Space):
    """Points that pass filters; others are infeasible."""

    __slots__ = ("children", "filters")

    def __init__(self, child: Space, filters: tuple[Filter, ...]) -> None:
        self.children, self.filters = (child,), filters

    def point(self, asking: AnswerSource) -> Pairs:
        pairs = self.children[0].point(asking)
        if not passes(self.filters, pairs):
            text = ConfigAlias.of_pairs(pairs).alias(as_string=True)
            raise InfeasibleError(f"where({names(self.filters)})", text)
        return pairs

    def find(self, query: Query, hidden: frozenset[str]) -> Iterator[Found]:
        for answers, paths in self.children[0].find(query, hidden):
            known = AnswerSource(lambda name, _, given=answers: given[name], lambda: None)  # type: ignore[misc]
            pairs = self.children[0].point(known)
            as_given = tuple((key, _given(query, paths, key.value, value)) for key, value in pairs)
            if passes(self.filters, as_given):
                yield answers, paths

    @property
    def fixed(self) -> Pairs:
        return self.children[0].fixed


def _given(query: Query, paths: frozenset[str], name: str, value: Any) -> Any:
    """Return the value of a parameter as the query has it, rather than found again from answers."""
    if name in paths:
        return query[name]
    given, below = _under(query, name)
    return given if below and below <= paths and not isinstance(value_of(value), Mapping) else value
