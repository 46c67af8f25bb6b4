"""Distributions: by name, histograms, choices, constants; and the functions that make the usual ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from research_domain._plain import to_plain
from research_domain._written import written
from research_domain.errors import SamplerError, close_matches
from research_domain.samplers._sampler import Sampler

SHORT_NAMES = {
    "b": ("binomial", "binom"),
    "be": ("beta", "beta"),
    "c": ("choice", None),
    "chi2": ("chisquare", "chi2"),
    "d": ("dirichlet", "dirichlet"),
    "e": ("exponential", "expon"),
    "f": ("f", "f"),
    "g": ("gamma", "gamma"),
    "geom": ("geometric", "geom"),
    "i": ("integers", "randint"),
    "l": ("laplace", "laplace"),
    "ln": ("lognormal", "lognorm"),
    "mnm": ("multinomial", "multinomial"),
    "mvn": ("multivariate_normal", "multivariate_normal"),
    "n": ("normal", "norm"),
    "nb": ("negative_binomial", "nbinom"),
    "p": ("poisson", "poisson"),
    "randint": ("integers", "randint"),
    "t": ("standard_t", "t"),
    "u": ("uniform", "uniform"),
    "w": ("weibull", "weibull_min"),
}
"""Short names to names in ``numpy.random.Generator`` and ``scipy.stats``."""

_NO_DISTRIBUTIONS = {"bit_generator", "bytes", "permutation", "permuted", "shuffle", "spawn"}


class _Named(Sampler):
    """A distribution that a library knows by a name."""

    _library: str

    def __init__(self, name: str, seed: Any, dim: int, kwargs: dict[str, Any]) -> None:
        super().__init__(seed)
        self.name, self.dim, self.kwargs = name, dim, kwargs

    def _given(self) -> dict[str, Any]:
        """Return the arguments of the distribution, `dim` only if it is not 1."""
        return {**({} if self.dim == 1 else {"dim": self.dim}), **self.kwargs}

    def _shape(self, size: int) -> Any:
        return size if self.dim == 1 else (size, self.dim)

    def _spec(self) -> dict[str, Any]:
        return {"$sampler": self._library, "name": self.name, **_plain(self._given())}

    def _text(self) -> str:
        return self._call(f"{self._library.title()}Sampler", self.name, **self._given())


class NumpySampler(_Named):
    """Distribution of ``numpy.random.Generator``.

    Parameters
    ----------
    name : str
        Its method, or a short name: n, u, e, g, be, p, b, ln, chi2, c, t, f, w, l, i, d, geom, nb, mvn, mnm.
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`.
    dim : int, default 1
        Number of independent values in a row; multivariate distributions have their own.
    **kwargs
        Arguments of the method.

    Raises
    ------
    SamplerError
        If there is no such distribution, or it does not take these arguments.

    Examples
    --------
    >>> NumpySampler('n', seed=1, loc=10, dim=2).sample(3).shape
    (3, 2)
    """

    _library = "numpy"

    def __init__(self, name: str, seed: Any = None, dim: int = 1, **kwargs: Any) -> None:
        super().__init__(SHORT_NAMES[name][0] if name in SHORT_NAMES else name, seed, dim, kwargs)
        known = tuple(
            key for key in dir(np.random.Generator) if key[0] != "_" and key not in _NO_DISTRIBUTIONS
        )
        if self.name not in known:
            raise SamplerError("name", f"numpy has no distribution {name!r} ({close_matches(name, known)})")
        if isinstance(dim, bool) or not isinstance(dim, int) or dim < 1:
            raise SamplerError("dim", f"expected an int of at least 1, got {dim!r}")
        try:
            self._draw(1, np.random.Generator(np.random.PCG64(0)))
        except (TypeError, ValueError) as error:
            raise SamplerError("name", f"{self!r} cannot be drawn from: {error}") from error

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        return getattr(self._own(rng), self.name)(size=self._shape(size), **self.kwargs)


class ScipySampler(_Named):
    """Distribution of ``scipy.stats``, which must be installed.

    Parameters
    ----------
    name : str
        Its name, or a short name as in :class:`NumpySampler`.
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`.
    dim : int, default 1
        Number of independent values in a row; multivariate distributions have their own.
    **kwargs
        Arguments that freeze the distribution.

    Raises
    ------
    SamplerError
        If there is no such distribution, it does not take these arguments, or scipy is missing.

    Examples
    --------
    >>> ScipySampler('norm', seed=1, loc=10).sample(3).shape
    (3, 1)
    """

    _library = "scipy"

    def __init__(self, name: str, seed: Any = None, dim: int = 1, **kwargs: Any) -> None:
        super().__init__((SHORT_NAMES[name][1] if name in SHORT_NAMES else None) or name, seed, dim, kwargs)
        try:
            import scipy.stats as stats
        except ImportError as error:
            raise SamplerError(
                "name", "ScipySampler needs scipy; install it with: pip install scipy"
            ) from error
        distribution: Any = getattr(stats, self.name, None)
        if not hasattr(distribution, "rvs"):
            known = tuple(key for key, value in vars(stats).items() if hasattr(value, "rvs"))
            problem = f"scipy.stats has no distribution {name!r} ({close_matches(name, known)})"
            raise SamplerError("name", problem)
        try:
            self._frozen = distribution(**kwargs)
        except (TypeError, ValueError) as error:
            raise SamplerError("name", f"{self!r} cannot be made: {error}") from error

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        drawn = np.asarray(self._frozen.rvs(size=self._shape(size), random_state=self._own(rng)))
        return drawn if drawn.shape[:1] == (size,) else drawn.reshape(size, -1)


class HistoSampler(Sampler):
    """Distribution of a histogram: uniform within each of its bins.

    Parameters
    ----------
    histo : tuple (counts, edges) or array of counts
        What ``numpy.histogram`` or ``numpy.histogramdd`` returned, or its first part.
    edges : array, or list of arrays, optional
        Edges of the bins of each dimension, if they are not in `histo`.
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`.

    Raises
    ------
    SamplerError
        If the counts are negative or all zero, or the edges do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> values = HistoSampler(np.histogram([0, 0.1, 5], bins=5), seed=1).sample(100)
    >>> bool(((values < 1) | (values >= 4)).all())
    True
    """

    def __init__(self, histo: Any, edges: Any = None, seed: Any = None) -> None:
        super().__init__(seed)
        if edges is None:
            if not isinstance(histo, tuple) or len(histo) != 2:
                raise SamplerError(
                    "edges", "missing; give what numpy.histogram returned, or counts and edges"
                )
            histo, edges = histo
        try:
            self.counts = np.asarray(histo, dtype=float)
            single = self.counts.ndim == 1 and np.ndim(edges[0]) == 0
            self.edges = [np.asarray(edge, dtype=float) for edge in ([edges] if single else edges)]
        except (TypeError, ValueError, IndexError) as error:
            problem = f"expected arrays of counts and edges, got {histo!r} and {edges!r}: {error}"
            raise SamplerError("histo", problem) from error
        if tuple(len(edge) - 1 for edge in self.edges) != self.counts.shape:
            shape = tuple(map(len, self.edges))
            raise SamplerError("edges", f"{shape} edges do not fit to counts of shape {self.counts.shape}")
        if not np.isfinite(self.counts).all() or (self.counts < 0).any() or not self.counts.sum() > 0:
            raise SamplerError("histo", "counts are numbers of at least 0 and not all of them 0")

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        own = self._own(rng)
        share = self.counts.ravel() / self.counts.sum()
        cells = np.unravel_index(own.choice(share.size, size=size, p=share), self.counts.shape)
        low = np.stack([edge[cell] for edge, cell in zip(self.edges, cells, strict=True)], axis=1)
        high = np.stack([edge[cell + 1] for edge, cell in zip(self.edges, cells, strict=True)], axis=1)
        return low + (high - low) * own.random(low.shape)

    def _spec(self) -> dict[str, Any]:
        edges = [edge.tolist() for edge in self.edges]
        return {"$sampler": "histogram", "histo": self.counts.tolist(), "edges": edges}

    def _text(self) -> str:
        edges = [edge.tolist() for edge in self.edges]
        return self._call("HistoSampler", self.counts.tolist(), edges=edges)


class ConstantSampler(Sampler):
    """The same value every time.

    Parameters
    ----------
    constant : float or array of shape (dim,)
        The value.

    Examples
    --------
    >>> ConstantSampler(3).sample(2).tolist()
    [[3], [3]]
    """

    def __init__(self, constant: Any) -> None:
        super().__init__()
        self.constant = constant

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        row = np.atleast_1d(np.asarray(self.constant))
        return np.broadcast_to(row, (size, *row.shape)).copy()

    def _spec(self) -> dict[str, Any]:
        return {"$sampler": "constant", **_plain({"constant": self.constant})}

    def _text(self) -> str:
        return f"ConstantSampler({written(self.constant)})"


class ChoiceSampler(Sampler):
    """One of some values of any type.

    Parameters
    ----------
    options : sequence
        The values.
    p : sequence of float, optional
        Their probabilities, by default equal ones.
    seed : object, optional
        See :func:`research_domain.make_seed_sequence`.

    Raises
    ------
    SamplerError
        If there are no options, or the probabilities do not fit.

    Examples
    --------
    >>> ChoiceSampler(['relu', None], seed=1).sample(100)[:, 0].tolist().count('other')
    0
    """

    def __init__(self, options: Sequence[Any], p: Sequence[float] | None = None, seed: Any = None) -> None:
        super().__init__(seed)
        self.options = _in_order("options", options)
        self.p = None if p is None else [float(share) for share in _in_order("p", p)]
        if self.p is not None and (len(self.p) != len(self.options) or not _are_shares(self.p)):
            raise SamplerError("p", f"expected {len(self.options)} probabilities that sum up to 1, got {p!r}")

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        drawn = np.empty(size, dtype=object)
        for row, index in enumerate(self._own(rng).choice(len(self.options), size=size, p=self.p)):
            drawn[row] = self.options[index]
        return drawn

    def _spec(self) -> dict[str, Any]:
        p = {} if self.p is None else {"p": self.p}
        return {"$sampler": "choice", **_plain({"options": self.options, **p})}

    def _text(self) -> str:
        return self._call("choice", self.options, p=self.p)


def _in_order(name: str, values: Any) -> list[Any]:
    """Return values as a list; a set, which has no order, is refused."""
    if not (isinstance(values, list | tuple | range) or np.ndim(values)) or not len(values):
        raise SamplerError(name, f"expected a list of values, got {values!r}")
    return list(values)


def _are_shares(p: list[float]) -> bool:
    return min(p) >= 0 and abs(sum(p) - 1) < 1e-8


class LogUniformSampler(Sampler):
    """Values whose logarithm is uniform; see :func:`loguniform`."""

    def __init__(self, low: float, high: float, seed: Any = None) -> None:
        super().__init__(seed)
        if not 0 < low < high:
            raise SamplerError("low", f"expected 0 < low < high, got low={low!r}, high={high!r}")
        self.low, self.high = float(low), float(high)

    def _draw(self, size: int, rng: np.random.Generator | None) -> Any:
        return np.exp(self._own(rng).uniform(np.log(self.low), np.log(self.high), size)).clip(
            self.low, self.high
        )

    def _spec(self) -> dict[str, Any]:
        return {"$sampler": "loguniform", "low": self.low, "high": self.high}

    def _text(self) -> str:
        return self._call("loguniform", self.low, self.high)


SPEC_KINDS: dict[str, type[Sampler]] = {
    "numpy": NumpySampler,
    "scipy": ScipySampler,
    "histogram": HistoSampler,
    "constant": ConstantSampler,
    "choice": ChoiceSampler,
    "loguniform": LogUniformSampler,
}
"""The word after ``$sampler`` in plain data → the class, which is called with the other items."""


def uniform(low: float = 0.0, high: float = 1.0, seed: Any = None) -> Sampler:
    """Return a sampler of floats from `low`, included, to `high`, excluded.

    Examples
    --------
    >>> uniform(1, 2)
    NumpySampler('uniform', low=1, high=2)
    """
    return _between("uniform", low, high, seed)


def loguniform(low: float, high: float, seed: Any = None) -> Sampler:
    """Return a sampler of floats from `low` to `high` whose logarithm is uniform, as for learning rates.

    Examples
    --------
    >>> bool((loguniform(1e-5, 1e-1, seed=1).sample(100) < 0.1).all())
    True
    """
    return LogUniformSampler(low, high, seed)


def integers(low: int, high: int | None = None, seed: Any = None) -> Sampler:
    """Return a sampler of ints from `low`, included, to `high`, excluded; one number alone as in ``range``.

    Examples
    --------
    >>> sorted(set(integers(3, seed=1).sample(100)[:, 0].tolist()))
    [0, 1, 2]
    """
    low, high = (0, low) if high is None else (low, high)
    return _between("integers", low, high, seed)


def choice(options: Sequence[Any], p: Sequence[float] | None = None, seed: Any = None) -> Sampler:
    """Return a sampler of some values of any type.

    Examples
    --------
    >>> from research_domain import Domain
    >>> domain = Domain(activation=choice(['relu', 'tanh'], p=[0, 1]))
    >>> domain[0].config()['activation']
    'tanh'
    """
    return ChoiceSampler(options, p, seed)


def _between(name: str, low: float, high: float, seed: Any) -> Sampler:
    if not low < high:
        raise SamplerError("low", f"expected low < high, got low={low!r}, high={high!r}")
    return NumpySampler(name, seed=seed, low=low, high=high)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: to_plain(name, value) for name, value in values.items()}
