"""Experiments that have the same config, but for some parameters: told apart by values, not by floats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain import AUXILIARY_KEYS
from research_results.errors import ArgumentError, UnknownParameterError
from research_results.reading.distinct import distinct_values, renumbered

if TYPE_CHECKING:
    from research_results.reading.configs import ConfigColumn, ConfigTable
    from research_results.reading.gather import Ints

__all__ = ["Groups", "find_parameter", "group_by", "group_experiments", "is_missing_auxiliary", "names_of"]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of experiments, in the order of their first ones.

    Attributes
    ----------
    columns : tuple of ConfigColumn
        The parameters that tell the groups apart.
    numbers : int64 array, length N
        The group of each experiment.
    first : int64 array, length G
        The first experiment of each group.
    """

    columns: tuple[ConfigColumn, ...]
    numbers: Ints
    first: Ints

    def __len__(self) -> int:
        return len(self.first)


def names_of(argument: str, given: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names that an argument gives: one, some, or none."""
    if given is None:
        return ()
    names: tuple[Any, ...] = (
        (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    )
    if not all(isinstance(name, str) for name in names):
        raise ArgumentError(argument, f"is the name of a parameter or a list of names, got {given!r}")
    return names


def group_experiments(
    table: ConfigTable, count: int, by: Sequence[str] | None, over: Sequence[str]
) -> Groups:
    """Group experiments by some parameters, or by all but some.

    Parameters
    ----------
    table : ConfigTable
        Configs of the experiments.
    count : int
        How many experiments there are.
    by : sequence of str or None
        Names, or aliases, of the parameters that tell groups apart; None for all that say what a config is.
    over : sequence of str
        Parameters that do not, if `by` is None.
    """
    columns = table.columns(lambda _: True)
    if by is not None:
        chosen = [find_parameter(name, columns) for name in by]
    else:
        left_out = [find_parameter(name, columns) for name in over if not is_missing_auxiliary(name, columns)]
        chosen = [
            column for column in columns if not column.parameter.is_auxiliary and column not in left_out
        ]
    return group_by(chosen, count)


def group_by(columns: Sequence[ConfigColumn], count: int) -> Groups:
    """Group so many experiments by some parameters."""
    keys = np.zeros(count, np.int64)
    for column in columns:
        numbers, options = distinct_values(column)
        keys = renumbered(keys * (len(options) + 1) + numbers + 1)
    _, first = np.unique(keys, return_index=True)
    return Groups(tuple(columns), keys, first)


def find_parameter(name: str, columns: Sequence[ConfigColumn]) -> ConfigColumn:
    """Return the parameter of a name, else that of an alias."""
    for field in ("name", "alias"):
        for column in columns:
            if getattr(column.parameter, field) == name:
                return column
    raise UnknownParameterError(name, tuple(column.parameter.name for column in columns))


def is_missing_auxiliary(name: str, columns: Sequence[ConfigColumn]) -> bool:
    """Whether a config need not have a parameter that is averaged over: the repetition, for one."""
    return name in AUXILIARY_KEYS and all(column.parameter.name != name for column in columns)
