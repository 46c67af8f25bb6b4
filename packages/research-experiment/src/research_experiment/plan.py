"""The frozen description of an experiment: what builders make and executors run.

Everything here is a value. Strings and ints of the public API have become typed values, and containers with
expressions in them have become expressions; nothing behind this module parses or searches them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, TypeAlias

from research_domain.texts import clean_text, flaw_of_name
from research_domain.when import When
from research_experiment.errors import PlanError
from research_experiment.expressions._foreign import find_foreign, what_is_foreign
from research_experiment.expressions._nodes import Leaf, Reference
from research_experiment.expressions._references import leaves, needed_keys, needed_units
from research_experiment.expressions.named import freeze
from research_experiment.pipelines import Pipeline

__all__ = [
    "CallUnit",
    "DumpUnit",
    "ExperimentPlan",
    "Instance",
    "Mode",
    "PipelineMode",
    "PipelineUnit",
    "SaveUnit",
    "Store",
    "Unit",
    "Working",
]

Mode: TypeAlias = Literal["func", "generator"]
_LETTERS_OF_SAVING = ("E", "S")
"""Expressions by which a unit can save values under names of its own."""

PipelineMode: TypeAlias = Literal["func", "generator", "execute_for"]


@dataclass(frozen=True, slots=True)
class Store:
    """Where an output is saved: as it is, its parts in order under their names, or a dict by its keys.

    None among the names leaves a part out.
    """

    names: tuple[str | None, ...] = ()
    kind: Literal["value", "parts", "dict"] = "value"

    @classmethod
    def parse(
        cls, save_to: str | Sequence[str | None] | None, save_output_dict: bool, unit: str
    ) -> Store | None:
        """Read the `save_to` and `save_output_dict` of the public API."""
        if save_output_dict:
            if save_to is not None:
                raise PlanError(
                    f"{unit!r} is given a name to save under, {save_to!r}, and save_output_dict=True, which "
                    "saves a dict under its keys: give one of both",
                    unit=unit,
                )
            return cls(kind="dict")
        if save_to is None:
            return None
        if isinstance(save_to, str):
            check_variable(save_to, unit)
            return cls((save_to,))
        is_list = isinstance(save_to, list | tuple) and bool(save_to)
        if is_list and all(name is None or isinstance(name, str) for name in save_to):
            names = [name for name in save_to if name is not None]
            for name in names:
                check_variable(name, unit)
                if names.count(name) > 1:
                    raise PlanError(
                        f"save_to of unit {unit!r} has {name!r} twice, and only the last part would be kept",
                        unit=unit,
                    )
            return cls(tuple(save_to), kind="parts")
        raise PlanError(
            f"save_to of unit {unit!r} must be a name, or a list of names and None, got {save_to!r}",
            unit=unit,
        )


def check_variable(name: object, unit: str | None = None) -> None:
    """Check that values can be saved under a name: that a database can hold it."""
    flaw = flaw_of_name(name)
    if flaw is not None:
        shown = clean_text(str(name))[:80]
        raise PlanError(f"{shown!r} cannot be the name of a variable: {flaw}; choose another one", unit=unit)


def _references(unit: str, *values: Any) -> frozenset[Leaf]:
    """Return the leaves of all expressions in the values; incomplete expressions are refused."""
    foreign = find_foreign(list(values))
    if foreign is not None:
        raise PlanError(f"unit {unit!r} has {what_is_foreign(foreign)}", unit=unit)
    return frozenset(leaf for value in values for leaf in leaves(freeze(value)))


def _set(value: Any, **fields: Any) -> None:
    """Set fields of a frozen value while it is being made."""
    for name, field_value in fields.items():
        object.__setattr__(value, name, field_value)


def _frozen_items(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: freeze(value) for name, value in mapping.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object made once per experiment, or once per task if it belongs to the root.

    `spread` is unpacked into keyword arguments after evaluation (``kwargs=EC()``). `references` are the
    leaves of all expressions among the arguments, `needs` the names of units and instances in them.
    """

    name: str
    creator: Callable[..., Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    root: bool = False
    spread: Any = None
    args: Any = ()
    references: frozenset[Leaf] = field(init=False)
    needs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        _freeze_call(self, frozenset())


@dataclass(frozen=True, slots=True, eq=False)
class CallUnit:
    """A function or generator that is called as part of each iteration.

    The source is a function, an expression that gives it, or ``'instance.attribute'``; other fields are as
    `ExperimentBuilder.add_executable_unit` takes them, and as those of an `Instance`.
    """

    name: str
    source: Callable[..., Any] | str
    mode: Mode = "func"
    args: Any = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    spread: Any = None
    when: When = field(default_factory=lambda: When.parse(1))
    root: bool = False
    store: Store | None = None
    timeout_s: float | None = None
    references: frozenset[Leaf] = field(init=False)
    needs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        _freeze_call(self, _owner(self.source))


@dataclass(frozen=True, slots=True, eq=False)
class PipelineUnit:
    """A pipeline that gives or processes one batch, or runs as a whole, in each iteration.

    The source is a pipeline or ``'instance.attribute'``; other fields are as `ExperimentBuilder.add_pipeline`
    takes them, and as those of an `Instance`. `consumes` names the units that the batch comes from: without a
    new batch there is nothing to do.
    """

    name: str
    source: Pipeline | str
    mode: PipelineMode
    run: bool = False
    batch: Any = None
    config: Mapping[str, Any] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    when: When = field(default_factory=lambda: When.parse(1))
    root: bool = False
    references: frozenset[Leaf] = field(init=False)
    needs: frozenset[str] = field(init=False)
    consumes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        references = _references(self.name, self.batch, self.config)
        _set(self, consumes=needed_units(_references(self.name, self.batch)))
        _set(self, batch=freeze(self.batch), config=_frozen_items(self.config))
        _set(self, references=references, needs=needed_units(references) | _owner(self.source))


def _freeze_call(call: Instance | CallUnit, owner: frozenset[str]) -> None:
    """Freeze the arguments of a call, and collect their references."""
    args = call.args
    source = call.source if isinstance(call, CallUnit) else call.creator
    references = _references(call.name, source, args, call.kwargs, call.spread)
    _set(
        call,
        args=tuple([freeze(value) for value in args]) if isinstance(args, list | tuple) else args,
        kwargs=_frozen_items(call.kwargs),
        spread=freeze(call.spread),
        references=references,
        needs=needed_units(references) | owner,
    )


def _owner(source: Any) -> frozenset[str]:
    return frozenset({source.partition(".")[0]} if isinstance(source, str) else ())


@dataclass(frozen=True, slots=True, eq=False)
class SaveUnit:
    """Save the value of a named expression."""

    name: str
    source: Any
    store: Store
    when: When
    root: bool = field(default=False, init=False)
    references: frozenset[Leaf] = field(init=False)
    needs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        references = _references(self.name, self.source)
        _set(self, source=freeze(self.source), references=references, needs=needed_units(references))


@dataclass(frozen=True, slots=True)
class DumpUnit:
    """Hand saved values over to the storage and forget them here; None stands for all variables."""

    name: str
    variables: tuple[str, ...] | None
    when: When
    root: bool = field(default=False, init=False)
    references: frozenset[Leaf] = field(default=frozenset(), init=False)
    needs: frozenset[str] = field(default=frozenset(), init=False)


Working: TypeAlias = CallUnit | PipelineUnit
"""Units that have an output."""

Unit: TypeAlias = Working | SaveUnit | DumpUnit


@dataclass(frozen=True, eq=False)
class ExperimentPlan:
    """Instances and units in their order; picklable as far as the user's own functions and classes are.

    Parameters
    ----------
    instances : tuple of Instance
        In the order in which they are made.
    units : tuple of Unit
        In the order in which they run.
    """

    instances: tuple[Instance, ...] = ()
    units: tuple[Unit, ...] = ()

    @cached_property
    def only_callables(self) -> bool:
        """Whether no unit is a generator."""
        return not any(isinstance(unit, Working) and unit.mode == "generator" for unit in self.units)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all instances and units."""
        return (*(instance.name for instance in self.instances), *(unit.name for unit in self.units))

    @cached_property
    def has_root(self) -> bool:
        """Whether there are root units or instances."""
        return any(item.root for item in (*self.instances, *self.units))

    def root_parameters(self, known: Iterable[str]) -> frozenset[str]:
        """Return those of the known parameters that the branches of a task have to share."""
        roots = (item for item in (*self.instances, *self.units) if item.root)
        return frozenset(key for item in roots for key in needed_keys(item.references, known, ()))

    @cached_property
    def root_names(self) -> frozenset[str]:
        """Names of the units that run once per task."""
        return frozenset(unit.name for unit in self.units if unit.root)

    @property
    def variables(self) -> frozenset[str] | None:
        """Names that values are saved under; None where only a run can tell."""
        if any(isinstance(leaf, Reference) and leaf.letter in _LETTERS_OF_SAVING for leaf in self._leaves):
            return None
        names: set[str | None] = set()
        for unit in self.units:
            if isinstance(unit, PipelineUnit):
                names.update(unit.variables)
            elif isinstance(unit, CallUnit | SaveUnit) and unit.store is not None:
                if unit.store.kind == "dict":
                    return None
                names.update(unit.store.names)
        return frozenset(name for name in names if name is not None)

    @property
    def leaves_something(self) -> bool:
        """Whether any unit saves or dumps a value, or has a part of the experiment at hand to leave files."""
        if self.variables != frozenset() or any(isinstance(unit, DumpUnit) for unit in self.units):
            return True
        return any(isinstance(leaf, Reference) and leaf.letter == "EP" for leaf in self._leaves)

    @property
    def _leaves(self) -> frozenset[Leaf]:
        return frozenset(leaf for item in (*self.instances, *self.units) for leaf in item.references)

    @cached_property
    def segments(self) -> tuple[tuple[bool, tuple[Unit, ...]], ...]:
        """Runs of units that all belong to the root, or all to the branches, and which of both it is.

        A unit that asks all branches is alone in its run: branches wait for each other before it and after.
        """
        marks = [(unit.root, _asks_all(unit) and number) for number, unit in enumerate(self.units, 1)]
        return tuple(
            (mark[0], tuple(unit for _, unit in pairs))
            for mark, pairs in groupby(zip(marks, self.units, strict=True), key=itemgetter(0))
        )

    @cached_property
    def in_step(self) -> bool:
        """Whether branches have to wait for each other: they share a root, or look at each other."""
        return self.has_root or any(map(_asks_all, (*self.instances, *self.units)))


def _asks_all(item: Unit | Instance) -> bool:
    return any(leaf.all for leaf in item.references)
