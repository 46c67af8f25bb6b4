"""Searches: what is given to ``run(search=...)``."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from research_runner import MissingPackageError, OptionError
from research_search.objectives import OfObjectives, only_objective, parse_objectives
from research_search.rules import ASHA, PrunerFactory

if TYPE_CHECKING:
    from research_domain import ConfigAlias
    from research_runner.searching import SearchContext, StopFactory
    from research_search._search import OptunaSearch

__all__ = ["CMAES", "GP", "NSGA2", "QMC", "TPE", "OptunaFactory", "Random"]


class OptunaFactory(OfObjectives):
    """Makes a search with one of the samplers of Optuna.

    Parameters
    ----------
    objective : str or sequence of str, optional
        Saved variables of which less is better, or with a leading ``-`` more; by default the only one.
    stop : StopFactory, optional
        A rule that ends experiments early, such as ``ASHA()``; it watches the variables of the search unless
        it names others.
    known : str or sequence of str, optional
        Names of researches over these parameters whose experiments are known from the beginning.
    first : sequence of mapping, optional
        Configs that are tried before others.
    race : bool, default False
        With ``n_reps`` of the research: a config gets more repetitions only if the mean of those it had is in
        the better half of the configs that had as many, after 1, 2, 4... of them. `stop` may be another rule,
        whose steps are repetitions then.
    noise : bool, default False
        Whether parameters that cannot be asked for are drawn without being modelled; see
        :meth:`research_domain.Domain.choices`.
    **options
        Further arguments of the sampler.

    Raises
    ------
    OptionError
        If one of them cannot be understood.
    """

    sampler: ClassVar[str | None]
    """Name of a class in ``optuna.samplers``; None for draws of the domain."""
    packages: ClassVar[tuple[str, ...]] = ()
    """What it needs beside Optuna."""
    takes_several: ClassVar[bool] = True
    """Whether there may be several objectives."""
    one_seed: ClassVar[bool] = False
    """Whether all samplers of a run have the same seed; otherwise each has one of its own."""

    def __init__(
        self,
        objective: str | Sequence[str] | None = None,
        *,
        stop: StopFactory | None = None,
        known: str | Sequence[str] = (),
        first: Iterable[Mapping[str, Any] | ConfigAlias] = (),
        race: bool = False,
        noise: bool = False,
        **options: Any,
    ) -> None:
        self.objectives = None if objective is None else parse_objectives(objective)
        if self.objectives is not None and len(self.objectives) > 1 and not self.takes_several:
            problem = f"{type(self).__name__} has one, got {objective!r}; TPE and NSGA2 take several"
            raise OptionError("objective", problem)
        if stop is not None and (isinstance(stop, type) or not hasattr(stop, "make")):
            raise OptionError("stop", f"expected a rule such as ASHA(), got {stop!r}")
        self.stop = stop
        self.known = (known,) if isinstance(known, str) else tuple(known)
        self.first = tuple(first)
        self.race = race
        self.noise = noise
        self.options = options

    @property
    def startup(self) -> int:
        """Number of experiments after which the sampler begins to model."""
        return int(self.options.get("n_startup_trials", 10 if self.sampler == "TPESampler" else 0))

    def make(self, context: SearchContext) -> OptunaSearch:
        """Return a new search.

        Raises
        ------
        OptionError
            If it has no objective, or its sampler does not take its options.
        MissingPackageError
            If its sampler needs a package that is not installed.
        """
        if self.sampler is None and self.options:
            raise OptionError("search", f"{type(self).__name__} takes no {next(iter(self.options))!r}")
        for package in self.packages:
            if importlib.util.find_spec(package) is None:
                raise MissingPackageError(f"{type(self).__name__} of research-search", package)
        objectives = self.objectives or only_objective("search", type(self).__name__, context.saved)
        from research_search._search import OptunaSearch  # late, as it imports Optuna

        stop = self.stop
        if self.race:
            stop, context = stop or ASHA(factor=2), replace(context, n_iters=context.n_reps)
        if isinstance(stop, PrunerFactory):
            stop = stop.watching(objectives)
        return OptunaSearch(self, objectives, None if stop is None else stop.make(context), context)

    def _is_shown(self, value: Any) -> bool:
        return bool(value)


class TPE(OptunaFactory):
    """Tree-structured Parzen estimators: the search to begin with.

    It takes all parameters and any number of objectives. The options are those of
    ``optuna.samplers.TPESampler``. Parameters of the search itself: see :class:`OptunaFactory`.

    Examples
    --------
    >>> TPE(['error', '-speed'], n_startup_trials=20)
    TPE(['error', '-speed'], n_startup_trials=20)
    """

    sampler = "TPESampler"


class Random(OptunaFactory):
    """Each config at random, as the domain draws; with a rule such as ASHA that is often enough.

    Parameters of the search itself: see :class:`OptunaFactory`.
    """

    sampler = None


class QMC(OptunaFactory):
    """Points of a Sobol sequence, which lie more evenly than random ones; needs scipy.

    The options are those of ``optuna.samplers.QMCSampler``. Parameters of the search itself: see
    :class:`OptunaFactory`.
    """

    sampler = "QMCSampler"
    packages = ("scipy",)
    one_seed = True


class NSGA2(OptunaFactory):
    """An evolution of configs, for several objectives and hundreds of experiments.

    The options are those of ``optuna.samplers.NSGAIISampler``. Parameters of the search itself: see
    :class:`OptunaFactory`.
    """

    sampler = "NSGAIISampler"


class CMAES(OptunaFactory):
    """Covariance matrix adaptation, for numbers in spaces without branches; needs the package cmaes.

    Other parameters are drawn at random. The options are those of ``optuna.samplers.CmaEsSampler``.
    Parameters of the search itself: see :class:`OptunaFactory`.
    """

    sampler = "CmaEsSampler"
    packages = ("cmaes",)
    takes_several = False


class GP(OptunaFactory):
    """Gaussian processes, for some dozens of expensive experiments; needs torch and scipy.

    The options are those of ``optuna.samplers.GPSampler``. Parameters of the search itself: see
    :class:`OptunaFactory`.
    """

    sampler = "GPSampler"
    packages = ("torch", "scipy")
