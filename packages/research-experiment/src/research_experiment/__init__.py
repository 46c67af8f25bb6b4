"""Experiments as small named units, with references to things that do not exist yet.

``experiment``   Experiment: the builder
``expressions``  E, EC, O, EP, R, S: named expressions
``plan``         the frozen description that builders make
``executor``     Executor: runs a plan for one config, or for several branches that share a root
``running``      RunningExperiment: what a unit sees
``failures``     Failure: what is kept of a unit that failed
``protocols``    Sink, Storage, Hook: what others implement
``errors``       everything that is raised
"""

from research_experiment._version import __version__
from research_experiment.builder import ExperimentBuilder
from research_experiment.errors import (
    DependencyError,
    ExecutorError,
    ExperimentError,
    ExpressionError,
    NamespaceError,
    PlanError,
    RootDependencyError,
    SaveError,
    UnitOutputError,
    UnknownUnitError,
)
from research_experiment.executor import Executor
from research_experiment.experiment import Experiment
from research_experiment.expressions import EC, EP, E, Expression, O, R, S
from research_experiment.failures import Failure
from research_experiment.plan import ExperimentPlan
from research_experiment.protocols import Hook, Sink, Storage
from research_experiment.running import RunningExperiment, Surroundings

__all__ = [
    "EC",
    "EP",
    "DependencyError",
    "E",
    "Executor",
    "ExecutorError",
    "Experiment",
    "ExperimentBuilder",
    "ExperimentError",
    "ExperimentPlan",
    "Expression",
    "ExpressionError",
    "Failure",
    "Hook",
    "NamespaceError",
    "O",
    "PlanError",
    "R",
    "RootDependencyError",
    "RunningExperiment",
    "S",
    "SaveError",
    "Sink",
    "Storage",
    "Surroundings",
    "UnitOutputError",
    "UnknownUnitError",
    "__version__",
]
