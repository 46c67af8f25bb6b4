"""Evaluating named expressions outside of units: what domain updates and tools need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from research_domain import ConfigAlias
from research_domain.identity import Identity
from research_experiment.errors import ExpressionError
from research_experiment.execution._compiling import compile_value, evaluate
from research_experiment.execution.running import RunningExperiment, Surroundings
from research_experiment.execution.saved_values import ExperimentStorage
from research_experiment.expressions._nodes import Reference
from research_experiment.expressions._references import leaves
from research_experiment.expressions.named import freeze

__all__ = ["evaluate", "evaluate_outside"]


def evaluate_outside(value: Any, results: Callable[[], Any]) -> Any:
    """Evaluate a value that may contain ``R()``, where there is no experiment.

    Parameters
    ----------
    value : object
        Expressions may stand in lists, tuples, sets and dicts.
    results : callable
        Returns what ``R()`` means.

    Raises
    ------
    ExpressionError
        If an expression asks for anything else, which only an experiment has; or if evaluation fails.

    Examples
    --------
    >>> from research_experiment import R
    >>> evaluate_outside({'best': R()[0] * 2}, lambda: [5, 6])
    {'best': 10}
    """
    frozen = freeze(value)
    for leaf in leaves(frozen):
        if not (isinstance(leaf, Reference) and leaf.letter == "R"):
            raise ExpressionError(
                repr(frozen), f"there is no experiment here, so {leaf} has no value; use R()"
            )
    nobody = RunningExperiment(
        Identity("", b"", 0, 0), None, ConfigAlias(), ExperimentStorage(""), Surroundings(results=results)
    )
    return compile_value(frozen, nobody).get()
