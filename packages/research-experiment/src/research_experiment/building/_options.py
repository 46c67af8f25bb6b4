"""Options of units and instances, which may clash with arguments of functions."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from research_experiment.errors import PlanError, shorten
from research_experiment.expressions.named import Expression


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """Options of a unit that is called, as they were given; see `ExperimentBuilder.add_executable_unit`."""

    when: Any = 1
    save_to: Any = None
    dump: Any = None
    root: Any = False
    save_output_dict: Any = False
    timeout: Any = None

    def given(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        options = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {
            name: value
            for name, (value, default) in options.items()
            if value is not default and not (type(value) is type(default) and value == default)
        }


def take_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Split keywords into options of a unit and arguments of its function."""
    return {name: kwargs.pop(name) for name in ("root", "save_output_dict", "timeout") if name in kwargs}


def way_out(name: str, value: Any) -> str:
    """Return how an argument of a function is given that is called like an option."""
    shown = shorten(repr(value), 60)
    return f"if its function has an argument of that name, give it as kwargs={{{name!r}: {shown}}}"


@contextlib.contextmanager
def explaining(name: str, value: Any) -> Iterator[None]:
    """Say in the error about an option of a unit how an argument of its name is given."""
    try:
        yield
    except PlanError as error:
        raise PlanError(f"{error}; {way_out(name, value)}", unit=error.unit) from error.__cause__


def check_options(
    unit: str, function: Any, args: Any, spread: Any, options: Mapping[str, Any], *, taken: int = 0
) -> None:
    """Refuse options that are, or may be, meant for the function.

    `args` and `spread` are its positional arguments and what ``kwargs=`` gives; `taken` counts the positional
    arguments that nobody gives, such as ``self``.
    """
    for name, value in options.items():
        if isinstance(value, Expression):
            raise PlanError(
                f"{name} of unit {unit!r} is an option of the unit and no named expression, got {value!r}; "
                f"{way_out(name, value)}",
                unit=unit,
            )
    signature = signature_of(function)
    if signature is None or isinstance(args, Expression) or isinstance(spread, Expression):
        return
    unfilled = list(signature.parameters.values())[taken + len(args or ()) :]
    names = {parameter.name for parameter in unfilled if parameter.kind in _BY_NAME} - set(spread or ())
    for name, value in options.items():
        if name in names:
            raise PlanError(
                f"{name}={shorten(repr(value), 60)} of unit {unit!r} is an option of the unit, and its "
                f"function has an argument {name!r}, too; give the function its own by "
                f"kwargs={{{name!r}: ...}}",
                unit=unit,
            )


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_flags(unit: str, **flags: Any) -> None:
    """Refuse anything but bools."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            shown = shorten(repr(value), 60)
            raise PlanError(
                f"{name} of unit {unit!r} is True or False, got {shown}; {way_out(name, value)}", unit=unit
            )


def check_values(pipeline: str, **options: Any) -> None:
    """Refuse named expressions as options of a pipeline; they were meant for its config."""
    for name, value in options.items():
        if isinstance(value, Expression):
            raise PlanError(
                f"{name} of pipeline {pipeline!r} is an option and no named expression, got {value!r}; "
                "what its config has under that name comes from the config of the experiment",
                unit=pipeline,
            )


def signature_of(function: Any) -> inspect.Signature | None:
    """Return the signature where it can be trusted: of plain functions, methods and classes."""
    plain = function.func if isinstance(function, partial) else function
    if type(plain) is type and inspect.getattr_static(plain, "__new__") is object.__dict__["__new__"]:
        plain = inspect.getattr_static(plain, "__init__")  # nothing else has a say in the arguments
    if not (inspect.isfunction(plain) or inspect.ismethod(plain)):
        return None
    return inspect.signature(function, follow_wrapped=False)
