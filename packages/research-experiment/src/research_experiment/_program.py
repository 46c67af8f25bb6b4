"""A plan compiled for one running experiment: steps to take in each iteration."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from research_domain.when import When
from research_experiment._compile import compile_call, compile_value, evaluate
from research_experiment.errors import SaveError, UnknownUnitError
from research_experiment.plan import CallUnit, DumpUnit, Instance, SaveUnit, Store, Unit
from research_experiment.running import RunningExperiment

__all__ = ["Step", "make_instance", "make_step"]


class Step:
    """One unit of one experiment, compiled when it is first due.

    Attributes
    ----------
    name : str
        Name of the unit.
    when : When or None
        The iterations in which it is due; None for all.
    action : callable
        Runs the unit once.
    needs : frozenset of str
        Units and instances that it cannot do without.
    is_dump : bool
        Dumps run whatever happened before.
    """

    __slots__ = ("action", "is_dump", "name", "needs", "when")

    def __init__(self, unit: Unit, compile_unit: Callable[[], Callable[[], None]]) -> None:
        self.name = unit.name
        self.when: When | None = None if unit.when.always else unit.when
        self.needs = unit.needs
        self.is_dump = isinstance(unit, DumpUnit)
        self.action: Callable[[], None] = partial(self._first, compile_unit)

    def _first(self, compile_unit: Callable[[], Callable[[], None]]) -> None:
        self.action = compile_unit()
        self.action()


def make_instance(
    instance: Instance, running: RunningExperiment, owners: Sequence[RunningExperiment]
) -> None:
    """Make an instance and give it to its owners."""
    made = instance.creator(**evaluate(dict(instance.kwargs), running))
    for owner in owners:
        owner.instances[instance.name] = made


def make_step(
    unit: Unit,
    running: RunningExperiment,
    owners: Sequence[RunningExperiment],
    wrap: Callable[[str, Callable[[], None]], Callable[[], None]],
) -> Step:
    """Prepare a unit for an experiment.

    Parameters
    ----------
    unit : Unit
        What to run.
    running : RunningExperiment
        The experiment whose values its arguments mean.
    owners : sequence of RunningExperiment
        Those who see its output: the experiment itself, or the root and all its branches.
    wrap : callable
        Puts a watcher around an action, given the name of the unit.
    """
    match unit:
        case CallUnit():
            return Step(unit, lambda: wrap(unit.name, _call_action(unit, running, owners)))
        case SaveUnit():
            return Step(unit, lambda: _save_action(unit, running, owners))
        case DumpUnit():
            return Step(unit, lambda: partial(running.storage.dump, unit.variables))


def _call_action(
    unit: CallUnit, running: RunningExperiment, owners: Sequence[RunningExperiment]
) -> Callable[[], None]:
    function = resolve_source(unit, running)
    call = compile_call(function, unit.args, unit.kwargs, unit.spread, running)
    if unit.mode == "generator":
        iterator = _iterate(unit.name, call())
        _register(unit.name, iterator, owners)
        call = partial(next, iterator)
    else:
        _register(unit.name, function, owners)
    outputs = [owner.outputs for owner in owners]
    save = None if unit.store is None else _saver(unit.store, unit.name, owners)
    return _storing(call, unit.name, outputs, save)


def _storing(
    call: Callable[[], Any], name: str, outputs: list[dict[str, Any]], save: Callable[[Any], None] | None
) -> Callable[[], None]:
    """Return the action that keeps the output; the common cases are spelled out because they run most."""
    if len(outputs) == 1:
        (only,) = outputs

        def run_alone() -> None:
            only[name] = call()

        def run_alone_and_save() -> None:
            output = only[name] = call()
            save(output)  # type: ignore[misc]

        return run_alone if save is None else run_alone_and_save

    def run_shared() -> None:
        output = call()
        for each in outputs:
            each[name] = output
        if save is not None:
            save(output)

    return run_shared


def resolve_source(unit: CallUnit, running: RunningExperiment) -> Callable[..., Any]:
    """Return the function of a unit, found on its instance where it is named by ``'instance.attribute'``."""
    if not isinstance(unit.source, str):
        return unit.source
    owner, _, attribute = unit.source.partition(".")
    try:
        return attrgetter(attribute)(running.instances[owner])  # type: ignore[no-any-return]
    except KeyError:
        raise UnknownUnitError(f"unit {unit.name!r}: the instance {owner!r} was not made", owner) from None
    except AttributeError as error:
        raise UnknownUnitError(f"unit {unit.name!r}: {error}", attribute) from error


def _iterate(name: str, made: Any) -> Any:
    try:
        return iter(made)
    except TypeError:
        raise TypeError(
            f"generator unit {name!r} must give something iterable, got {type(made).__name__}"
        ) from None


def _register(name: str, function: Any, owners: Sequence[RunningExperiment]) -> None:
    for owner in owners:
        owner.progress.functions[name] = function


def _save_action(
    unit: SaveUnit, running: RunningExperiment, owners: Sequence[RunningExperiment]
) -> Callable[[], None]:
    get = compile_value(unit.source, running).get
    save = _saver(unit.store, unit.name, owners)
    if unit.copy:
        return lambda: save(copy.deepcopy(get()))
    return lambda: save(get())


def _saver(store: Store, unit: str, owners: Sequence[RunningExperiment]) -> Callable[[Any], None]:
    storages = [owner.storage for owner in owners if owner.index is not None]
    savers = [_single_saver(store, unit, storage.update_variable) for storage in storages]
    if len(savers) == 1:
        return savers[0]

    def save_for_all(output: Any) -> None:
        for save in savers:
            save(output)

    return save_for_all


def _single_saver(store: Store, unit: str, put: Callable[[str, Any], None]) -> Callable[[Any], None]:
    match store.kind:
        case "value":
            return partial(put, str(store.names[0]))
        case "dict":
            return partial(_save_dict, unit, put)
        case "parts":
            return partial(_save_parts, unit, store.names, put)


def _save_dict(unit: str, put: Callable[[str, Any], None], output: Any) -> None:
    if not hasattr(output, "items"):
        raise SaveError(unit, f"save_output_dict=True needs a dict, got {type(output).__name__}")
    for name, value in output.items():
        put(str(name), value)


def _save_parts(
    unit: str, names: tuple[str | None, ...], put: Callable[[str, Any], None], output: Any
) -> None:
    try:
        parts = list(output)
    except TypeError:
        raise SaveError(
            unit, f"save_to={list(names)} needs a sequence, got {type(output).__name__}"
        ) from None
    if len(parts) != len(names):
        raise SaveError(unit, f"save_to={list(names)} names {len(names)} parts, the output has {len(parts)}")
    for name, part in zip(names, parts, strict=True):
        if name is not None:
            put(name, part)


def is_generator_function(function: Any) -> bool:
    """Whether calling the function only makes a generator."""
    while isinstance(function, partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004 - its code is asked, not whether it exists
    return inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(call)
