"""Searches and rules that end experiments early, with the engines of Optuna.

``engines``     TPE, Random, QMC, NSGA2, CMAES, GP: for ``run(search=...)``
``rules``       ASHA, Hyperband, Median, Threshold: for ``run(stop=...)``, and for ``stop=`` of a search
``objectives``  what is to become small or large
``errors``      what is raised, beside errors of the runner
"""

from research_search._version import __version__
from research_search.engines import CMAES, GP, NSGA2, QMC, TPE, OptunaFactory, Random
from research_search.errors import NothingFeasibleError
from research_search.rules import ASHA, Hyperband, Median, PrunerFactory, Threshold

__all__ = [
    "ASHA",
    "CMAES",
    "GP",
    "NSGA2",
    "QMC",
    "TPE",
    "Hyperband",
    "Median",
    "NothingFeasibleError",
    "OptunaFactory",
    "PrunerFactory",
    "Random",
    "Threshold",
    "__version__",
]
