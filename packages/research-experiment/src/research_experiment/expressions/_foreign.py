"""Values that were meant as named expressions: those of batchflow, and classes without parentheses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OURS = ("E", "EC", "O", "EP", "R", "S")

_INSTEAD: Mapping[str, str] = {
    "C": "EC('key') is the value of the config",
    "V": "E('unit').v('variable') is a variable of the pipeline of a unit",
    "M": "E('unit').m('model') is a model of the pipeline of a unit",
    "F": "give the function itself as a unit, and its output as O('unit')",
}


def find_foreign(value: Any) -> Any:
    """Return the first such value, in a value or in containers in it; None if there is none."""
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if _is_foreign(type(each)):
            return each
        if isinstance(each, list | tuple | set | frozenset | dict) and id(each) not in seen:
            seen.add(id(each))
            waiting.extend(each)
            waiting.extend(each.values() if isinstance(each, dict) else ())
    return None


def _is_foreign(kind: type) -> bool:
    if kind.__name__ == "_Letter" and kind.__module__ == "research_experiment.expressions.named":
        return True
    return any(
        base.__name__ == "NamedExpression" and base.__module__.partition(".")[0] == "batchflow"
        for base in kind.__mro__
    )


def what_is_foreign(value: Any) -> str:
    """Say what such a value is, and what to write in its place."""
    if isinstance(value, type):
        return f"the class {value.__name__} where an expression was meant; write {value.__name__}(...)"
    kind = type(value)
    instead = _INSTEAD.get(
        kind.__name__, "give the value, or a function that returns it, as a unit of its own"
    )
    if kind.__module__.startswith("batchflow.research") and kind.__name__ in _OURS:
        instead = f"import {kind.__name__} from research_stack, not from batchflow"
    return f"{value!r}, an expression of batchflow, which only its pipelines evaluate; {instead}"
