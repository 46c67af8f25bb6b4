"""The draft of an experiment: what has been added so far, and the plan made of it."""

from __future__ import annotations

import builtins
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, Self

from research_experiment.building._checks import check_plan
from research_experiment.building._instead import instead_of
from research_experiment.building._options import signature_of
from research_experiment.building._parsing import nameless
from research_experiment.building.namespaces import DEFAULT, Namespace, find_function, read_namespace, similar
from research_experiment.errors import PlanError, UnknownUnitError
from research_experiment.plan import ExperimentPlan, Instance, PipelineUnit, Unit


class Draft:
    """Instances and units in their order, and the namespaces where functions are found by name."""

    def __init__(
        self,
        instance_creators: Iterable[Instance] | None = None,
        actions: Iterable[Unit] | None = None,
        namespaces: Iterable[ModuleType | str | Mapping[str, Any]] | None = None,
    ) -> None:
        self._instances: list[Instance] = list(instance_creators or ())
        self._units: list[Unit] = list(actions or ())
        self._namespaces: list[Namespace] = [
            read_namespace(item) for item in (DEFAULT if namespaces is None else namespaces)
        ]

    def add_postfix(self, new_name: str) -> str:
        """Return the name, with ``_1``, ``_2``, ... behind it when a unit or instance has it."""
        taken = set(self._draft().names)
        name, count = new_name, 0
        while name in taken:
            count += 1
            name = f"{new_name}_{count}"
        return name

    def get_method(self, name: str) -> Callable[..., Any]:
        """Return the function of that name from the namespaces.

        Raises
        ------
        UnknownUnitError
            If there is none; the message has the close matches.
        """
        found = find_function(name, self._namespaces)
        if found is None:
            raise UnknownUnitError(self._unknown(name), name)
        return found

    def _unknown(self, name: str) -> str:
        """Return what to say of a name that nothing has."""
        instead = self._instead(name)
        if instead is not None:
            return instead
        if callable(getattr(builtins, name, None)):
            return (
                f"no unit, method or function named {name!r}; it is a builtin: give the function, "
                f"add_callable({name!r}, {name}, ...), or make all known with add_namespace('builtins')"
            )
        methods = [key for key in dir(type(self)) if not key.startswith("_")]
        return (
            f"no unit, method or function named {name!r}{similar(name, self._namespaces, methods)}; "
            "add it with add_callable(...) or make its module known with add_namespace(...)"
        )

    def _instead(self, name: str) -> str | None:
        """Return what took the place of a name that is known from elsewhere."""
        return instead_of(name)

    @property
    def instance_creators(self) -> tuple[Instance, ...]:
        """What makes the instances, in the order in which they were added."""
        return tuple(self._instances)

    @property
    def actions(self) -> tuple[Unit, ...]:
        """The units, saves and dumps, in the order in which they were added."""
        return self._draft().units

    @property
    def namespaces(self) -> tuple[ModuleType | Mapping[str, Any], ...]:
        """Where functions are found by their names."""
        return tuple([importlib.import_module(n) if isinstance(n, str) else n for n in self._namespaces])

    @property
    def only_callables(self) -> bool:
        """Whether no unit is a generator, so that one iteration is all there is by default."""
        return self._draft().only_callables

    def build(self) -> ExperimentPlan:
        """Return the frozen description that is run.

        Returns
        -------
        ExperimentPlan
            Checked: all references exist and can have run.

        Raises
        ------
        UnknownUnitError, DependencyError
            If a unit refers to something that does not exist or cannot have run yet.
        """
        plan = self._draft()
        check_plan(plan)
        return plan

    def _draft(self) -> ExperimentPlan:
        return ExperimentPlan(tuple(self._instances), tuple(map(self._rooted, self._units)))

    def _rooted(self, unit: Unit) -> Unit:
        """Make a pipeline that a root instance holds a root unit: there is one for all branches."""
        if not isinstance(unit, PipelineUnit) or not isinstance(unit.source, str):
            return unit
        owner = unit.source.partition(".")[0]
        shared = any(instance.root and instance.name == owner for instance in self._instances)
        return replace(unit, root=True) if shared and not unit.root else unit

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._instances, twin._units = list(self._instances), list(self._units)
        twin._namespaces = list(self._namespaces)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()  # units are frozen values, their functions are the user's own

    def _source(
        self,
        name: str | Callable[..., Any] | None,
        function: Callable[..., Any] | None,
        kwargs: Mapping[str, Any],
    ) -> tuple[str, Callable[..., Any] | str]:
        """Return the name of a unit, and its function or ``'instance.method'``."""
        if name is None:
            raise nameless("a unit", "add_callable('name', function)")
        if callable(name):
            if function is not None:
                raise PlanError(
                    f"give a name and a function, or the function alone; got {name!r} and {function!r}"
                )
            return getattr(name, "__name__", type(name).__name__), name
        if not isinstance(name, str):
            raise PlanError(f"a unit needs a name or a function, got {name!r}")
        if function is not None and not callable(function):
            raise PlanError(f"unit {name!r} needs a function, got {function!r}", unit=name)
        if function is not None:
            return name, function
        return name, name if "." in name else self._named_function(name, kwargs)

    def _named_function(self, name: str, kwargs: Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function of a unit that was given by its name alone."""
        words = [word for word in ("func", "src", "generator") if _is_function(kwargs.get(word))]
        if words:
            word, given, found = words[0], kwargs[words[0]], find_function(name, self._namespaces)
            if found is None or found is given or not _takes(found, word):
                raise PlanError(
                    f"unit {name!r} has no function: {word}=... is an argument of it, as any other keyword; "
                    f"give the function second, add_callable({name!r}, {given.__name__})",
                    unit=name,
                )
        return self.get_method(name)

    def _method(self, source: str) -> tuple[Any, int]:
        """Return what ``'instance.method'`` calls if that is known, and how many arguments are taken."""
        owner, _, attribute = source.partition(".")
        creators = [instance.creator for instance in self._instances if instance.name == owner]
        if not creators or not isinstance(creators[0], type):
            return None, 0
        method = inspect.getattr_static(creators[0], attribute, None)
        return (method, 1) if inspect.isfunction(method) else (None, 0)


def _is_function(value: Any) -> bool:
    return inspect.isroutine(value) or inspect.isclass(value)


def _takes(function: Callable[..., Any], keyword: str) -> bool:
    """Tell whether a function may be called with a keyword, as far as is known."""
    signature = signature_of(function)
    parameters = signature.parameters if signature is not None else {}
    any_keyword = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return signature is None or any_keyword or keyword in parameters
