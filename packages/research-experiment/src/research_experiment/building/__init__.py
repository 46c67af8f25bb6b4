"""Building a plan: methods that add units and instances, parsed and checked before anything runs."""

from research_experiment.building.builder import ExperimentBuilder

__all__ = ["ExperimentBuilder"]
