"""Which parameters matter: shares of the variance of a variable, by parameters and pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from research_results.errors import ArgumentError, MissingExtraError
from research_results.reading.gather import Floats, Ints

_LARGEST_GRID = 20_000
_MOST_LEVELS = 12


class Effect(NamedTuple):
    """A share of the variance."""

    name: str
    """The parameter, or ``a x b`` for a pair."""
    kind: Literal["parameter", "pair", "interactions", "noise"]
    """``interactions`` are those of three and more parameters, ``noise`` is what is left among repetitions.
    """
    share: float
    """From 0 to 1; all of them together are 1."""


@dataclass(frozen=True, slots=True)
class Levels:
    """A parameter over experiments."""

    name: str
    codes: Ints
    """Number of its value in each experiment; -1 for none, which is a value like any other; length N."""
    numbers: Floats | None
    """The values, if they are numbers."""

    def ranks(self) -> tuple[Floats, Ints]:
        """Return the values in order, as numbers or codes, and for each experiment which one."""
        if self.numbers is None or (self.codes < 0).any():
            values = self.codes.astype(np.float64)
        else:
            values = self.numbers[self.codes]
        distinct, inverse = np.unique(values, return_inverse=True)
        return distinct, inverse.reshape(-1).astype(np.int64)


def explained(parameters: Sequence[Levels], values: Floats) -> list[Effect]:
    """Share the variance of values between parameters, pairs of them, and the rest.

    Parameters
    ----------
    parameters : sequence of Levels
        The parameters that vary.
    values : float64 array, length N
        The value of each experiment, all of them finite.

    Returns
    -------
    list of Effect
        The largest shares first, the rest last.

    Raises
    ------
    ArgumentError
        If values do not vary, or the configs are no full grid of too many parameters.
    MissingExtraError
        If the configs are no full grid, without the extra ``importances``.

    Notes
    -----
    Of a full grid these are the sums of squares of the analysis of variance with all interactions, divided by
    the total one; where configs have different numbers of repetitions, those of the unweighted means. Else a
    random forest is fitted, and its predictions over the grid of all values are shared out in the same way:
    a functional analysis of variance.

    **Source**: D. C. Montgomery, *Design and Analysis of Experiments*, chapter 5 (sums of squares), and
    chapter 15 (unweighted means); F. Hutter, H. Hoos, K. Leyton-Brown, *An Efficient Approach for Assessing
    Hyperparameter Importance*, ICML 2014.
    """
    if not np.ptp(values) > 0:
        raise ArgumentError("variables", "the values are all the same: there is no variance to explain")
    ranks = [parameter.ranks() for parameter in parameters]
    shape = tuple(len(distinct) for distinct, _ in ranks)
    cells = (
        np.ravel_multi_index(tuple(own for _, own in ranks), shape) if prod(shape) <= len(values) else None
    )
    names = [parameter.name for parameter in parameters]
    if cells is None or len(np.unique(cells)) < prod(shape):
        return _shares(names, _effects(_forest_table(ranks, values)), None)
    counts = np.bincount(cells, minlength=prod(shape))
    means = np.bincount(cells, values, minlength=prod(shape)) / counts
    within = float(((values - means[cells]) ** 2).sum())
    harmonic = prod(shape) / float((1 / counts).sum())
    return _shares(names, _effects(means.reshape(shape)), within / (harmonic * prod(shape)))


def _effects(table: Floats) -> dict[tuple[int, ...], float]:
    """Return the variance over a grid of each axis, of each pair, and under the empty key of all."""
    axes = range(table.ndim)

    def variance(*kept: int) -> float:
        return float(table.mean(axis=tuple(axis for axis in axes if axis not in kept)).var())

    found: dict[tuple[int, ...], float] = {(axis,): variance(axis) for axis in axes}
    for first, second in combinations(axes, 2):
        found[first, second] = max(variance(first, second) - found[first,] - found[second,], 0.0)
    return {**found, (): float(table.var())}


def _shares(names: Sequence[str], effects: dict[tuple[int, ...], float], noise: float | None) -> list[Effect]:
    whole = effects.pop(())
    total = whole + (noise or 0.0)
    if not total > 0:
        raise ArgumentError("variables", "no parameter explains anything: a forest predicts the same for all")
    shares = [
        Effect(
            " x ".join(names[axis] for axis in key),
            "parameter" if len(key) == 1 else "pair",
            variance / total,
        )
        for key, variance in effects.items()
    ]
    shares.sort(key=lambda effect: -effect.share)
    if len(names) > 2:
        shares.append(
            Effect("interactions of more", "interactions", max(whole - sum(effects.values()), 0.0) / total)
        )
    if noise is not None:
        shares.append(Effect("repetitions", "noise", noise / total))
    return shares


def _forest_table(ranks: Sequence[tuple[Floats, Ints]], values: Floats) -> Floats:
    """Return what a random forest predicts over the grid of the values of all parameters."""
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise MissingExtraError("importances of what is no full grid", "importances") from None
    most = min(_MOST_LEVELS, int(_LARGEST_GRID ** (1 / len(ranks)) + 1e-9))
    if most < 2:
        raise ArgumentError(
            "variables", f"{len(ranks)} parameters vary, which are too many; filter for fewer"
        )
    forest = RandomForestRegressor(64, min_samples_leaf=2, random_state=0)
    forest.fit(np.stack([distinct[own] for distinct, own in ranks], axis=1), values)
    levels = [
        distinct[np.linspace(0, len(distinct) - 1, min(most, len(distinct))).round().astype(int)]
        for distinct, _ in ranks
    ]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*levels, indexing="ij")], axis=1)
    predicted: Floats = forest.predict(grid)
    return predicted.reshape([len(axis) for axis in levels])
