"""Parameters as what tells drawn things apart: positions on an axis, colours and panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from research_results.plotting.texts import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Factor", "Split", "refined", "split"]

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


@dataclass(frozen=True, slots=True)
class Factor:
    """A parameter over configs.

    Attributes
    ----------
    name, alias : str
        Its names.
    is_auxiliary : bool
        Whether it says how a config is run, not what it is.
    codes : int64 array, length G
        Number of its value in each config; -1 for none.
    labels : tuple of str, length K
        What each value is called.
    numbers : float64 array, length K, or None
        The values, if they are numbers.
    """

    name: str
    alias: str
    is_auxiliary: bool
    codes: Ints
    labels: tuple[str, ...]
    numbers: Floats | None

    @property
    def varies(self) -> bool:
        """Whether it tells some configs apart."""
        return len(np.unique(self.codes)) > 1

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
    """Configs in groups by some parameters.

    Attributes
    ----------
    numbers : int64 array, length G
        Group of each config; -1 for those that are not drawn.
    labels : tuple of str
        What each group is called.
    title : str
        Names of the parameters, if labels have values alone.
    """

    numbers: Ints
    labels: tuple[str, ...]
    title: str

    def __len__(self) -> int:
        return len(self.labels)


def refined(numbers: Ints, codes: Ints) -> Ints:
    """Tell groups apart by one more parameter; new numbers are in the order of first appearance."""
    pairs = np.stack([numbers, codes], axis=1)
    _, first, inverse = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    found: Ints = rank[inverse.reshape(-1)]
    return found


def split(factors: Sequence[Factor], drawn: Ints, *, named: bool = False) -> Split:
    """Group configs by parameters, in the order of the domain.

    Parameters
    ----------
    factors : sequence of Factor
        The parameters; none make one group.
    drawn : int64 array
        Indices of the configs that have something to draw.
    named : bool
        Write ``name=value`` also where all configs have all parameters.
    """
    size = len(factors[0].codes) if factors else (int(drawn.max()) + 1 if len(drawn) else 0)
    own = np.zeros(len(drawn), np.int64)
    for factor in factors:
        own = refined(own, factor.codes[drawn])
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
