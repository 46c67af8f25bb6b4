"""Rules that end experiments early: for ``run(stop=...)``, and inside of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from research_runner import OptionError
from research_search.objectives import Objective, OfObjectives, only_objective, parse_objectives

if TYPE_CHECKING:
    from research_runner.searching import SearchContext
    from research_search._pruning import PrunerRule

__all__ = ["ASHA", "Hyperband", "Median", "PrunerFactory", "Threshold"]

_LAST_RUNG = 10**9
"""Steps after which nothing is compared, where nobody says how many there are."""


class PrunerFactory(OfObjectives):
    """Makes a rule of one of the pruners of Optuna.

    Parameters
    ----------
    objective : str or sequence of str, optional
        Saved variables that are watched, less of which is better, or with a leading ``-`` more; by default
        those of the search that it is a part of, or the only one. Of several, all have to agree before an
        experiment ends.
    **options
        Further arguments of the pruner.
    """

    compares: ClassVar[bool] = True
    pruner: ClassVar[str]
    """Name of a class in ``optuna.pruners``."""

    def __init__(self, objective: str | Sequence[str] | None = None, **options: Any) -> None:
        self.objectives = None if objective is None else parse_objectives(objective)
        self.options = options

    def make(self, context: SearchContext) -> PrunerRule:
        """Return a new rule that knows nothing yet.

        Raises
        ------
        OptionError
            If it watches nothing, or its arguments do not fit to the run.
        """
        from research_search._pruning import PrunerRule  # late, as it imports Optuna

        objectives = self.objectives or only_objective("stop", type(self).__name__, context.saved)
        arguments, steps = self.arguments(context), self.steps(context)
        return PrunerRule(self.pruner, arguments, objectives, steps, self.compares)

    def watching(self, objectives: tuple[Objective, ...]) -> Self:
        """Return a rule that watches these variables, unless it names others."""
        if self.objectives is not None:
            return self
        twin = object.__new__(type(self))
        twin.__dict__.update({**self.__dict__, "objectives": objectives})
        return twin

    def arguments(self, context: SearchContext) -> dict[str, Any]:
        """Return the arguments of the pruner."""
        return self.options

    def steps(self, context: SearchContext) -> Any:
        """Return when experiments report, in the language of ``when``."""
        raise NotImplementedError


class ASHA(PrunerFactory):
    """Ends experiments that are not among the best at a rung.

    Parameters
    ----------
    objective : str or sequence of str, optional
        See :class:`PrunerFactory`.
    first : int, default 1
        The step of the first rung.
    factor : int, default 3
        One of so many goes on at each rung, and the next rung is so many times as far.
    **options
        Further arguments of ``optuna.pruners.SuccessiveHalvingPruner``.

    Notes
    -----
    Asynchronous successive halving: Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020.

    Examples
    --------
    >>> ASHA('error', first=2, factor=4)
    ASHA('error', first=2, factor=4)
    """

    pruner = "SuccessiveHalvingPruner"

    def __init__(
        self, objective: str | Sequence[str] | None = None, *, first: int = 1, factor: int = 3, **options: Any
    ) -> None:
        super().__init__(objective, **options)
        self.first, self.factor = _count("first", first), _count("factor", factor, 2)

    def arguments(self, context: SearchContext) -> dict[str, Any]:
        """Return the arguments of the pruner."""
        return {"min_resource": self.first, "reduction_factor": self.factor, **self.options}

    def steps(self, context: SearchContext) -> list[str]:
        """Return the rungs."""
        end = _LAST_RUNG if context.n_iters is None else context.n_iters
        rungs, step = [], self.first
        while step < end:
            rungs.append(f"%{step - 1}")
            step *= self.factor
        if not rungs:
            raise OptionError("stop", f"{self!r} has no rung before the last of {end} iterations")
        return rungs


class Hyperband(ASHA):
    """Several ASHA at once, some of which let experiments go further before they compare them.

    Parameters
    ----------
    objective : str or sequence of str, optional
        See :class:`PrunerFactory`.
    first : int, default 1
        The step of the first rung.
    last : int, optional
        Number of iterations of an experiment, by default the ``n_iters`` of the run.
    factor : int, default 3
        One of so many goes on at each rung, and the next rung is so many times as far.
    **options
        Further arguments of ``optuna.pruners.HyperbandPruner``.

    Notes
    -----
    Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization, 2018.
    """

    pruner = "HyperbandPruner"

    def __init__(
        self,
        objective: str | Sequence[str] | None = None,
        *,
        first: int = 1,
        last: int | None = None,
        factor: int = 3,
        **options: Any,
    ) -> None:
        super().__init__(objective, first=first, factor=factor, **options)
        self.last = None if last is None else _count("last", last)

    def arguments(self, context: SearchContext) -> dict[str, Any]:
        """Return the arguments of the pruner."""
        last = context.n_iters if self.last is None else self.last
        if last is None:
            raise OptionError(
                "stop", "Hyperband needs to know the last step: Hyperband(last=...) or n_iters=..."
            )
        return {**super().arguments(context), "max_resource": last}


class Median(PrunerFactory):
    """Ends an experiment whose best value so far is worse than the median of others at the same step.

    Parameters
    ----------
    objective : str or sequence of str, optional
        See :class:`PrunerFactory`.
    every : int, str or list, default 1
        When experiments report, in the language of ``when``.
    startup : int, default 5
        Experiments that have to be done before any is ended.
    warmup : int, default 0
        Steps that any experiment may do.
    **options
        Further arguments of ``optuna.pruners.MedianPruner``.
    """

    pruner = "MedianPruner"

    def __init__(
        self,
        objective: str | Sequence[str] | None = None,
        *,
        every: Any = 1,
        startup: int = 5,
        warmup: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(objective, **options)
        self.every, self.startup = every, _count("startup", startup, 0)
        self.warmup = _count("warmup", warmup, 0)

    def arguments(self, context: SearchContext) -> dict[str, Any]:
        """Return the arguments of the pruner."""
        return {"n_startup_trials": self.startup, "n_warmup_steps": self.warmup, **self.options}

    def steps(self, context: SearchContext) -> Any:
        """Return when experiments report."""
        return self.every


class Threshold(PrunerFactory):
    """Ends an experiment whose value is below or above a limit, or NaN; looks at no other experiment.

    Parameters
    ----------
    objective : str or sequence of str, optional
        See :class:`PrunerFactory`; limits are of the value as it is saved, whichever way is better.
    lower, upper : float, optional
        Limits, at least one.
    every : int, str or list, default 1
        When experiments report, in the language of ``when``.
    warmup : int, default 0
        Steps that any experiment may do.
    **options
        Further arguments of ``optuna.pruners.ThresholdPruner``.

    Raises
    ------
    OptionError
        If there is no limit.
    """

    pruner = "ThresholdPruner"
    compares = False

    def __init__(
        self,
        objective: str | Sequence[str] | None = None,
        *,
        lower: float | None = None,
        upper: float | None = None,
        every: Any = 1,
        warmup: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(objective, **options)
        if lower is None and upper is None:
            raise OptionError("stop", "Threshold needs a limit: lower=... or upper=...")
        self.lower, self.upper, self.every, self.warmup = lower, upper, every, _count("warmup", warmup, 0)

    def arguments(self, context: SearchContext) -> dict[str, Any]:
        """Return the arguments of the pruner."""
        return {"lower": self.lower, "upper": self.upper, "n_warmup_steps": self.warmup, **self.options}

    def steps(self, context: SearchContext) -> Any:
        """Return when experiments report."""
        return self.every


def _count(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise OptionError(name, f"expected an int of at least {least}, got {value!r}")
    return int(value)
