"""Running a task: a root with its branches, their units compiled into steps, and what units see."""

from research_experiment.execution.executor import Executor
from research_experiment.execution.running import RunningExperiment

__all__ = ["Executor", "RunningExperiment"]
