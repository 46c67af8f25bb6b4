"""Named expressions as arguments of the function that updates a domain; known as soon as there are any."""

from __future__ import annotations

from typing import Any

from research_domain.updates import evaluate_named
from research_experiment.errors import ExpressionError
from research_experiment.expressions.named import Expression

__all__: list[str] = []


@evaluate_named.register(Expression)
def _evaluate(value: Expression, research: Any) -> Any:
    """Evaluate an argument of an update of a domain."""
    from research_experiment.execution.evaluation import evaluate_outside  # late, as builders do not need it

    def results() -> Any:
        if research is None:
            raise ExpressionError(repr(value), "there is no research; use update(generated, research)")
        return research.results

    return evaluate_outside(value, results)
