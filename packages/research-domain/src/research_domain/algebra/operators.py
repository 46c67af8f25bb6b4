"""Algebra: spaces of parameters as lazy values, and the operators that combine them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from research_domain.algebra._adapters import option_node
from research_domain.algebra._body import Body, Term, cross, filtered, join, weighted
from research_domain.algebra._combined import Product
from research_domain.algebra._nodes import Node
from research_domain.algebra._paths import check_paths
from research_domain.alias import Alias, check_key
from research_domain.errors import ParameterError, WeightError


class Algebra:
    """A space of parameters without settings of how it is iterated.

    Operators return new objects and never change their operands.
    """

    __array_ufunc__ = None  # so that a numpy number leaves `number * domain` to us

    _body: Body

    @classmethod
    def _of(cls, body: Body) -> Self:
        domain = cls()
        domain._body = body
        return domain

    def _with(self, body: Body) -> Self:
        """Return a space of other points that is iterated in the same way."""
        return self._of(body)

    def _joined(self, other: Algebra, sign: str, body: Body) -> Self:
        """Return the result of an operator upon two spaces, with default settings of iteration."""
        return self._of(body)

    def __mul__(self, other: Any) -> Self:
        """Combine each config with each of another domain, or multiply the weight by a number.

        Examples
        --------
        >>> from research_domain import Domain
        >>> [c.alias(True) for c in (Domain(a=[1, 2]) * Domain(b=[3, 4])).set_iter_params(additional=False)]
        ['a_1-b_3', 'a_1-b_4', 'a_2-b_3', 'a_2-b_4']
        """
        if isinstance(other, Algebra):
            return self._joined(other, "*", cross(self._body, other._body))
        return self.__rmul__(other)

    def __rmul__(self, weight: Any) -> Self:
        if isinstance(weight, str) or not hasattr(weight, "__float__") or np.ndim(weight):
            return NotImplemented
        return self._with(weighted(self._body, _check_weight(weight)))

    def __add__(self, other: Any) -> Self:
        """Put the configs of another domain after these.

        Examples
        --------
        >>> from research_domain import Domain
        >>> [c.alias(True) for c in (Domain(a=[1, 2]) + Domain(b=[3])).set_iter_params(additional=False)]
        ['a_1', 'a_2', 'b_3']
        """
        if not isinstance(other, Algebra):
            return NotImplemented
        return self._joined(other, "+", join((self._body, other._body)))

    def __radd__(self, other: Any) -> Self:
        """Let ``sum(domains)`` begin with its zero."""
        return self._with(self._body) if isinstance(other, int) and other == 0 else NotImplemented

    def where(self, predicate: Callable[..., Any]) -> Self:
        """Keep the configs that pass a predicate, lazily.

        Parameters
        ----------
        predicate : callable
            Takes the :class:`~research_domain.Config` without auxiliary keys, returns whether to keep it.
            In a product it still gets only the parameters that it was written for.

        Returns
        -------
        Domain

        Raises
        ------
        ParameterError
            If it cannot be called.

        Examples
        --------
        >>> from research_domain import Domain
        >>> grid = Domain(a=[1, 2, 3]) * Domain(b=[1, 2, 3])
        >>> upper = grid.where(lambda config: config['a'] < config['b'])
        >>> len(upper), upper.constraints[0].removed
        (3, 6)
        """
        if not callable(predicate):
            raise ParameterError("predicate", f"expected a function of a config, got {predicate!r}")
        return self._with(filtered(self._body, predicate))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters, sorted."""
        return tuple(sorted(self._body.keys))

    def named_values(self) -> Iterator[tuple[str, Alias]]:
        """Yield parameter and alias of each listed value that has a lasting name.

        Examples
        --------
        >>> from research_domain import Alias, Domain
        >>> list(Domain(net=[Alias([64, 10], 'small'), [128, 10]], n=[1, 2]).named_values())
        [('net', Alias([64, 10], 'small'))]
        """
        for parameter, values in self._body.parameters():
            if isinstance(values, tuple):  # others are drawn, or are ranges of any length
                for value in values:
                    if isinstance(value, Alias) and value.lasting_name is not None:
                        yield parameter, value


def _check_weight(weight: Any) -> float:
    try:
        number = float(weight)
    except OverflowError:
        number = math.inf
    if isinstance(weight, bool) or not 0 < number < math.inf:
        raise WeightError("weight", f"a weight is a positive finite number, got {weight!r}")
    return number


def options_body(options: Mapping[Any, Any]) -> Body:
    """Return the product of parameters."""
    seen: set[str] = set()
    nodes: list[Node] = []
    for key, values in options.items():
        name = check_key(key).value
        if name in seen:
            raise ParameterError(name, "is given twice, under one name with different aliases")
        seen.add(name)
        nodes.append(option_node(key, values))
    check_paths((each for node in nodes for each in node.parameters()), seen)
    return Body((Term(Product.of(nodes)),))
