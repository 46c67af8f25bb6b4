"""Whether an axis is logarithmic."""

from __future__ import annotations

from typing import Any

import numpy as np

from research_results.reading.gather import Floats

_LEAST_RATIO = 8.0


def is_logarithmic(values: Floats) -> bool:
    """Tell whether the logarithms of values are spread more evenly than the values.

    At least three are needed, all positive and the largest at least 8 times the smallest, else it is no.

    Notes
    -----
    Evenness is the largest distance between the distribution of the values and the uniform one on their
    range, which is the statistic of Kolmogorov and Smirnov.

    Examples
    --------
    >>> is_logarithmic(np.array([0.001, 0.01, 0.1])), is_logarithmic(np.array([1.0, 50.0, 100.0]))
    (True, False)
    """
    distinct = np.unique(values)
    if len(distinct) < 3 or distinct[0] <= 0 or distinct[-1] < _LEAST_RATIO * distinct[0]:
        return False
    return _unevenness(np.log(distinct)) < _unevenness(distinct)


def _unevenness(ordered: Floats) -> float:
    scaled = (ordered - ordered[0]) / (ordered[-1] - ordered[0])
    return float(np.abs(scaled - np.linspace(0, 1, len(ordered))).max())


def set_scale(axes: Any, values: Floats) -> None:
    """Make the horizontal axis logarithmic if its values are spread that way; few values are its ticks."""
    from matplotlib.ticker import NullFormatter, NullLocator

    distinct = np.unique(values)
    if is_logarithmic(values):
        axes.set_xscale("log")
    if len(distinct) <= 6:
        axes.xaxis.set_ticks(distinct, [f"{value:g}" for value in distinct])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
