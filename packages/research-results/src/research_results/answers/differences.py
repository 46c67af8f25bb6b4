"""Differences between the sides of a comparison, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from research_results.reading.gather import Floats, Ints, Mask


@dataclass(frozen=True, slots=True)
class Side:
    """One of the researches or experiments that are compared.

    Attributes
    ----------
    name : str
        What it is called: its folder, or the experiment.
    path : str or None
        Its folder; None in memory.
    counts : dict of str to int
        Status to number of experiments.
    configs : int
        How many different configs it has, of those that are compared.
    """

    name: str
    path: str | None
    counts: Mapping[str, int]
    configs: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of a variable on one side, and by how much it differs from that on the first side.

    Attributes
    ----------
    variable : str
        The variable.
    side : str
        The side.
    configs : int
        Over how many configs this is the mean: those in which all sides have values, or if there are none,
        all of this side.
    mean : float
        Mean over these configs, of the means over repetitions.
    difference : float
        By how much that is more than on the first side; NaN for that one.
    std : float
        Standard deviation of the difference over configs; NaN for one config, or if none is on all sides.
    sem : float
        Standard error of the difference that comes from repetitions; NaN if there are none.
    """

    variable: str
    side: str
    configs: int
    mean: float
    difference: float
    std: float
    sem: float


@dataclass(frozen=True, slots=True)
class VariableOfConfigs:
    """A variable in each of G configs on each of S sides."""

    name: str
    mean: Floats
    std: Floats
    sem: Floats
    count: Ints
    """Mean over repetitions, their standard deviation, standard error and number; of shape (G, S)."""

    @property
    def everywhere(self) -> Mask:
        """In which configs all sides have values."""
        return np.asarray((self.count > 0).all(axis=1), np.bool_)

    def differences(self, sides: Sequence[str]) -> list[Difference]:
        """Return a description of each side."""
        common = self.everywhere
        paired = bool(common.any())
        rows: list[Difference] = []
        for number, side in enumerate(sides):
            used = common if paired else self.count[:, number] > 0
            mean = float(np.mean(self.mean[used, number])) if used.any() else np.nan
            by_config = self.mean[used, number] - self.mean[used, 0]
            is_other = number > 0 and paired
            std = float(np.std(by_config, ddof=1)) if is_other and len(by_config) > 1 else np.nan
            errors = self.sem[used, number] ** 2 + self.sem[used, 0] ** 2
            sem = float(np.sqrt(errors.sum()) / used.sum()) if is_other else np.nan
            difference = mean - rows[0].mean if rows else np.nan
            rows.append(Difference(self.name, side, int(used.sum()), mean, difference, std, sem))
        return rows
