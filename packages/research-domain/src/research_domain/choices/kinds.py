"""Kinds of choices: between floats, ints, or things without an order."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Answer = int | float


class Choice:
    """What a domain leaves open: a :class:`Real`, :class:`Integer` or :class:`Category`."""

    __slots__ = ()

    def at(self, share: float) -> Answer:
        """Return the answer at a share, from 0 to 1, of the way through all answers in their order."""
        raise NotImplementedError

    def holds(self, answer: Any) -> bool:
        """Tell whether something is an answer."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator) -> Answer:
        """Return an answer at random.

        Examples
        --------
        >>> from research_domain import make_rng
        >>> Integer(3, 5).draw(make_rng(1)) in (3, 4, 5)
        True
        """
        return self.at(rng.random())


@dataclass(frozen=True, slots=True)
class Real(Choice):
    """A choice of a float.

    Parameters
    ----------
    low, high : float
        Limits, both included.
    log : bool, default False
        Whether ratios count rather than differences, as for learning rates; then `low` is positive.

    Examples
    --------
    >>> Real(0.0, 1.0).holds(0.5), Real(0.0, 1.0).holds(2)
    (True, False)
    >>> round(Real(0.01, 1.0, log=True).at(0.5), 9)
    0.1
    """

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:  # noqa: D102  # as above
        if self.log:
            found = self.low * math.pow(self.high / self.low, share)
        else:
            found = self.low + share * (self.high - self.low)
        return min(max(found, self.low), self.high)

    def holds(self, answer: Any) -> bool:  # noqa: D102  # as above
        is_number = not isinstance(answer, bool | str | bytes) and hasattr(answer, "__float__")
        return is_number and self.low <= answer <= self.high


@dataclass(frozen=True, slots=True)
class Integer(Choice):
    """A choice of an int, or of the index of a value in order, neighbours of which are alike.

    Parameters
    ----------
    low, high : int
        Limits, both included.
    names : tuple of str, length ``high + 1``, optional
        What the answers stand for, if they are indices of listed values.

    Examples
    --------
    >>> Integer(0, 2, ('0.1', '0.01', '0.001')).at(0.5)
    1
    """

    low: int
    high: int
    names: tuple[str, ...] = ()

    def at(self, share: float) -> int:  # noqa: D102  # as above
        size = self.high - self.low + 1
        return self.low + min(int(share * 2**53) * size >> 53, size - 1)

    def holds(self, answer: Any) -> bool:  # noqa: D102  # as above
        return _is_index(answer) and self.low <= answer <= self.high


@dataclass(frozen=True, slots=True)
class Category(Choice):
    """A choice between unordered values; the answer is an index.

    Parameters
    ----------
    names : tuple of str
        What is chosen from; all names differ.
    weights : tuple of float, same length as `names`, optional
        Probabilities with which the domain draws them, equal ones by default.

    Examples
    --------
    >>> Category(('relu', 'tanh')).holds(1)
    True
    """

    names: tuple[str, ...]
    weights: tuple[float, ...] | None = None

    def at(self, share: float) -> int:  # noqa: D102  # as above
        last = len(self.names) - 1
        if self.weights is None:
            return min(int(share * len(self.names)), last)
        ends = itertools.accumulate(self.weights)
        return next((number for number, end in enumerate(ends) if share < end), last)

    def holds(self, answer: Any) -> bool:  # noqa: D102  # as above
        return _is_index(answer) and 0 <= answer < len(self.names)


def _is_index(answer: Any) -> bool:
    return not isinstance(answer, bool) and hasattr(answer, "__index__")
