"""Named expressions: references to things that do not exist before an experiment runs."""

from research_experiment.expressions.named import EC, EP, E, Expression, O, R, S

__all__ = ["EC", "EP", "E", "Expression", "O", "R", "S"]
