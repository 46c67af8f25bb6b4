"""The frozen description of an experiment: what builders make and executors run.

Everything here is a value. Strings and ints of the public API have become typed values; nothing behind this
module parses them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from research_domain.when import When
from research_experiment._references import needed_units
from research_experiment.errors import PlanError

__all__ = ["CallUnit", "DumpUnit", "ExperimentPlan", "Instance", "Mode", "SaveUnit", "Store", "Unit"]

Mode: TypeAlias = Literal["func", "generator"]


@dataclass(frozen=True, slots=True)
class Store:
    """Where an output is saved.

    Parameters
    ----------
    names : tuple of (str or None)
        Variables; one for the whole output, or one per part of a sequence, None to leave a part out.
    kind : {'value', 'parts', 'dict'}
        Save the output as it is, its parts in order, or a dict by its keys.
    """

    names: tuple[str | None, ...] = ()
    kind: Literal["value", "parts", "dict"] = "value"

    @classmethod
    def parse(
        cls, save_to: str | Sequence[str | None] | None, save_output_dict: bool, unit: str
    ) -> Store | None:
        """Read the `save_to` and `save_output_dict` of the public API.

        Raises
        ------
        PlanError
            If `save_to` is neither a name nor a sequence of names and None.
        """
        if save_output_dict:
            return cls(kind="dict")
        if save_to is None:
            return None
        if isinstance(save_to, str):
            return cls((save_to,))
        if (
            isinstance(save_to, list | tuple)
            and save_to
            and all(n is None or isinstance(n, str) for n in save_to)
        ):
            return cls(tuple(save_to), kind="parts")
        raise PlanError(
            f"save_to of unit {unit!r} must be a name, or a list of names and None, got {save_to!r}",
            unit=unit,
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """An object made once per experiment, or once per task when it belongs to the root."""

    name: str
    creator: Callable[..., Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    root: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """Names of units and instances that the arguments refer to."""
        return needed_units(dict(self.kwargs))


@dataclass(frozen=True, slots=True)
class CallUnit:
    """A function or generator that is called as part of each iteration.

    Parameters
    ----------
    name : str
        Unique name of the unit.
    source : callable or str
        The function, or ``'instance.attribute'``.
    mode : {'func', 'generator'}
        Call it each time, or call it once and take one item each time.
    args : sequence or expression
        Positional arguments; may contain named expressions.
    kwargs : mapping
        Keyword arguments; may contain named expressions.
    spread : mapping or expression or None
        Unpacked into keyword arguments after evaluation (``kwargs=EC()``).
    when : When
        The iterations to run in.
    root : bool
        Run once per task for all branches.
    store : Store or None
        Where the output is saved.
    timeout_s : float or None
        Limit for one call in seconds, enforced by runners that can.
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

    @property
    def arguments(self) -> tuple[Any, ...]:
        """All arguments, to look for references in."""
        return (self.args, dict(self.kwargs), self.spread)

    @property
    def needs(self) -> frozenset[str]:
        """Names of units and instances that the unit refers to."""
        owner = {self.source.partition(".")[0]} if isinstance(self.source, str) else set()
        return needed_units(self.arguments) | owner


@dataclass(frozen=True, slots=True)
class SaveUnit:
    """Save the value of a named expression."""

    name: str
    source: Any
    store: Store
    when: When
    copy: bool = False
    root: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """Names of units and instances that the value refers to."""
        return needed_units(self.source)


@dataclass(frozen=True, slots=True)
class DumpUnit:
    """Hand saved values over to the storage and forget them here; None stands for all variables."""

    name: str
    variables: tuple[str, ...] | None
    when: When
    root: bool = False
    needs: frozenset[str] = frozenset()


Unit: TypeAlias = CallUnit | SaveUnit | DumpUnit


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """Instances and units in their order; picklable as far as the user's own functions and classes are."""

    instances: tuple[Instance, ...] = ()
    units: tuple[Unit, ...] = ()

    @property
    def only_callables(self) -> bool:
        """Whether no unit is a generator."""
        return not any(isinstance(unit, CallUnit) and unit.mode == "generator" for unit in self.units)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all instances and units."""
        return (*(instance.name for instance in self.instances), *(unit.name for unit in self.units))

    @property
    def has_root(self) -> bool:
        """Whether anything is shared by the branches of a task."""
        return any(instance.root for instance in self.instances) or any(unit.root for unit in self.units)
