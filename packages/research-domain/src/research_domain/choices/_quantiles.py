"""Scales: how a search is asked for one number of a distribution, through its quantiles if need be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from research_domain.choices._listed import index_of, listed
from research_domain.choices.kinds import Answer, Choice, Integer, Real
from research_domain.samplers import (
    ChoiceSampler,
    HistoSampler,
    LogUniformSampler,
    NumpySampler,
    ScipySampler,
)

_TAIL = 1e-6
"""Share of a distribution at either end that is not asked for."""


class UnknownScaleError(Exception):
    """A distribution whose values cannot be asked for; the text says why."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of one distribution are asked for.

    Without a question there is only one value. `answer` raises a ValueError or TypeError if there is none.
    """

    question: Choice | None
    value: Callable[[Answer], Any]
    answer: Callable[[Any], Answer]


def scale_of(sampler: Any) -> Scale:
    """Return how the values of a distribution of one dimension are asked for."""
    make = _SCALES.get(type(sampler))
    return _by_quantiles(sampler) if make is None else make(sampler)


def _numpy(sampler: NumpySampler) -> Scale:
    name, given = sampler.name, sampler.kwargs
    try:
        if name in _NATIVE:
            return _NATIVE[name](**given)
        if name in _BY_SCIPY:
            return _by_quantiles(_BY_SCIPY[name](_stats(), **given))
    except TypeError as error:  # arguments that have no part in the distribution of one number, or are arrays
        raise UnknownScaleError(f"with arguments {given!r} it has no quantiles of one number") from error
    raise UnknownScaleError("it has no quantiles")


def _uniform(low: Any = 0.0, high: Any = 1.0) -> Scale:
    return Scale(Real(float(low), float(high)), float, float)


def _integers(low: Any, high: Any = None, endpoint: bool = False, dtype: Any = int) -> Scale:
    low, high = (0, low) if high is None else (low, high)
    return Scale(Integer(int(low), int(high) - (not endpoint)), int, _whole)


def _whole(value: Any) -> int:
    if value != int(value):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _choice(a: Any, p: Any = None) -> Scale:
    options = np.arange(a) if np.ndim(a) == 0 else np.asarray(a)
    if options.ndim != 1:
        raise TypeError("rows of an array")
    return _of_listed(options.tolist(), p)


def _of_listed(options: Any, p: Any) -> Scale:
    values, question = listed(options, p)
    return Scale(question, lambda answer: values[int(answer)], lambda value: index_of(values, value))


def _normal(loc: Any = 0.0, scale: Any = 1.0) -> Scale:
    """Return the scale of a normal distribution, for which scipy is not needed."""
    from statistics import NormalDist  # late, as it imports much

    known = NormalDist()
    mean, width = float(loc), float(scale)
    if not width:
        return Scale(None, lambda _: mean, lambda _: 0)
    return _of_functions(
        lambda share: mean + width * known.inv_cdf(share), lambda value: known.cdf((value - mean) / width)
    )


def _lognormal(mean: Any = 0.0, sigma: Any = 1.0) -> Scale:
    inner = _normal(mean, sigma)
    return Scale(
        inner.question,
        lambda answer: math.exp(inner.value(answer)),
        lambda value: inner.answer(math.log(value)),
    )


_NATIVE: dict[str, Callable[..., Scale]] = {
    "uniform": _uniform,
    "random": lambda dtype=None: _uniform(),
    "integers": _integers,
    "choice": _choice,
    "normal": _normal,
    "standard_normal": lambda dtype=None: _normal(),
    "lognormal": _lognormal,
}
"""Distributions of numpy that need no scipy."""

_BY_SCIPY: dict[str, Callable[..., Any]] = {
    "beta": lambda stats, a, b: stats.beta(a, b),
    "binomial": lambda stats, n, p: stats.binom(n, p),
    "chisquare": lambda stats, df: stats.chi2(df),
    "exponential": lambda stats, scale=1.0: stats.expon(scale=scale),
    "f": lambda stats, dfnum, dfden: stats.f(dfnum, dfden),
    "gamma": lambda stats, shape, scale=1.0: stats.gamma(shape, scale=scale),
    "geometric": lambda stats, p: stats.geom(p),
    "gumbel": lambda stats, loc=0.0, scale=1.0: stats.gumbel_r(loc, scale),
    "hypergeometric": lambda stats, ngood, nbad, nsample: stats.hypergeom(ngood + nbad, ngood, nsample),
    "laplace": lambda stats, loc=0.0, scale=1.0: stats.laplace(loc, scale),
    "logistic": lambda stats, loc=0.0, scale=1.0: stats.logistic(loc, scale),
    "logseries": lambda stats, p: stats.logser(p),
    "negative_binomial": lambda stats, n, p: stats.nbinom(n, p),
    "noncentral_chisquare": lambda stats, df, nonc: stats.ncx2(df, nonc),
    "pareto": lambda stats, a: stats.lomax(a),
    "poisson": lambda stats, lam=1.0: stats.poisson(lam),
    "power": lambda stats, a: stats.powerlaw(a),
    "rayleigh": lambda stats, scale=1.0: stats.rayleigh(scale=scale),
    "standard_cauchy": lambda stats: stats.cauchy(),
    "standard_exponential": lambda stats: stats.expon(),
    "standard_gamma": lambda stats, shape: stats.gamma(shape),
    "standard_t": lambda stats, df: stats.t(df),
    "triangular": lambda stats, left, mode, right: stats.triang(
        (mode - left) / (right - left), left, right - left
    ),
    "wald": lambda stats, mean, scale: stats.invgauss(mean / scale, scale=scale),
    "weibull": lambda stats, a: stats.weibull_min(a),
    "zipf": lambda stats, a: stats.zipf(a),
}
"""Distributions of numpy to those of scipy.stats that draw the same."""


def _stats() -> Any:
    try:
        from scipy import stats
    except ImportError as error:
        raise UnknownScaleError("its quantiles need scipy; install it with: pip install scipy") from error
    return stats


def _by_quantiles(frozen: Any) -> Scale:
    """Return the scale of an object with ``ppf``, or ``icdf``, and perhaps ``cdf``."""
    ppf, cdf = getattr(frozen, "ppf", getattr(frozen, "icdf", None)), getattr(frozen, "cdf", None)
    if ppf is None or np.size(ppf(0.5)) != 1:
        raise UnknownScaleError("it has no quantiles of one number")

    def number(value: Any) -> float:
        return float(np.asarray(value).ravel()[0])

    if not (hasattr(frozen, "pmf") and not hasattr(frozen, "pdf")):
        return _of_functions(lambda share: number(ppf(share)), cdf and (lambda value: number(cdf(value))))
    return _of_functions(
        lambda share: round(number(ppf(share))),
        cdf and (lambda value: (number(cdf(value)) + number(cdf(_whole(value) - 1))) / 2),
    )


def _of_functions(value: Callable[[float], Any], share: Callable[[Any], float] | None) -> Scale:
    """Return the scale of quantiles and the distribution function, which is found by trying if it is None."""
    question = Real(_TAIL, 1 - _TAIL)

    def answer(wanted: Any) -> float:
        if share is None:
            return solved(question, value, wanted)
        found = share(wanted)
        if not 0 < found < 1:
            raise ValueError(f"{wanted!r} is never drawn")
        return min(max(found, question.low), question.high)

    return Scale(question, value, answer)


def solved(question: Choice, value: Callable[[Answer], Any], wanted: Any) -> Answer:
    """Return the answer that a value belongs to, found by halving intervals, or raise a ValueError."""

    def miss(share: float) -> float:
        rest = float(value(question.at(share))) - wanted
        return 0.0 if abs(rest) <= 1e-9 * abs(wanted) or abs(rest) < 1e-15 else rest

    before = miss(0.0)
    if not before:
        return question.at(0.0)
    for step in range(1, _STEPS + 1):
        low, high = (step - 1) / _STEPS, step / _STEPS
        after = miss(high)
        if not after:
            return question.at(high)
        for _ in range(64 if before * after < 0 else 0):  # in vain where the value jumps
            middle = (low + high) / 2
            rest = miss(middle)
            if not rest:
                return question.at(middle)
            low, high = (middle, high) if rest * before > 0 else (low, middle)
        before = after
    raise ValueError(f"{wanted!r} is never drawn")


_STEPS = 64


def _histogram(sampler: HistoSampler) -> Scale:
    if sampler.counts.ndim != 1:
        raise UnknownScaleError(f"it has {sampler.counts.ndim} dimensions")
    (edges,) = sampler.edges
    ends = np.concatenate([[0.0], sampler.counts.cumsum() / sampler.counts.sum()])
    return _of_functions(
        lambda share: float(np.interp(share, ends, edges)), lambda value: float(np.interp(value, edges, ends))
    )


_SCALES: dict[type, Callable[[Any], Scale]] = {
    NumpySampler: _numpy,
    ScipySampler: lambda sampler: _by_quantiles(sampler._frozen),
    HistoSampler: _histogram,
    ChoiceSampler: lambda sampler: _of_listed(sampler.options, sampler.p),
    LogUniformSampler: lambda sampler: Scale(Real(sampler.low, sampler.high, log=True), float, float),
}
