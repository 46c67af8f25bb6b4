"""Errors of units about what they were given: read-only arrays, and paths that were taken for texts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from research_domain import Config
from research_domain.values.of_numpy import is_numpy
from research_experiment.errors import ReadOnlyError
from research_experiment.execution.copies import LARGE_BYTES
from research_experiment.execution.running import RunningExperiment
from research_experiment.expressions._nodes import ConfigItem, ConfigPart, Leaf, Output, children
from research_experiment.expressions._references import leaves
from research_experiment.expressions.named import Expression
from research_experiment.plan import CallUnit, ExperimentPlan, Instance, PipelineUnit, SaveUnit, Unit


def explained(
    error: BaseException, name: str, plan: ExperimentPlan, running: RunningExperiment
) -> BaseException:
    """Return the error that a unit raised, or one that names the arguments that it could not write to."""
    if isinstance(error, TypeError):
        _explain_paths(error)
    if (
        not isinstance(error, Exception)
        or isinstance(error, ReadOnlyError)
        or "read-only" not in _text(error)
    ):
        return error
    items = {item.name: item for item in (*plan.instances, *plan.units)}
    item = items.get(name)
    source = getattr(item, "source", None)
    owner = items.get(source.partition(".")[0]) if isinstance(source, str) else None
    found = [
        argument
        for each in (item, owner)
        if each is not None
        for argument, value in _arguments(each)
        if _holds_shared(value, running)
    ]
    if not found:
        return error
    new = ReadOnlyError(name, tuple(dict.fromkeys(found)), _text(error))
    new.__cause__ = error
    return new


def _explain_paths(error: TypeError) -> None:
    """Note what to write where a text was put behind a path, as if ``EP()`` were a text."""
    if re.search(r"for \+: '\w*Path' and 'str'|must be str, not \w*Path|\"\w*Path\"\) to str", _text(error)):
        error.add_note("EP() is a pathlib.Path: write path / 'file', or give the unit EP().str()")


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return ""


def _arguments(item: Unit | Instance) -> Iterator[tuple[str, Any]]:
    """Yield the names of arguments, as far as they are known, and what stands for their values."""
    match item:
        case CallUnit() | Instance():
            function = item.creator if isinstance(item, Instance) else item.source
            positional = item.args if isinstance(item.args, tuple) else (item.args,)
            yield from zip(_names(function, len(positional)), positional, strict=False)
            yield from item.kwargs.items()
            if item.spread is not None:
                yield "kwargs", item.spread
        case PipelineUnit():
            yield "batch", item.batch
            yield from item.config.items()
        case SaveUnit():
            yield "src", item.source


def _names(function: Any, count: int) -> list[str]:
    """Return the names of positional parameters; unknown ones are numbered."""
    try:
        known = list(inspect.signature(function).parameters)[:count]
    except Exception:  # noqa: BLE001 - a user's __signature__ may raise anything
        known = []
    return known + [f"args[{index}]" for index in range(len(known), count)]


def _holds_shared(value: Any, running: RunningExperiment) -> bool:
    if not isinstance(value, Expression):
        return _has_large_array(running.own(value))
    parts = [_value_of(leaf, running) for leaf in leaves(value)]
    parts += [running.own(part) for part in children(value._node) if not isinstance(part, Expression)]
    return any(map(_has_large_array, parts))


def _value_of(leaf: Leaf, running: RunningExperiment) -> Any:
    match leaf:
        case ConfigItem(key):
            return running.config.get(key)
        case ConfigPart():
            return running.config
        case Output(unit):
            return running.outputs.get(unit)
    return None


def _has_large_array(value: Any) -> bool:
    """Whether there is a large array in nested containers that cannot be written to."""
    if is_numpy(value, "ndarray"):
        return not value.flags.writeable and value.nbytes > LARGE_BYTES
    if isinstance(value, Config):
        value = value.to_dict()
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(map(_has_large_array, value))
