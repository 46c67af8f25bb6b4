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
    """Group experiments by the parameters `by`; None for all except auxiliary ones and `over`."""
    columns = table.columns(lambda _: True)
    if by is None:
        return group_by(told_apart(columns, over), count)
    return group_by([find_parameter(name, columns) for name in by], count)


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


def told_apart(columns: Sequence[ConfigColumn], over: Sequence[str]) -> list[ConfigColumn]:
    """Return the parameters that tell groups apart: what says what a config is, and repetitions, but `over`.

    Auxiliary parameters in `over`, as the repetition is, may be missing.
    """
    known = {column.parameter.name for column in columns}
    left_out = [find_parameter(name, columns) for name in over if name in known or name not in AUXILIARY_KEYS]
    return [
        column
        for column in columns
        if column not in left_out and (not column.parameter.is_auxiliary or _is_repeated(column))
    ]


def _is_repeated(column: ConfigColumn) -> bool:
    """Tell whether a parameter is the repetition, and there are several."""
    return column.parameter.name == "repetition" and len(np.unique(distinct_values(column)[0])) > 1
