"""Statistics by group: mean, spread, extremes and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from research_results.errors import ArgumentError
from research_results.reading.gather import Array, Floats, Ints


class _Grouped:
    """Values with the group of each; what several statistics need is computed once."""

    def __init__(self, values: Floats, groups: Ints, count: int) -> None:
        self.values = values
        self.groups = groups
        self.counts: Ints = np.bincount(groups, minlength=count).astype(np.int64)

    @cached_property
    def mean(self) -> Floats:
        """The mean of each group; NaN for none."""
        return np.asarray(self._sums(self.values) / self._divisor(self.counts), np.float64)

    @cached_property
    def _sorted(self) -> tuple[Floats, Ints]:
        """The values sorted by group, and where each group begins."""
        order = np.lexsort((self.values, self.groups))
        return self.values[order], np.cumsum(self.counts) - self.counts

    @property
    def std(self) -> Floats:
        """The standard deviation of each group, with one degree of freedom less; NaN below two values."""
        deviations = self.values - self.mean[self.groups]
        spread: Floats = np.sqrt(self._sums(deviations**2) / self._divisor(self.counts - 1))
        return spread

    @property
    def sem(self) -> Floats:
        """The standard error of the mean."""
        error: Floats = self.std / np.sqrt(self._divisor(self.counts))
        return error

    def _sums(self, values: Floats) -> Floats:
        sums = np.bincount(self.groups, values, minlength=len(self.counts))
        return sums.astype(np.float64, copy=False)

    @staticmethod
    def _divisor(counts: Ints) -> Floats:
        """Return counts to divide by: NaN where there is nothing to divide."""
        divisors: Floats = np.where(counts > 0, counts, np.nan).astype(np.float64)
        return divisors

    def of_sorted(self, pick: Callable[[Floats, Ints, Ints], Floats]) -> Floats:
        """Return a statistic of the sorted values of each group, given their start and count.

        NaN for groups without values, and for those with a NaN among them.
        """
        ordered, starts = self._sorted
        found = np.full(len(self.counts), np.nan)
        some = self.counts > 0
        begin, counts = starts[some], self.counts[some]
        picked = pick(ordered, begin, counts)
        found[some] = np.where(np.isnan(ordered[begin + counts - 1]), np.nan, picked)  # NaN is sorted last
        return found


def _median(ordered: Floats, begin: Ints, counts: Ints) -> Floats:
    low, high = ordered[begin + (counts - 1) // 2], ordered[begin + counts // 2]
    middle: Floats = np.where(low == high, low, low / 2 + high / 2)
    return middle


STATISTICS: Mapping[str, Callable[[_Grouped], Array]] = {
    "mean": lambda grouped: grouped.mean,
    "std": lambda grouped: grouped.std,
    "sem": lambda grouped: grouped.sem,
    "count": lambda grouped: grouped.counts,
    "min": lambda grouped: grouped.of_sorted(lambda ordered, begin, _: ordered[begin]),
    "max": lambda grouped: grouped.of_sorted(lambda ordered, begin, counts: ordered[begin + counts - 1]),
    "median": lambda grouped: grouped.of_sorted(_median),
}
"""Name to function of values by group."""


USUAL = ("mean", "std", "sem", "count")
"""What is said of each config of a ranking or comparison."""


def check_statistics(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse statistics that there are not."""
    given = (names,) if isinstance(names, str) else tuple(names)
    for name in given:
        if name not in STATISTICS:
            raise ArgumentError("stats", f"there is no {name!r}; there are {', '.join(STATISTICS)}")
    return given


def statistics(values: Floats, groups: Ints, count: int, names: Sequence[str]) -> dict[str, Array]:
    """Return statistics of values by group.

    Parameters
    ----------
    values : float64 array, length N
        A NaN among them makes the statistics of its group NaN.
    groups : int64 array, length N
        The group of each value, below `count`.
    count : int
        How many groups there are; those without values have the count 0, and NaN.
    names : sequence of str
        Of `STATISTICS`.

    Returns
    -------
    dict of str to array, length `count`

    Examples
    --------
    >>> statistics(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), 2, ['mean', 'count'])
    {'mean': array([2., 5.]), 'count': array([2, 1])}
    """
    grouped = _Grouped(values, groups, count)
    with np.errstate(invalid="ignore"):  # infinite values have no spread
        return {name: STATISTICS[name](grouped) for name in names}
