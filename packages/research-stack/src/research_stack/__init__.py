"""Everything of research under one roof.

``from research_stack import Research, Domain, EC, O`` is all that most scripts need; samplers, storages,
hooks and errors are here as well. The parts live in `research_domain`, `research_experiment`,
`research_results` and `research_runner`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from research_stack._version import __version__

if TYPE_CHECKING:  # of these names those are exported that `__all__` has
    from research_domain import *
    from research_experiment import *
    from research_results import *
    from research_results.errors import (
        LockedError,
        UnknownAliasError,
        UnknownExperimentError,
        UnknownParameterError,
        UnknownVariableError,
    )
    from research_runner import *
    from research_runner.errors import ChangedError, FailedExperimentsError, HopelessError, UntrustedError

_PARTS = (
    "research_domain",
    "research_experiment",
    "research_results",
    "research_runner",
    "research_results.errors",
    "research_runner.errors",
)


def __getattr__(name: str) -> Any:
    """Import what is exported here on first use, see PEP 562."""
    for part in map(import_module, _PARTS if name in __all__ else ()):
        if name in part.__all__:
            globals()[name] = getattr(part, name)
            return globals()[name]
    here = sys.modules[__name__]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=here)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Changes",
    "Comparison",
    "Dropped",
    "Ended",
    "Queued",
    "Started",
    "Stored",
    "Capture",
    "TextCapture",
    "Alias",
    "AliasError",
    "ChangedError",
    "ChoiceSampler",
    "Config",
    "ConfigAlias",
    "ConfigKeyError",
    "ConstantSampler",
    "DependencyError",
    "Domain",
    "DomainError",
    "DomainWarning",
    "E",
    "EC",
    "EP",
    "Executor",
    "Experiment",
    "ExperimentError",
    "ExpressionError",
    "FailedExperimentsError",
    "Failure",
    "FolderStorage",
    "HistoSampler",
    "Hook",
    "HopelessError",
    "Identifier",
    "InfeasibleError",
    "InfiniteDomainError",
    "Listener",
    "LoadedResearch",
    "MedianStop",
    "LockedError",
    "MemorySink",
    "MemoryStorage",
    "MissingPackageError",
    "Monitor",
    "NamespaceError",
    "NotAResearchError",
    "NotFoundError",
    "NotRunError",
    "NumpySampler",
    "O",
    "Opaque",
    "Option",
    "OptionError",
    "ParameterError",
    "PlanError",
    "R",
    "Research",
    "ResearchExistsError",
    "ResearchPlan",
    "ResearchResults",
    "ResearchStorage",
    "ResearchWarning",
    "ResultsError",
    "RootDependencyError",
    "RunnerError",
    "RunningExperiment",
    "S",
    "Sampler",
    "SamplerError",
    "SaveError",
    "ScipySampler",
    "SeedError",
    "Selection",
    "SharedStorage",
    "Sink",
    "SpecError",
    "StaleCodeError",
    "StopWhen",
    "Surroundings",
    "UnknownAliasError",
    "UnknownExperimentError",
    "UnknownParameterError",
    "UnknownUnitError",
    "UnknownVariableError",
    "UntrustedError",
    "UpdateError",
    "WhenError",
    "WorkersDieError",
    "ZipError",
    "__version__",
    "choice",
    "compare",
    "get_metrics",
    "integers",
    "loguniform",
    "make_rng",
    "make_seed_sequence",
    "same",
    "uniform",
]
