"""Parsing of what users write into the values of plans; every error names the unit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, get_args

from research_domain import Config
from research_domain.config import as_mapping
from research_domain.when import When
from research_experiment.errors import PlanError, shorten
from research_experiment.expressions.named import Expression, O
from research_experiment.pipelines import missing_methods, not_ready
from research_experiment.plan import DumpUnit, Mode, PipelineMode, PipelineUnit

WhenLike: TypeAlias = int | str | Sequence[int | str] | When


def parse_when(value: Any, unit: str, parameter: str = "when") -> When:
    """Parse `when` and name the unit in the error."""
    try:
        return When.parse(value)
    except ValueError as error:
        raise PlanError(f"{parameter} of unit {unit!r}: {error}", unit=unit) from error


def parse_mode(mode: str, source: Callable[..., Any] | str, unit: str) -> Mode:
    """Parse the mode of a unit, and see that it suits the function."""
    if mode == "generator":
        return "generator"
    if mode != "func":
        raise PlanError(f"mode of unit {unit!r} must be 'func' or 'generator', got {mode!r}", unit=unit)
    if is_generator_function(source):
        raise generator_as_callable(unit)
    return "func"


def generator_as_callable(unit: str) -> PlanError:
    """Return the error of a generator function that would only be made, never run."""
    return PlanError(
        f"unit {unit!r} is a generator function: calling it only makes a generator; "
        "add it with add_generator(...)",
        unit=unit,
    )


def nameless(what: str, call: str) -> PlanError:
    """Return the error of something that was added without a name, or with one as a keyword."""
    return PlanError(
        f"{what} needs a name or a function, got None; it is given first, and by position, {call}: "
        "name=... is an argument of the function, as any other keyword"
    )


def parse_args(args: Any, unit: str) -> Any:
    """Parse positional arguments: a list, or an expression that gives one."""
    if args is None:
        return ()
    if isinstance(args, list | tuple):
        return tuple(args)
    if isinstance(args, Expression):
        return args
    raise PlanError(
        f"args of unit {unit!r} must be a list or a named expression, got {shorten(repr(args), 80)}; "
        "put a single argument into a list: args=[...]",
        unit=unit,
    )


def parse_spread(kwargs: Any, unit: str) -> Any:
    """Parse ``kwargs=...``: a mapping that is unpacked, or an expression that gives one."""
    if kwargs is None or isinstance(kwargs, Expression):
        return kwargs
    kwargs = as_mapping(kwargs)
    if isinstance(kwargs, Mapping):
        return kwargs if isinstance(kwargs, Config) else dict(kwargs)
    raise PlanError(
        f"kwargs of unit {unit!r} is unpacked into keyword arguments and must be a dict or a named "
        f"expression such as EC(), got {shorten(repr(kwargs), 80)}",
        unit=unit,
    )


def parse_timeout(timeout: Any, unit: str) -> float | None:
    """Parse a limit in seconds."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise PlanError(
            f"timeout of unit {unit!r} is a positive number of seconds, got {timeout!r}", unit=unit
        )
    return float(timeout)


def parse_dump(
    variables: Iterable[str | None] | None, when: Any, unit: str, parameter: str = "dump"
) -> DumpUnit:
    """Parse which variables are dumped when."""
    names = None if variables is None else tuple([name for name in variables if name is not None])
    name = "dump" if names is None else f"dump {', '.join(names)}"
    return DumpUnit(name, names, parse_when(when, unit, parameter))


def parse_pipelines(
    name: str, sources: tuple[Any, Any], batch: Any, run: bool, mode: str | None, options: Mapping[str, Any]
) -> list[PipelineUnit]:
    """Parse `add_pipeline` into one unit, or the two of a root and its branches.

    The sources of both are pipelines, ``'instance.attribute'`` or None; the options are the other fields of
    the last unit.
    """
    root, branch = sources
    if root is not None and branch is not None:
        if batch is not None or mode not in (None, "execute_for"):
            raise PlanError(
                f"pipeline {name!r} has a root and a branch: the branch executes for each batch of the root, "
                "so batch and mode are not for choosing",
                unit=name,
            )
        give = PipelineUnit(f"{name}_root", root, "generator", when=options["when"], root=True)
        take = PipelineUnit(name, branch, "execute_for", batch=O(give.name), **options)
        return [_checked(give, name), _checked(take, name)]
    if branch is not None and batch is None:
        raise PlanError(
            f"pipeline {name!r} has a branch and no root that gives batches to it; "
            f"give both, add_pipeline({name!r}, root=..., branch=...), or the batch, such as batch=O('load')",
            unit=name,
        )
    source = name if root is None and branch is None else root if branch is None else branch
    chosen = _pipeline_mode(name, mode, run, batch)
    return [_checked(PipelineUnit(name, source, chosen, run=run, batch=batch, **options), name)]


def _pipeline_mode(name: str, mode: str | None, run: bool, batch: Any) -> PipelineMode:
    if mode is None:
        mode = "execute_for" if batch is not None else "func" if run else "generator"
    if mode not in get_args(PipelineMode):
        modes = ", ".join(map(repr, get_args(PipelineMode)))
        raise PlanError(f"mode of pipeline {name!r} must be one of {modes}, got {mode!r}", unit=name)
    if (mode == "execute_for") is not (batch is not None):
        raise PlanError(
            f"pipeline {name!r}: mode='execute_for' and batch=... belong together, "
            f"got mode={mode!r} and batch={batch!r}; give the batch, such as batch=O('load')",
            unit=name,
        )
    if run and mode != "func":
        raise PlanError(f"pipeline {name!r}: run=True goes with mode='func', got {mode!r}", unit=name)
    return mode  # type: ignore[return-value]


def _checked(unit: PipelineUnit, name: str) -> PipelineUnit:
    """See that a pipeline has the methods that will be called."""
    source = unit.source
    if isinstance(source, str):
        if "." not in source:
            raise PlanError(
                f"pipeline {name!r} needs a pipeline, or the name of one that an instance holds, "
                f"'instance.attribute'; got {source!r}",
                unit=name,
            )
        return unit
    called = "execute_for" if unit.mode == "execute_for" else "run" if unit.run else "next_batch"
    missing = missing_methods(source, called, bool(unit.variables))
    if missing:
        raise PlanError(
            f"pipeline {name!r} cannot be used: {type(source).__name__} has no method "
            f"{', '.join(missing)}; see research_experiment.pipelines.Pipeline for what a pipeline does",
            unit=name,
        )
    if called != "execute_for" and (reason := not_ready(source)) is not None:
        raise PlanError(f"pipeline {name!r} cannot be used: {reason}", unit=name)
    return unit


def is_generator_function(function: Any) -> bool:
    """Whether calling the function only makes a generator."""
    while isinstance(function, partial):
        function = function.func
    call = getattr(type(function), "__call__", None)  # noqa: B004 - its code is asked, not whether it exists
    return inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(call)
