"""Groups of experiments with the same config apart from some parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from research_domain import AUXILIARY_KEYS
from research_results.errors import UnknownParameterError
from research_results.reading.configs import ConfigColumn, ConfigTable
from research_results.reading.distinct import distinct_values, renumbered
from research_results.reading.filters import texts_of
from research_results.reading.gather import Ints

__all__ = ["Groups", "averaged_over", "group_by", "group_experiments", "names_of"]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of experiments, in the order of their first ones."""

    columns: tuple[ConfigColumn, ...]
    """The parameters that tell the groups apart."""
    numbers: Ints
    """The group of each experiment; length N."""
    first: Ints
    """The first experiment of each group; length G."""

    def __len__(self) -> int:
        return len(self.first)


def names_of(argument: str, given: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names that an argument gives: one, some, or none."""
    return texts_of(argument, given, "the name of a parameter or a list of names") or ()


def group_experiments(
    table: ConfigTable, count: int, by: Sequence[str] | None, over: Sequence[str]
) -> Groups:
    """Group experiments by the parameters `by`; None stands for all that say what a config is, but `over`."""
    columns = table.columns(lambda _: True)
    if by is not None:
        chosen = [find_parameter(name, columns) for name in by]
    else:
        left_out = averaged_over(over, columns)
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
    found = [
        column for key in ("name", "alias") for column in columns if getattr(column.parameter, key) == name
    ]
    if not found:
        raise UnknownParameterError(name, tuple(column.parameter.name for column in columns))
    return found[0]


def averaged_over(names: Sequence[str], columns: Sequence[ConfigColumn]) -> list[ConfigColumn]:
    """Return parameters by name; auxiliary ones, as the repetition is, may be missing."""
    known = {column.parameter.name for column in columns}
    return [find_parameter(name, columns) for name in names if name in known or name not in AUXILIARY_KEYS]
