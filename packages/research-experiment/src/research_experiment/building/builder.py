"""The builder: methods that `Experiment` and `Research` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any, Self

from research_experiment.building._draft import Draft
from research_experiment.building._options import (
    UnitOptions,
    check_flags,
    check_options,
    check_values,
    explaining,
    take_options,
)
from research_experiment.building._parsing import (
    WhenLike,
    nameless,
    parse_args,
    parse_dump,
    parse_mode,
    parse_pipelines,
    parse_spread,
    parse_timeout,
    parse_when,
)
from research_experiment.building.namespaces import read_namespace
from research_experiment.errors import PlanError
from research_experiment.pipelines import Pipeline
from research_experiment.plan import CallUnit, Instance, PipelineUnit, SaveUnit, Store


class ExperimentBuilder(Draft):
    """Units, instances, saves and dumps, in the order in which they were added.

    Every method returns the builder itself, so that calls can be chained.
    """

    def add_executable_unit(
        self,
        name: str | Callable[..., Any] | None = None,
        src: Callable[..., Any] | None = None,
        /,
        mode: str = "func",
        when: WhenLike = 1,
        save_to: str | Sequence[str | None] | None = None,
        dump: WhenLike | None = None,
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
            Keyword arguments of the function. ``kwargs=EC()`` unpacks a whole config. An argument of the
            function that is called like an option above from `mode` on, or ``kwargs``, is given as
            ``kwargs={'when': ...}``; any other name is free, ``name`` and ``src`` as well.

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
        options = UnitOptions(when, save_to, dump, root, save_output_dict, timeout)
        return self._add_call(name, src, args, kwargs, options, mode=mode, own_mode=True)

    def _add_call(
        self,
        name: str | Callable[..., Any] | None,
        function: Callable[..., Any] | None,
        args: Any,
        kwargs: dict[str, Any],
        options: UnitOptions,
        *,
        mode: str,
        own_mode: bool = False,
    ) -> Self:
        unit_name, source = self._source(name, function, kwargs)
        given = options.given()
        if own_mode and not (isinstance(mode, str) and mode == "func"):
            given["mode"] = mode
        called, taken = self._method(source) if isinstance(source, str) else (source, 0)
        args, spread = parse_args(args, unit_name), parse_spread(kwargs.pop("kwargs", None), unit_name)
        check_options(unit_name, called, args, spread, given, taken=taken)
        check_flags(unit_name, root=options.root, save_output_dict=options.save_output_dict)
        with explaining("mode", mode) if "mode" in given else nullcontext():
            parsed_mode = parse_mode(mode, source, unit_name)
        unit_name = self.add_postfix(unit_name)
        with explaining("save_to", options.save_to):
            store = Store.parse(options.save_to, options.save_output_dict, unit_name)
        with explaining("when", options.when):
            when = parse_when(options.when, unit_name)
        with explaining("timeout", options.timeout):
            timeout_s = parse_timeout(options.timeout, unit_name)
        unit = CallUnit(
            name=unit_name,
            source=source,
            mode=parsed_mode,
            args=args,
            spread=spread,
            kwargs=kwargs,
            when=when,
            root=options.root,
            store=store,
            timeout_s=timeout_s,
        )
        variables = None if store is None or store.kind == "dict" else store.names
        with explaining("dump", options.dump):
            return self._add_working([unit], variables, options.dump)

    def _add_working(
        self, units: Sequence[CallUnit | PipelineUnit], variables: Iterable[str | None] | None, dump: Any
    ) -> Self:
        """Add units, and the dump of what the last of them saves; all or nothing."""
        dumps = [] if dump is None else [parse_dump(variables, dump, units[-1].name)]
        self._units.extend(units)
        for unit in dumps:
            self._units.append(replace(unit, name=self.add_postfix(unit.name)))
        return self

    def add_callable(
        self,
        name: str | Callable[..., Any] | None = None,
        func: Callable[..., Any] | None = None,
        /,
        args: Any = None,
        when: WhenLike = 1,
        save_to: str | Sequence[str | None] | None = None,
        dump: WhenLike | None = None,
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
        options = UnitOptions(when, save_to, dump, **take_options(kwargs))
        return self._add_call(name, func, args, kwargs, options, mode="func")

    def add_generator(
        self,
        name: str | Callable[..., Any] | None = None,
        generator: Callable[..., Any] | None = None,
        /,
        args: Any = None,
        when: WhenLike = 1,
        save_to: str | Sequence[str | None] | None = None,
        dump: WhenLike | None = None,
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
        options = UnitOptions(when, save_to, dump, **take_options(kwargs))
        return self._add_call(name, generator, args, kwargs, options, mode="generator")

    def add_pipeline(
        self,
        name: str | None = None,
        /,
        root: Pipeline | str | None = None,
        branch: Pipeline | str | None = None,
        run: bool = False,
        variables: str | Sequence[str] | None = None,
        dump: WhenLike | None = None,
        when: WhenLike = 1,
        mode: str | None = None,
        *,
        batch: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Add a pipeline: an object that gives, processes or runs over batches.

        Parameters
        ----------
        name : str
            Name of the unit. Without `root` and `branch`, ``'instance.attribute'`` names a pipeline that an
            instance holds; what a root instance holds runs once per task.
        root : Pipeline, optional
            The pipeline. Its copy gets the experiment's config by ``set_config``; in each iteration
            ``next_batch()`` is called, and the experiment ends when there is none.
        branch : Pipeline, optional
            Together with `root`: the root's ``next_batch()`` is called once per task, as a root unit named
            ``name + '_root'``, and every branch calls ``execute_for(batch)`` of its own copy of this one.
        run : bool
            Call ``run()`` instead of ``next_batch()``: the whole pipeline in one iteration.
        variables : str or list of str, optional
            Variables of the pipeline that are saved, under their names, after each call.
        dump : int, str or list, optional
            Iterations after which the saved variables are dumped.
        when : int, str or list
            Iterations to run in, see :meth:`add_executable_unit`.
        mode : {'generator', 'func', 'execute_for'}, optional
            'generator', the default, goes on until there are no more batches; 'func' takes one in each of a
            given number of iterations (1 by default); 'execute_for' processes `batch`.
        batch : expression, optional
            What ``execute_for`` gets, such as ``O('load')``.
        **kwargs
            Added to the config that the pipeline gets; may contain named expressions.

        Raises
        ------
        PlanError
            If the parameters contradict each other or the pipeline has not the methods that will be called.

        Examples
        --------
        >>> from research_experiment import Executor, Experiment
        >>> class Count:
        ...     def __init__(self): self.n = 0
        ...     def __add__(self, other): return Count()
        ...     def set_config(self, config): self.step = config['step']
        ...     def reset(self, *what): self.n = 0
        ...     def next_batch(self):
        ...         self.n += self.step
        ...         return [self.n]
        ...     def v(self, name): return self.n
        >>> experiment = Experiment().add_pipeline('count', Count(), variables='n')
        >>> Executor(experiment, configs=[{'step': 5}], n_iters=3).run().experiments[0].results
        {'n': {0: 5, 1: 10, 2: 15}}
        """
        if name is None:
            raise nameless("a pipeline", "add_pipeline('name', pipeline)")
        check_values(name, run=run, variables=variables, dump=dump, when=when, mode=mode)
        names = (variables,) if isinstance(variables, str) else tuple(variables or ())
        unit_name = self.add_postfix(name)
        options = {"config": kwargs, "variables": names, "when": parse_when(when, unit_name)}
        sources = (name if root is None and branch is None else root, branch)
        units = parse_pipelines(unit_name, sources, batch, run, mode, options)
        return self._add_working(units, names or None, dump)

    def add_instance(
        self,
        name: str | None = None,
        creator: Callable[..., Any] | None = None,
        /,
        root: bool = False,
        args: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Add an object that is made at the start; its methods can be units named ``'name.method'``.

        Parameters
        ----------
        name : str
            Name of the instance.
        creator : class or callable
            Makes the object.
        root : bool
            Make it once per task, shared by the branches.
        args : sequence or expression, optional
            Positional arguments of the creator.
        **kwargs
            Keyword arguments of the creator; may contain named expressions. ``kwargs=EC()`` unpacks a config,
            and ``kwargs={'root': ...}`` gives an argument of the creator that is called like an option.

        Raises
        ------
        PlanError
            If the name is taken or no name, or `creator` is nothing to call.

        Examples
        --------
        >>> from research_experiment import Executor, Experiment
        >>> experiment = Experiment().add_instance('words', list)
        >>> experiment = experiment.add_callable('words.append', args=['hello'])
        >>> Executor(experiment, configs=[{}]).run().experiments[0].instances
        {'words': ['hello']}
        """
        if name is None:
            raise nameless("an instance", "add_instance('name', creator)")
        if not isinstance(name, str) or not name.isidentifier():
            raise PlanError(f"the name of an instance must be an identifier, got {name!r}")
        if not callable(creator):
            how = (
                f"; give it second: add_instance({name!r}, creator)"
                if callable(kwargs.get("creator"))
                else ""
            )
            raise PlanError(
                f"instance {name!r} needs a class or function that makes it, got {creator!r}{how}", unit=name
            )
        if name in self._draft().names:
            raise PlanError(f"there already is a unit or instance {name!r}; use another name", unit=name)
        spread, args = parse_spread(kwargs.pop("kwargs", None), name), parse_args(args, name)
        check_options(name, creator, args, spread, {} if root is False else {"root": root})
        check_flags(name, root=root)
        self._instances.append(Instance(name, creator, kwargs, root, spread, args))
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
        when: WhenLike = 1,
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
            Accepted, and changes nothing: what is saved is always the value as it is now.

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
        self._units.append(SaveUnit(name, src, store, parse_when(when, name)))
        return self

    def dump(self, variable: str | Sequence[str] | None = None, when: WhenLike = "last") -> Self:
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
        unit = parse_dump((variable,) if isinstance(variable, str) else variable, when, "dump", "when")
        self._units.append(replace(unit, name=self.add_postfix(unit.name)))
        return self

    def __getattr__(self, name: str) -> Callable[..., Self]:
        """Turn ``experiment.power(a=2)`` into ``experiment.add_callable('power', power, a=2)``."""
        if hasattr(type(self), name):
            found: Callable[..., Self] = object.__getattribute__(self, name)
            return found  # a property, whose own error it is
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._check_sugar(name)
        return partial(self._add_found, name, self.get_method(name))

    def _check_sugar(self, name: str) -> None:
        """Raise an error where nothing can be added by an attribute."""

    def _add_found(
        self, name: str, function: Callable[..., Any], /, *args: Any, mode: str = "func", **kwargs: Any
    ) -> Self:
        return self.add_executable_unit(
            name, function, mode, args=list(args) if args else kwargs.pop("args", None), **kwargs
        )
