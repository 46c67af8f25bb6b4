"""The program: a plan compiled once, which lacks only the experiment that it runs for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from research_domain.when import When
from research_experiment.errors import SaveError
from research_experiment.execution._calls import CompiledCall, OneArgument
from research_experiment.execution._sources import CompiledPipeline, compile_source
from research_experiment.execution.copies import LARGE_BYTES, is_unchanging, separate
from research_experiment.execution.evaluation import Fixed, compile_value, getter_of
from research_experiment.execution.running import RunningExperiment
from research_experiment.execution.units import UnitKind
from research_experiment.plan import (
    CallUnit,
    DumpUnit,
    ExperimentPlan,
    Instance,
    PipelineUnit,
    SaveUnit,
    Store,
    Unit,
    Working,
)

Action: TypeAlias = Callable[[], None]
"""Runs a unit once."""

Watch: TypeAlias = Callable[[str, Action], Action]
"""Puts a watcher around an action, given the name of its unit."""


class Scope:
    """The experiment that a unit runs for, those who see its output, and what watches its actions.

    The owners are the experiment itself, or the root and all its branches.
    """

    __slots__ = ("owners", "running", "watch")

    running: RunningExperiment
    owners: tuple[RunningExperiment, ...]
    watch: Watch | None


class CompiledUnit:
    """A unit, compiled: `bind` returns its action for a `Scope`.

    Attributes
    ----------
    when : When or None
        The iterations in which it is due; None for all.
    is_dump : bool
        Dumps run whatever happened before.
    is_working : bool
        Whether it has an output.
    """

    __slots__ = ("bind", "consumes", "is_dump", "is_working", "name", "needs", "when")

    def __init__(self, unit: Unit, shared: frozenset[str]) -> None:
        self.name = unit.name
        self.when: When | None = None if unit.when.always else unit.when
        self.needs = unit.needs
        self.consumes = unit.consumes if isinstance(unit, PipelineUnit) else frozenset()
        self.is_dump = isinstance(unit, DumpUnit)
        self.is_working = isinstance(unit, Working)
        self.bind = _compile(unit, shared)


class CompiledInstance:
    """An instance with the arguments of its class compiled."""

    __slots__ = ("_call", "_creator", "is_root", "name", "needs")

    def __init__(self, instance: Instance) -> None:
        self.name, self.needs, self.is_root = instance.name, instance.needs, instance.root
        self._creator = instance.creator
        self._call = CompiledCall(instance.args, instance.kwargs, instance.spread)

    def make(self, running: RunningExperiment, owners: Sequence[RunningExperiment]) -> None:
        """Make the object and give it to its owners."""
        made = self._call.bind(running.own(self._creator), running)()
        running.progress.made.append((self.name, made))
        for owner in owners:
            owner.instances[self.name] = made


class Program:
    """A plan, compiled.

    Attributes
    ----------
    order : tuple of (int, bool)
        Numbers of the segments of the plan, and whether they are the root's.
    branch, root : tuple of tuple of CompiledUnit
        The units of each segment; empty where it is the other's.
    units, root_units : mapping of str to UnitKind
        Those that have an output: all of them, and those of the root.
    """

    __slots__ = ("branch", "instances", "order", "root", "root_units", "units")

    def __init__(self, plan: ExperimentPlan) -> None:
        self.instances = tuple(map(CompiledInstance, plan.instances))
        segments = [
            (is_root, tuple([CompiledUnit(unit, plan.root_names) for unit in units]))
            for is_root, units in plan.segments
        ]
        self.order = tuple(enumerate(is_root for is_root, _ in segments))
        self.branch = tuple(() if is_root else units for is_root, units in segments)
        self.root = tuple(units if is_root else () for is_root, units in segments)
        working = [unit for unit in plan.units if isinstance(unit, Working)]
        self.units = {unit.name: UnitKind(isinstance(unit, PipelineUnit), unit.root) for unit in working}
        self.root_units = {name: unit for name, unit in self.units.items() if unit.is_root}


_PROGRAMS: WeakKeyDictionary[ExperimentPlan, Program] = WeakKeyDictionary()


def compile_plan(plan: ExperimentPlan) -> Program:
    """Compile a plan, or return what was compiled before."""
    program = _PROGRAMS.get(plan)
    if program is None:
        program = _PROGRAMS[plan] = Program(plan)
    return program


def _compile(unit: Unit, shared: frozenset[str]) -> Callable[[Scope], Action]:
    match unit:
        case CallUnit():
            return _compile_call(unit)
        case PipelineUnit():
            return _compile_pipeline(unit, shared)
        case SaveUnit():
            return _compile_save(unit)
        case DumpUnit():
            return lambda scope: partial(scope.running.storage.dump, unit.variables)


def _compile_call(unit: CallUnit) -> Callable[[Scope], Action]:
    name, is_generator = unit.name, unit.mode == "generator"
    source, compiled = compile_source(name, unit.source), CompiledCall(unit.args, unit.kwargs, unit.spread)
    saver = None if unit.store is None else _compile_saver(unit.store, name)

    def bind(scope: Scope) -> Action:
        running = scope.running
        function = source.value if type(source) is Fixed else source(running)
        call = compiled.bind(function, running)
        if is_generator:
            function = _iterate(name, call())
            running.progress.made.append((name, function))
            call = partial(next, function)
        for owner in scope.owners:
            owner.progress.functions[name] = function
        return _storing(call, name, scope.owners, None if saver is None else saver(running))

    return bind


def _compile_pipeline(unit: PipelineUnit, shared: frozenset[str]) -> Callable[[Scope], Action]:
    name, variables = unit.name, unit.variables
    compiled = CompiledPipeline(unit, shared_batch=bool(unit.consumes & shared))

    def bind(scope: Scope) -> Action:
        pipeline, call = compiled.bind(scope.running)
        for owner in scope.owners:
            owner.progress.functions[name] = pipeline
        put = scope.running.storage.update_variable

        def save(_: Any) -> None:
            for variable in variables:
                put(variable, pipeline.v(variable))

        return _storing(call, name, scope.owners, save if variables else None)

    return bind


def _storing(
    call: Callable[[], Any],
    name: str,
    owners: Sequence[RunningExperiment],
    save: Callable[[Any], None] | None,
) -> Callable[[], None]:
    """Return the action that keeps the output; the common cases are spelled out because they run most."""
    only = owners[0].outputs
    if len(owners) > 1:
        return _sharing(call, name, owners, save)
    if type(call) is OneArgument:
        function, get = call.function, call.get

        def run_with_one() -> None:
            output = only[name] = function(get())
            if save is not None:
                save(output)

        return run_with_one
    if save is None:

        def run_alone() -> None:
            only[name] = call()

        return run_alone

    def run_alone_and_save() -> None:
        output = only[name] = call()
        save(output)

    return run_alone_and_save


def _sharing(
    call: Callable[[], Any],
    name: str,
    owners: Sequence[RunningExperiment],
    save: Callable[[Any], None] | None,
) -> Callable[[], None]:
    """Return the action that keeps the output for several owners.

    The first one has the output itself; the others, the branches of a root, have containers and arrays of
    their own.
    """
    only, branches = owners[0].outputs, owners[1:]

    def run_shared() -> None:
        output = only[name] = call()
        unchanging = is_unchanging(output)
        for branch in branches:
            if unchanging or branch.is_alive:
                branch.outputs[name] = output if unchanging else separate(output, large_bytes=LARGE_BYTES)
        if save is not None:
            save(output)

    return run_shared


def _iterate(name: str, made: Any) -> Any:
    try:
        return iter(made)
    except TypeError:
        raise TypeError(
            f"generator unit {name!r} must give something iterable, got {type(made).__name__}"
        ) from None


def _compile_save(unit: SaveUnit) -> Callable[[Scope], Action]:
    source, saver = compile_value(unit.source), _compile_saver(unit.store, unit.name)

    def bind(scope: Scope) -> Action:
        get, save = getter_of(source(scope.running)), saver(scope.running)
        return lambda: save(get())

    return bind


def _compile_saver(store: Store, unit: str) -> Callable[[RunningExperiment], Callable[[Any], None]]:
    match store.kind:
        case "value":
            name = str(store.names[0])
            return lambda running: partial(running.storage.update_variable, name)
        case "dict":
            return lambda running: partial(_save_dict, unit, running.storage.update_variable)
        case "parts":
            return lambda running: partial(_save_parts, unit, store.names, running.storage.update_variable)


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
