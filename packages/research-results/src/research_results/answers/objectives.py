"""Variables to compare experiments by: the smaller, or with a leading ``-`` the larger, the better."""

from __future__ import annotations

import decimal
import fractions
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from research_results.errors import ArgumentError, UnknownVariableError
from research_results.reading.columns import Column
from research_results.reading.gather import Array, Ints, Mask, run_starts

At: TypeAlias = "Literal['last', 'best'] | int"
Mode: TypeAlias = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A variable, and whether the larger values of it are the better ones."""

    variable: str
    maximize: bool

    def __str__(self) -> str:
        return f"-{self.variable}" if self.maximize else self.variable


def parse_objectives(
    given: str | Sequence[str], mode: Mode, variables: Sequence[str]
) -> tuple[Objective, ...]:
    """Parse objectives; a name with a leading ``-`` that is a variable is not negated."""
    if mode not in ("min", "max"):
        raise ArgumentError("mode", f"is 'min' or 'max', got {mode!r}")
    names: list[Any] = (
        [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else []
    )
    if not names or not all(isinstance(name, str) for name in names):
        raise ArgumentError("objective", f"is the name of a variable or a list of names, got {given!r}")
    objectives = tuple(_parse(name, mode, variables) for name in names)
    if len({objective.variable for objective in objectives}) < len(objectives):
        raise ArgumentError("objective", f"names a variable twice: {given!r}")
    return objectives


def _parse(name: str, mode: Mode, variables: Sequence[str]) -> Objective:
    if name in variables:
        return Objective(name, mode == "max")
    variable = name.removeprefix("-")
    if variable not in variables:
        raise UnknownVariableError(variable, tuple(variables))
    return Objective(variable, maximize=name.startswith("-") or mode == "max")


def check_at(at: At) -> At:
    """Refuse what says no iteration."""
    is_number = isinstance(at, int | np.integer) and not isinstance(at, bool) and at >= 0
    if not is_number and at not in ("last", "best"):
        raise ArgumentError("at", f"is 'last', 'best' or an iteration, got {at!r}")
    return at


def numbers_of(variable: str, column: Column) -> Array:
    """Return the values of a variable as floats."""
    values = as_floats(column.values)
    if values is None:
        raise ArgumentError("variables", f"{variable!r} has values that are not a number")
    return values


def values_at(objective: Objective, column: Column, values: Array, at: At) -> tuple[Ints, Array]:
    """Return experiments, and one value of each: its last or best one, or that of an iteration.

    A NaN is the best value only where there is nothing else. An iteration without any value is refused.
    """
    owners = column.experiments
    if not isinstance(at, str):
        if not is_reached(column, at):
            last = int(column.iterations.max())
            raise ArgumentError(
                "at", f"no value of {objective.variable!r} is of iteration {at}; the last one is of {last}"
            )
        there: Mask = column.iterations == at
        return owners[there], values[there]
    if not len(owners):
        return owners, values
    begins = np.flatnonzero(run_starts(owners))
    if at == "last":
        return owners[begins], values[np.r_[begins[1:], len(owners)] - 1]
    best: Any = np.fmax if objective.maximize else np.fmin
    return owners[begins], best.reduceat(values, begins)


def is_reached(column: Column, at: At | None) -> bool:
    """Tell whether some value counts, as far as `at` decides on it."""
    return not isinstance(at, int | np.integer) or not len(column.iterations) or at in column.iterations


def is_answered(column: Column | None, at: At | None) -> bool:
    """Tell whether a variable that was not requested has numbers to compare."""
    return column is not None and as_floats(column.values) is not None and is_reached(column, at)


_NUMBERS = (int, float, np.bool_, np.integer, np.floating, decimal.Decimal, fractions.Fraction)


def as_floats(values: Array) -> Array | None:
    """Return numbers as floats, with NaN for missing values; None if there are other values."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if values.dtype.kind != "O":
        return None
    numbers = [_as_float(value) for value in values]
    if None in numbers or all(value is None for value in values):
        return None
    return np.array(numbers, np.float64)


def _as_float(value: Any) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, np.timedelta64) or not isinstance(value, _NUMBERS):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a signalling NaN
        return math.nan
