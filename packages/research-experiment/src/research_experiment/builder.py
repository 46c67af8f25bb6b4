"""How an experiment is written down: the methods that `Experiment` and `Research` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Self, cast

from research_domain.when import When
from research_experiment._checks import check_plan
from research_experiment._program import is_generator_function
from research_experiment.errors import PlanError, UnknownUnitError
from research_experiment.namespaces import (
    Namespace,
    close_matches,
    default_namespaces,
    find_function,
    read_namespace,
)
from research_experiment.plan import CallUnit, DumpUnit, ExperimentPlan, Instance, Mode, SaveUnit, Store, Unit

__all__ = ["ExperimentBuilder"]


class ExperimentBuilder:
    """Units, instances, saves and dumps, in the order in which they were added.

    Every method returns the builder itself, so that calls can be chained.
    """

    def __init__(
        self,
        instance_creators: Iterable[Instance] | None = None,
        actions: Iterable[Unit] | None = None,
        namespaces: Iterable[ModuleType | str | Mapping[str, Any]] | None = None,
    ) -> None:
        self._instances: list[Instance] = list(instance_creators or ())
        self._units: list[Unit] = list(actions or ())
        self._namespaces: list[Namespace] = (
            list(default_namespaces())
            if namespaces is None
            else [read_namespace(item) for item in namespaces]
        )

    def add_executable_unit(
        self,
        name: str | Callable[..., Any],
        src: Callable[..., Any] | None = None,
        mode: str = "func",
        when: int | str | Sequence[int | str] = 1,
        save_to: str | Sequence[str | None] | None = None,
        dump: int | str | Sequence[int | str] | None = None,
        args: Any = None,
        *,
        root: bool = False,
        save_output_dict: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a unit: something to call in each iteration.

        Parameters
        ----------
        name : str or callable
            Name of the unit; ``'instance.method'`` refers to an instance. A function alone takes its own
            name.
        src : callable, optional
            The function or generator function; by default the one of that name in the namespaces.
        mode : {'func', 'generator'}
            Call it each time, or call it once and take one item each time.
        when : int, str or list
            Iterations to run in: ``n`` every n-th, ``'%k'`` exactly k (zero-based), ``'last'``, or a list of
            these.
        save_to : str or list, optional
            Variable to save the output under; a list saves the parts of a sequence, None in it skips one.
        dump : int, str or list, optional
            Iterations after which the saved variables are dumped.
        args : sequence or expression, optional
            Positional arguments.
        root : bool
            Run once per task for all branches.
        save_output_dict : bool
            The output is a dict: save each value under its key.
        timeout : float, optional
            Limit of one call in seconds.
        **kwargs
            Keyword arguments. ``kwargs=EC()`` unpacks a whole config.

        Returns
        -------
        ExperimentBuilder
            The builder itself.

        Raises
        ------
        PlanError
            If a parameter makes no sense; the message names the unit.
        UnknownUnitError
            If there is no function of that name.

        Examples
        --------
        >>> from research_experiment import EC, Executor, Experiment
        >>> experiment = Experiment().add_executable_unit('double', lambda x: 2 * x, x=EC('x'), save_to='y')
        >>> Executor(experiment, configs=[{'x': 4}]).run().experiments[0].results
        {'y': {0: 8}}
        """
        if mode not in ("func", "generator"):
            raise PlanError(f"mode of unit {name!r} must be 'func' or 'generator', got {mode!r}")
        unit_name, source = self._source(name, src)
        self._check_mode(unit_name, source, mode)
        unit_name = self.add_postfix(unit_name)
        store = Store.parse(save_to, save_output_dict, unit_name)
        self._units.append(
            CallUnit(
                name=unit_name,
                source=source,
                mode=cast("Mode", mode),
                args=() if args is None else tuple(args) if isinstance(args, list | tuple) else args,
                spread=kwargs.pop("kwargs", None),
                kwargs=kwargs,
                when=_when(when, unit_name),
                root=root,
                store=store,
                timeout_s=timeout,
            )
        )
        if dump is not None:
            self._add_dump(None if store is None or store.kind == "dict" else store.names, dump)
        return self

    def add_callable(
        self,
        name: str | Callable[..., Any],
        func: Callable[..., Any] | None = None,
        args: Any = None,
        when: int | str | Sequence[int | str] = 1,
        save_to: str | Sequence[str | None] | None = None,
        dump: int | str | Sequence[int | str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a function that is called in each iteration; see :meth:`add_executable_unit`.

        Examples
        --------
        >>> from research_experiment import EC, Executor, Experiment
        >>> experiment = Experiment().add_callable('add', lambda x, y: x + y, x=EC('x'), y=3, save_to='sum')
        >>> Executor(experiment, configs=[{'x': 4}]).run().experiments[0].results
        {'sum': {0: 7}}
        """
        return self.add_executable_unit(name, func, "func", when, save_to, dump, args, **kwargs)

    def add_generator(
        self,
        name: str | Callable[..., Any],
        generator: Callable[..., Any] | None = None,
        args: Any = None,
        when: int | str | Sequence[int | str] = 1,
        save_to: str | Sequence[str | None] | None = None,
        dump: int | str | Sequence[int | str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a generator: made once, one item taken in each iteration; see :meth:`add_executable_unit`.

        The experiment ends when it is exhausted.

        Examples
        --------
        >>> from research_experiment import Executor, Experiment
        >>> experiment = Experiment().add_generator('count', range, args=[3], save_to='n')
        >>> Executor(experiment, configs=[{}]).run().experiments[0].results
        {'n': {0: 0, 1: 1, 2: 2}}
        """
        return self.add_executable_unit(name, generator, "generator", when, save_to, dump, args, **kwargs)

    def add_instance(self, name: str, creator: Callable[..., Any], root: bool = False, **kwargs: Any) -> Self:
        """Add an object that is made at the start; its methods can be units named ``'name.method'``.

        Parameters
        ----------
        name : str
            Name of the instance.
        creator : class or callable
            Makes the object.
        root : bool
            Make it once per task, shared by the branches.
        **kwargs
            Arguments of the creator; may contain named expressions.

        Examples
        --------
        >>> from research_experiment import Executor, Experiment
        >>> experiment = Experiment().add_instance('words', list)
        >>> experiment = experiment.add_callable('words.append', args=['hello'])
        >>> Executor(experiment, configs=[{}]).run().experiments[0].instances
        {'words': ['hello']}
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise PlanError(f"the name of an instance must be an identifier, got {name!r}")
        if not callable(creator):
            raise PlanError(
                f"instance {name!r} needs a class or function that makes it, got {creator!r}", unit=name
            )
        if any(name == instance.name for instance in self._instances):
            raise PlanError(f"there already is an instance {name!r}; give this one another name", unit=name)
        self._instances.append(Instance(name, creator, kwargs, root))
        return self

    def add_namespace(self, namespace: ModuleType | str | Mapping[str, Any]) -> Self:
        """Make the functions of a module or mapping known by their names.

        Parameters
        ----------
        namespace : module, str or mapping
            A module, the name of one that can be imported, or names → functions.

        Raises
        ------
        NamespaceError
            If it is none of these or cannot be imported.

        Examples
        --------
        >>> import math
        >>> from research_experiment import EC, Experiment
        >>> experiment = Experiment().add_namespace(math).sqrt(EC('x'), save_to='root')
        """
        self._namespaces.append(read_namespace(namespace))
        return self

    def save(
        self,
        src: Any,
        dst: str | Sequence[str | None] | None = None,
        when: int | str | Sequence[int | str] = 1,
        save_output_dict: bool = False,
        copy: bool = False,
    ) -> Self:
        """Save the value of a named expression.

        Parameters
        ----------
        src : expression
            What to save.
        dst : str or list
            Variable, or one per part of a sequence.
        when : int, str or list
            Iterations to save in.
        save_output_dict : bool
            The value is a dict: save each item under its key; `dst` is not needed.
        copy : bool
            Save a deep copy, for values that are changed in place later.

        Examples
        --------
        >>> from research_experiment import Experiment, O
        >>> experiment = Experiment().add_callable('load', lambda: [1, 2]).save(O('load')[1], 'second')
        """
        name = self.add_postfix(
            f"save {dst if isinstance(dst, str) else 'dict' if dst is None else list(dst)}"
        )
        store = Store.parse(dst, save_output_dict, name)
        if store is None:
            raise PlanError("save() needs the name of a variable: save(O('unit'), 'variable')", unit=name)
        self._units.append(SaveUnit(name, src, store, _when(when, name), copy))
        return self

    def dump(
        self, variable: str | Sequence[str] | None = None, when: int | str | Sequence[int | str] = "last"
    ) -> Self:
        """Hand saved values to the storage now and free their memory.

        Parameters
        ----------
        variable : str or list of str, optional
            What to dump; by default everything.
        when : int, str or list
            Iterations to dump in.

        Examples
        --------
        >>> from research_experiment import Experiment
        >>> experiment = Experiment().add_generator('steps', range, args=[1000], save_to='step')
        >>> experiment.dump('step', when=100)
        Experiment(steps, dump step)
        """
        self._add_dump((variable,) if isinstance(variable, str) else variable, when)
        return self

    def _add_dump(
        self, variables: Iterable[str | None] | None, when: int | str | Sequence[int | str]
    ) -> None:
        names = None if variables is None else tuple(name for name in variables if name is not None)
        name = self.add_postfix("dump" if names is None else f"dump {', '.join(names)}")
        self._units.append(DumpUnit(name, names, _when(when, name)))

    def add_postfix(self, new_name: str) -> str:
        """Return the name, with ``_1``, ``_2``, ... behind it when it is taken by another unit."""
        taken = {unit.name for unit in self._units}
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
            methods = [key for key in dir(type(self)) if not key.startswith("_")]
            matches = close_matches(name, self._namespaces, methods)
            closest = f" (did you mean {' or '.join(map(repr, matches))}?)" if matches else ""
            raise UnknownUnitError(
                f"no unit, method or function named {name!r}{closest}; "
                "add it with add_callable(...) or make its module known with add_namespace(...)",
                name,
            )
        return found

    @property
    def only_callables(self) -> bool:
        """Whether no unit is a generator, so that one iteration is all there is by default."""
        return self._draft().only_callables

    def plan(self) -> ExperimentPlan:
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
        return ExperimentPlan(tuple(self._instances), tuple(self._units))

    def _source(
        self, name: str | Callable[..., Any], src: Callable[..., Any] | None
    ) -> tuple[str, Callable[..., Any] | str]:
        if callable(name):
            if src is not None:
                raise PlanError(
                    f"give a name and a function, or the function alone; got {name!r} and {src!r}"
                )
            return getattr(name, "__name__", type(name).__name__), name
        if not isinstance(name, str):
            raise PlanError(f"a unit needs a name or a function, got {name!r}")
        if src is not None and not callable(src):
            raise PlanError(f"unit {name!r} needs a function, got {src!r}", unit=name)
        if src is not None:
            return name, src
        return name, name if "." in name else self.get_method(name)

    @staticmethod
    def _check_mode(name: str, source: Callable[..., Any] | str, mode: str) -> None:
        if mode == "func" and is_generator_function(source):
            raise PlanError(
                f"unit {name!r} is a generator function: calling it only makes a generator; "
                "add it with add_generator(...)",
                unit=name,
            )

    def __getattr__(self, name: str) -> Callable[..., Self]:
        """Turn ``experiment.power(a=2)`` into ``experiment.add_callable('power', power, a=2)``."""
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return partial(self._add_found, name, self.get_method(name))

    def _add_found(
        self, name: str, function: Callable[..., Any], *args: Any, mode: str = "func", **kwargs: Any
    ) -> Self:
        return self.add_executable_unit(
            name, function, mode, args=list(args) if args else kwargs.pop("args", None), **kwargs
        )


def _when(value: Any, unit: str) -> When:
    """Parse `when` and name the unit in the error."""
    try:
        return When.parse(value)
    except ValueError as error:
        raise PlanError(f"unit {unit!r}: {error}", unit=unit) from error
