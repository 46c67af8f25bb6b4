"""A plan compiled for one running experiment: steps to take in each iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from research_domain.when import When
from research_experiment.errors import SaveError
from research_experiment.execution._sources import find_holder, get_attribute, prepare_pipeline
from research_experiment.execution.copies import LARGE_BYTES, is_unchanging, separate
from research_experiment.execution.evaluation import compile_call, compile_value
from research_experiment.execution.running import RunningExperiment
from research_experiment.execution.units import UnitState
from research_experiment.plan import (
    CallUnit,
    DumpUnit,
    Instance,
    PipelineUnit,
    SaveUnit,
    Store,
    Unit,
    Working,
)

__all__ = ["Scope", "Step", "Watch", "make_instance"]


Watch: TypeAlias = Callable[[str, Callable[[], None]], Callable[[], None]]
"""Puts a watcher around an action, given the name of its unit."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The experiment that a unit runs for, and those that see its output.

    Parameters
    ----------
    running : RunningExperiment
        The experiment whose values its arguments mean.
    owners : tuple of RunningExperiment
        Those who see its output: the experiment itself, or the root and all its branches.
    shared : frozenset of str
        Units whose output several branches see.
    watch : callable or None
        Puts a watcher around an action.
    """

    running: RunningExperiment
    owners: tuple[RunningExperiment, ...]
    shared: frozenset[str] = frozenset()
    watch: Watch | None = None


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
    consumes : frozenset of str
        Units whose output it uses up: it has nothing to do when there is no new one.
    is_dump : bool
        Dumps run whatever happened before.
    state : UnitState
        Where it is noted when it runs.
    """

    __slots__ = ("_unit", "action", "consumes", "is_dump", "name", "needs", "state", "when")

    def __init__(self, unit: Unit, scope: Scope) -> None:
        self._unit = unit
        self.name = unit.name
        self.when: When | None = None if unit.when.always else unit.when
        self.needs = unit.needs
        self.consumes = unit.consumes if isinstance(unit, PipelineUnit) else frozenset()
        self.is_dump = isinstance(unit, DumpUnit)
        self.state = UnitState(is_pipeline=isinstance(unit, PipelineUnit))
        if isinstance(unit, Working):
            for owner in scope.owners:
                owner.progress.units[unit.name] = self.state
        self.action: Callable[[], None] = self._watched(partial(self._first, scope), scope)

    def _watched(self, action: Callable[[], None], scope: Scope) -> Callable[[], None]:
        if scope.watch is None or not isinstance(self._unit, Working):
            return action
        return scope.watch(self.name, action)

    def _first(self, scope: Scope) -> None:
        action = _compile(self._unit, scope)
        self.action = self._watched(action, scope)
        action()


def make_instance(
    instance: Instance, running: RunningExperiment, owners: Sequence[RunningExperiment]
) -> None:
    """Make an instance and give it to its owners."""
    creator = running.own(instance.creator)
    made = compile_call(creator, instance.args, instance.kwargs, instance.spread, running)()
    running.progress.made.append((instance.name, made))
    for owner in owners:
        owner.instances[instance.name] = made


def _compile(unit: Unit, scope: Scope) -> Callable[[], None]:
    match unit:
        case CallUnit():
            return _call_action(unit, scope)
        case PipelineUnit():
            return _pipeline_action(unit, scope)
        case SaveUnit():
            return _save_action(unit, scope.running)
        case DumpUnit():
            return partial(scope.running.storage.dump, unit.variables)


def _call_action(unit: CallUnit, scope: Scope) -> Callable[[], None]:
    running = scope.running
    function = _resolve_source(unit, running)
    call = compile_call(function, unit.args, unit.kwargs, unit.spread, running)
    if unit.mode == "generator":
        iterator = _iterate(unit.name, call())
        running.progress.made.append((unit.name, iterator))
        _register(unit.name, iterator, scope.owners)
        call = partial(next, iterator)
    else:
        _register(unit.name, function, scope.owners)
    save = None if unit.store is None else _saver(unit.store, unit.name, running)
    return _storing(call, unit.name, scope.owners, save)


def _pipeline_action(unit: PipelineUnit, scope: Scope) -> Callable[[], None]:
    running = scope.running
    pipeline, call = prepare_pipeline(unit, running, bool(unit.consumes & scope.shared))
    _register(unit.name, pipeline, scope.owners)
    put = running.storage.update_variable

    def save(_: Any) -> None:
        for name in unit.variables:
            put(name, pipeline.v(name))

    return _storing(call, unit.name, scope.owners, save if unit.variables else None)


def _storing(
    call: Callable[[], Any],
    name: str,
    owners: Sequence[RunningExperiment],
    save: Callable[[Any], None] | None,
) -> Callable[[], None]:
    """Return the action that keeps the output; the common cases are spelled out because they run most.

    The first owner has the output itself, the others, the branches of a root, have containers and arrays of
    their own.
    """
    first, *branches = owners
    only = first.outputs
    if not branches:

        def run_alone() -> None:
            only[name] = call()

        def run_alone_and_save() -> None:
            output = only[name] = call()
            save(output)  # type: ignore[misc]

        return run_alone if save is None else run_alone_and_save

    def run_shared() -> None:
        output = only[name] = call()
        unchanging = is_unchanging(output)
        for branch in branches:
            if unchanging or branch.is_alive:
                branch.outputs[name] = output if unchanging else separate(output, large_bytes=LARGE_BYTES)
        if save is not None:
            save(output)

    return run_shared


def _resolve_source(unit: CallUnit, running: RunningExperiment) -> Callable[..., Any]:
    """Return the function of a unit, found on its instance where it is named by ``'instance.attribute'``.

    What was given is the experiment's own: the instance of a bound method, the arguments of a partial.
    """
    if not isinstance(unit.source, str):
        return compile_value(unit.source, running).get()  # type: ignore[no-any-return]
    holder, attribute = find_holder(unit.name, unit.source, running)
    return get_attribute(unit.name, holder, attribute)  # type: ignore[no-any-return]


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


def _save_action(unit: SaveUnit, running: RunningExperiment) -> Callable[[], None]:
    get = compile_value(unit.source, running).get
    save = _saver(unit.store, unit.name, running)
    return lambda: save(get())


def _saver(store: Store, unit: str, running: RunningExperiment) -> Callable[[Any], None]:
    put = running.storage.update_variable
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


_NO_SEQUENCES = (AbstractSet, Mapping, str, bytes)
"""What can be iterated, but has no parts in an order, or none that anybody means."""


def _save_parts(
    unit: str, names: tuple[str | None, ...], put: Callable[[str, Any], None], output: Any
) -> None:
    try:
        parts = None if isinstance(output, _NO_SEQUENCES) else list(output)
    except TypeError:
        parts = None
    if parts is None:
        raise SaveError(unit, f"save_to={list(names)} needs a sequence, got {type(output).__name__}")
    if len(parts) != len(names):
        raise SaveError(unit, f"save_to={list(names)} names {len(names)} parts, the output has {len(parts)}")
    for name, part in zip(names, parts, strict=True):
        if name is not None:
            put(name, part)
