"""Compiling: from the algebra of a domain to its questions, each with a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from research_domain._written import written
from research_domain.algebra._body import Body, Fixed, Term
from research_domain.algebra._combined import Concat, Product, Zip
from research_domain.algebra._filters import Kept, Redraw
from research_domain.algebra._nodes import Draw, Grid, Node, Span
from research_domain.alias import Pairs, name_of, value_of
from research_domain.choices._drawn import drawn
from research_domain.choices._listed import distinct, listed, shares
from research_domain.choices._quantiles import UnknownScaleError
from research_domain.choices._space import Either, Every, Listed, Noise, Rows, Sampled, Space, Spanned, Where
from research_domain.choices.kinds import Category, Integer
from research_domain.errors import ChoiceError
from research_domain.samplers import Sampler
from research_domain.values import same


class Compiler:
    """Makes questions of a domain.

    What branches of a sum ask under one name is one question if the values are the same; others are told
    apart by the branch that they are in. With `noise`, parameters without quantiles are drawn without being
    asked for; without `filtered`, filters do not count.
    """

    def __init__(self, noise: bool, filtered: bool = True) -> None:
        self.noise = noise
        self.filtered = filtered
        self.drawn_freely: list[str] = []
        self._contents: dict[str, Any] = {}

    def body(self, body: Body, path: str = "") -> Space:
        """Return a sum of terms as questions."""
        if len(body.terms) == 1:
            return self._term(body.terms[0], path)
        branches = [self._term(term, f"{path}+{number}") for number, term in enumerate(body.terms)]
        weights = [term.weight for term in body.terms if term.weight is not None]
        return self._either(branches, body, path, shares(weights) if len(weights) == len(branches) else None)

    def _term(self, term: Term, path: str) -> Space:
        source = term.source
        space = self.body(source, path) if isinstance(source, Body) else self._node(source, path)
        return Where(space, term.filters) if term.filters and self.filtered else space

    def _node(self, node: Node, path: str) -> Space:
        if isinstance(node, Grid):
            return Every([self._listed(key, values, path) for key, values in node.pools])
        if isinstance(node, Span):
            return Spanned(node, self._named(node.key.value, path, node.values))
        if isinstance(node, Draw):
            return self._draw(node, path)
        if isinstance(node, Product):
            factors = enumerate(node.children)
            return Every([self._node(factor, f"{path}*{number}") for number, factor in factors])
        if isinstance(node, Concat):
            branches = [self._node(part, f"{path}+{number}") for number, part in enumerate(node.children)]
            return self._either(branches, node, path)
        if isinstance(node, Zip):
            return self._rows(node, path)
        if isinstance(node, Kept | Redraw):
            space = self._node(node.children[0], path)
            return Where(space, node.filters) if self.filtered else space
        raise _refused(node, "these values cannot be asked for")

    def _listed(self, key: Any, values: tuple[Any, ...], path: str) -> Space:
        different, question = listed(values)
        name = key.value if question is None else self._named(key.value, path, different)
        return Listed(key, different, name, question)

    def _draw(self, node: Draw, path: str) -> Space:
        parameter, sampler = node.key.value, node.source.sampler
        try:
            return Sampled(node.key, drawn(self._named(parameter, path, sampler), sampler))
        except UnknownScaleError as error:
            if not self.noise:
                way_out = "draw it without modelling it: choices(noise=True), or list its values"
                problem = f"a search cannot ask for values of {written(sampler)}: {error}; {way_out}"
                raise ChoiceError(parameter, problem) from error
            if parameter not in self.drawn_freely:
                self.drawn_freely.append(parameter)
            return Noise(node)

    def _rows(self, node: Zip, path: str) -> Space:
        parts = list(_parts(node))
        if node.has_draws and any(isinstance(part, Fixed | Redraw) for part in parts):
            raise _refused(
                node, "its rows depend on what is drawn by weight or filtered; write them as a list"
            )
        leaves = {id(part): self._draw(part, path) for part in parts if isinstance(part, Draw)}
        name = self._named("@" + "&".join(sorted(node.keys)), path, node)
        question = Integer(0, node.points - 1) if node.points > 1 else None
        return Rows(node, name, question, leaves)

    def _either(
        self, branches: list[Space], content: Any, path: str, weights: tuple[float, ...] | None = None
    ) -> Space:
        fixed = [dict(_named_values(branch.fixed)) for branch in branches]
        telling = _telling(fixed)
        if telling is not None:
            name, labels = telling, [values[telling] for values in fixed]
        else:
            name, labels = "+", [_label(branch) for branch in branches]
        name = self._named(name, path, content)
        return Either(branches, name, Category(distinct(labels), weights))

    def _named(self, name: str, path: str, content: Any) -> str:
        """Return the name of a question, which is that of a parameter unless others have it already."""
        for candidate in (name, f"{name} {path}"):
            known = self._contents.setdefault(candidate, content)
            if _are_alike(known, content):
                return candidate
        raise ChoiceError(name, f"is the name of several questions at {path!r}; rename it")


def _are_alike(one: Any, other: Any) -> bool:
    """Tell whether two parts of a domain have the same values."""
    if one is other:
        return True
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_is_same_value, one, other))
    is_value = isinstance(one, Sampler | range) and type(one) is type(other)
    return is_value and bool(one == other)


def _is_same_value(one: Any, other: Any) -> bool:
    mine, theirs = value_of(one), value_of(other)
    return type(mine) is type(theirs) and name_of(one) == name_of(other) and same(mine, theirs)


def _parts(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _parts(child)


def _named_values(pairs: Pairs) -> Iterator[tuple[str, str]]:
    return ((key.value, name_of(value)) for key, value in pairs)


def _telling(fixed: list[dict[str, str]]) -> str | None:
    """Return the parameter whose constants distinguish all branches, or None."""
    for name in fixed[0]:
        if len({values.get(name) for values in fixed}) == len(fixed) and all(name in v for v in fixed):
            return name
    return None


def _label(branch: Space) -> str:
    constants = " ".join(f"{name}={value}" for name, value in _named_values(branch.fixed))
    return constants or " ".join(dict.fromkeys(name for name, _ in branch.questions)) or "nothing"


def _refused(node: Node, problem: str) -> ChoiceError:
    return ChoiceError(" and ".join(sorted(node.keys)), problem)
