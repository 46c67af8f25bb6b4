"""How an experiment is written down: units and instances, parsed and checked before anything runs."""

from research_experiment.building.builder import ExperimentBuilder

__all__ = ["ExperimentBuilder"]
