"""Experiments as small named units, with references to things that do not exist yet.

``experiment``   Experiment: the builder
``building``     its methods, and what they parse and check
``expressions``  E, EC, O, EP, R, S: named expressions
``plan``         the frozen description that builders make
``execution``    Executor: runs a plan for one config, or for several branches that share a root
``failures``     Failure: what is kept of a unit that failed
``protocols``    Sink, Storage, StorageFactory: what others implement
``pipelines``    Pipeline: what add_pipeline takes
``capture``      Capture, TextCapture: who prints what
``profiling``    UnitTime, FunctionTime: where the time goes
``sinks``        MemorySink: values in dictionaries
``testing``      what every sink must do, as tests
``storage_testing``  what every storage of a research must do, as tests
``in_updates``   named expressions as arguments of updates of a domain
``forks``        forked children of units that come back into our code
``careful_logging``  handlers of the user that raise are shown and ignored
``errors``       everything that is raised

Modules in folders are internal: what users need of them is imported from here.
"""

from typing import TYPE_CHECKING

from research_domain.lazy_exports import lazy_exports
from research_experiment import in_updates as _in_updates  # noqa: F401 - known to domains from now on
from research_experiment._version import __version__

if TYPE_CHECKING:
    from research_experiment.building._checks import check_config_keys
    from research_experiment.building.builder import ExperimentBuilder
    from research_experiment.capture import Capture, Streams, TextCapture
    from research_experiment.errors import (
        DependencyError,
        ExecutorError,
        ExperimentError,
        ExpressionError,
        NamespaceError,
        PlanError,
        ReadOnlyError,
        RootDependencyError,
        SaveError,
        UnitOutputError,
        UnknownUnitError,
    )
    from research_experiment.execution.by_hand import StartedExperiment
    from research_experiment.execution.evaluation import check_outside, evaluate, evaluate_outside
    from research_experiment.execution.executor import Executor
    from research_experiment.execution.hooks import Hook
    from research_experiment.execution.running import RunningExperiment, Surroundings
    from research_experiment.execution.settings import parse_target
    from research_experiment.execution.units import RunningPipeline, RunningUnit
    from research_experiment.experiment import Experiment
    from research_experiment.expressions import EC, EP, E, Expression, O, R, S
    from research_experiment.expressions.named import value_at
    from research_experiment.failures import Failure
    from research_experiment.pipelines import Pipeline, get_metrics
    from research_experiment.plan import ExperimentPlan
    from research_experiment.profiling import FunctionTime, UnitTime
    from research_experiment.protocols import KeepingSink, Sink, Storage, StorageFactory
    from research_experiment.sinks import MemorySink

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "research_experiment.building._checks": ("check_config_keys",),
        "research_experiment.building.builder": ("ExperimentBuilder",),
        "research_experiment.capture": ("Capture", "Streams", "TextCapture"),
        "research_experiment.errors": (
            "DependencyError",
            "ExecutorError",
            "ExperimentError",
            "ExpressionError",
            "NamespaceError",
            "PlanError",
            "ReadOnlyError",
            "RootDependencyError",
            "SaveError",
            "UnitOutputError",
            "UnknownUnitError",
        ),
        "research_experiment.execution.by_hand": ("StartedExperiment",),
        "research_experiment.execution.evaluation": ("check_outside", "evaluate", "evaluate_outside"),
        "research_experiment.execution.executor": ("Executor",),
        "research_experiment.execution.hooks": ("Hook",),
        "research_experiment.execution.running": ("RunningExperiment", "Surroundings"),
        "research_experiment.execution.settings": ("parse_target",),
        "research_experiment.execution.units": ("RunningPipeline", "RunningUnit"),
        "research_experiment.experiment": ("Experiment",),
        "research_experiment.expressions": ("EC", "EP", "E", "Expression", "O", "R", "S"),
        "research_experiment.expressions.named": ("value_at",),
        "research_experiment.failures": ("Failure",),
        "research_experiment.pipelines": ("Pipeline", "get_metrics"),
        "research_experiment.plan": ("ExperimentPlan",),
        "research_experiment.profiling": ("FunctionTime", "UnitTime"),
        "research_experiment.protocols": ("KeepingSink", "Sink", "Storage", "StorageFactory"),
        "research_experiment.sinks": ("MemorySink",),
    },
)

__all__ = [
    "Capture",
    "DependencyError",
    "E",
    "EC",
    "EP",
    "Executor",
    "ExecutorError",
    "Experiment",
    "ExperimentBuilder",
    "ExperimentError",
    "ExperimentPlan",
    "Expression",
    "ExpressionError",
    "Failure",
    "FunctionTime",
    "Hook",
    "KeepingSink",
    "MemorySink",
    "NamespaceError",
    "O",
    "Pipeline",
    "PlanError",
    "R",
    "ReadOnlyError",
    "RootDependencyError",
    "RunningExperiment",
    "RunningPipeline",
    "RunningUnit",
    "S",
    "SaveError",
    "Sink",
    "StartedExperiment",
    "Storage",
    "StorageFactory",
    "Streams",
    "Surroundings",
    "TextCapture",
    "UnitOutputError",
    "UnitTime",
    "UnknownUnitError",
    "__version__",
    "check_config_keys",
    "check_outside",
    "evaluate",
    "evaluate_outside",
    "get_metrics",
    "parse_target",
    "value_at",
]
