"""Parameters as factors of a picture: positions on an axis, colours and panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from research_results.plotting.texts import shortened
from research_results.reading.distinct import renumbered
from research_results.reading.gather import Floats, Ints


@dataclass(frozen=True, slots=True)
class Factor:
    """A parameter over configs."""

    name: str
    alias: str
    codes: Ints
    """Number of its value in each config; -1 for none; length G."""
    labels: tuple[str, ...]
    """What each value is called; length K."""
    numbers: Floats | None
    """The values, if they are numbers; length K."""

    @property
    def distinct(self) -> int:
        """How many values there are."""
        return len(np.unique(self.codes[self.codes >= 0]))

    def ordered(self) -> list[int]:
        """Return the codes of its values in the order of an axis; that of no value comes last."""
        present = np.unique(self.codes).tolist()
        values = [code for code in present if code >= 0]
        if self.numbers is not None:
            numbers = self.numbers
            values.sort(key=lambda code: float(numbers[code]))
        return [*values, *(code for code in present if code < 0)]

    def label(self, code: int) -> str:
        """Return what a value is called, ``-`` for none."""
        return self.labels[code] if code >= 0 else "-"


@dataclass(frozen=True, slots=True)
class Split:
    """Configs in groups by some parameters."""

    numbers: Ints
    """Group of each config; -1 for those that are not drawn; length G."""
    labels: tuple[str, ...]
    """What each group is called."""
    title: str
    """Names of the parameters, if labels have values alone."""

    def __len__(self) -> int:
        return len(self.labels)


def refined(numbers: Ints, codes: Ints) -> Ints:
    """Tell groups apart by one more parameter; new numbers are in the order of first appearance."""
    return renumbered(numbers * (int(codes.max(initial=-1)) + 2) + codes)


def split(factors: Sequence[Factor], drawn: Ints, *, named: bool = False) -> Split:
    """Group the configs that are drawn by parameters, in the order of the domain; none make one group.

    Groups by one parameter that is a number are in its order, as values may have been drawn at random. With
    `named` labels are ``name=value`` also where all configs have all parameters.
    """
    size = len(factors[0].codes) if factors else (int(drawn.max()) + 1 if len(drawn) else 0)
    own = np.zeros(len(drawn), np.int64)
    for factor in factors:
        own = refined(own, factor.codes[drawn])
    if len(factors) == 1 and factors[0].numbers is not None:
        rank = {code: place for place, code in enumerate(factors[0].ordered())}
        own = np.unique([rank[code] for code in factors[0].codes[drawn].tolist()], return_inverse=True)[1]
    numbers = np.full(size, -1, np.int64)
    numbers[drawn] = own
    _, first = np.unique(own, return_index=True)
    named = named or any((factor.codes[drawn] < 0).any() for factor in factors)
    labels = [_label(factors, int(drawn[index]), named=named) for index in first]
    title = "" if named else ", ".join(shortened(factor.alias) for factor in factors)
    return Split(numbers, tuple(labels), title)


def _label(factors: Sequence[Factor], config: int, *, named: bool) -> str:
    """Return what the group of a config is called; parameters that it has not are left out."""
    present = [(factor, int(factor.codes[config])) for factor in factors if factor.codes[config] >= 0]
    if factors and not present:
        return f"no {', '.join(shortened(factor.alias) for factor in factors)}"
    return ", ".join(
        f"{shortened(factor.alias)}={factor.labels[code]}" if named else factor.labels[code]
        for factor, code in present
    )
