"""Named expressions: references to values that exist only while an experiment runs."""

from research_experiment.expressions.named import EC, EP, E, Expression, O, R, S

__all__ = ["EC", "EP", "E", "Expression", "O", "R", "S"]
