"""Selected experiments: those that a filter lets through, read while their tables are open."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any, TypeAlias

import numpy as np

from research_results.disk.curation import Remarks
from research_results.reading.artifacts import Artifact, artifacts_of
from research_results.reading.at_once import ExperimentRows, read_rows
from research_results.reading.columns import Column, read_columns
from research_results.reading.configs import ConfigTable
from research_results.reading.exact import read_values
from research_results.reading.experiments import Experiments
from research_results.reading.filters import Query
from research_results.reading.gather import Ints, concatenated
from research_results.reading.rows import columns_of
from research_results.reading.source import Source
from research_results.reading.variables import (
    check_variables,
    chosen_variables,
    is_wanted,
    known_variables,
    numbers_of_variables,
)


class _Checked(ABC):
    """Experiments whose variables are read after the requested ones have been checked."""

    __slots__ = ()
    wanted: Query

    def columns(self) -> dict[str, Column]:
        """Return a column for each variable that is wanted and has values."""
        check_variables(self.wanted, self.variables())
        return self._columns()

    def values(self) -> list[dict[str, dict[int, Any]]]:
        """Return for each experiment variable to iteration to value, exactly as they were put."""
        check_variables(self.wanted, self.variables())
        return self._values()

    @abstractmethod
    def variables(self) -> tuple[str, ...]: ...
    @abstractmethod
    def _columns(self) -> dict[str, Column]: ...
    @abstractmethod
    def _values(self) -> list[dict[str, dict[int, Any]]]: ...


@dataclass(frozen=True, slots=True)
class SelectedHere(_Checked):
    """Experiments of one research, in order."""

    experiments: Experiments
    wanted: Query
    """Which variables and iterations are wanted."""
    connection: sqlite3.Connection
    source: Source
    """Where large values and files are."""

    def variables(self) -> tuple[str, ...]:
        """Return the names of all variables, in the order of their first appearance."""
        return known_variables(self.connection)

    def config_table(self) -> ConfigTable:
        """Return the configs, to be asked for columns or texts."""
        return ConfigTable.read(self.connection, self.source, self.experiments)

    def rows(self, sql: str) -> tuple[Ints, list[list[Any]]]:
        """Return the rows of a statement whose first column is the key of an experiment, column by column.

        The first column becomes the index of the experiment; rows of others are left out.
        """
        keys, *others = columns_of(self.connection.execute(sql))
        own = self.experiments.keys.tolist()
        if keys == own:
            return np.arange(len(keys)), others
        index_of = dict(zip(own, range(len(own)), strict=True))
        found = [index_of.get(key, -1) for key in keys]
        if -1 in found:
            kept = [index >= 0 for index in found]
            found, others = list(compress(found, kept)), [list(compress(each, kept)) for each in others]
        return np.array(found, np.int64), others

    def table(self, numbers: Mapping[str, type[float]], texts: Mapping[str, str]) -> ExperimentRows:
        """Return the row of each experiment; parameters as those of `read_rows`."""
        return read_rows(self.connection, numbers, texts).of(self.experiments.keys)

    def rows_of(self, index: int, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that takes the key of one experiment."""
        return self.connection.execute(sql, (int(self.experiments.keys[index]),)).fetchall()

    def artifacts(self) -> list[list[Artifact]]:
        """Return for each experiment the files that it left, of the names that are wanted."""
        names: Collection[str] | None = None if self.wanted.names is None else set(self.wanted.names)
        return [artifacts_of(self.source, name, names) for name in self.experiments.ids]

    def remarks(self) -> list[Remarks | None]:
        """Return what people have said of each experiment."""
        said = self.source.curation.read().experiments
        return [said.get(name) for name in self.experiments.ids] if said else [None] * len(self.experiments)

    def _columns(self) -> dict[str, Column]:
        names = chosen_variables(self.connection, self.wanted.names)
        columns = read_columns(
            self.connection,
            self.experiments,
            numbers_of_variables(names, self.wanted),
            self.source,
            names=names,
            iterations=self.wanted.iterations,
            allow_pickle=self.source.trusted,
        )
        return {
            names[number]: column
            for number, column in columns.items()
            if is_wanted(number, names, self.wanted)
        }

    def _values(self) -> list[dict[str, dict[int, Any]]]:
        return read_values(self.connection, self.source, self.experiments, self.wanted)


@dataclass(frozen=True, slots=True)
class SelectedTogether(_Checked):
    """Experiments of several researches, one after another."""

    experiments: Experiments
    wanted: Query
    """As of `Selected`."""
    parts: tuple[SelectedHere, ...]
    """Those of each research."""

    def variables(self) -> tuple[str, ...]:
        """Return the names of all variables of all researches."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.variables()))

    def config_table(self) -> ConfigTable:
        """Return the configs; of which research they are is their first column."""
        return ConfigTable.together(self.experiments, [part.config_table() for part in self.parts])

    def rows(self, sql: str) -> tuple[Ints, list[list[Any]]]:
        """Return rows with the index of the experiment of each."""
        found = [part.rows(sql) for part in self.parts]
        indices = [begin + own for begin, (own, _) in zip(self._begins, found, strict=True)]
        others = [
            list(chain.from_iterable(own)) for own in zip(*(columns for _, columns in found), strict=True)
        ]
        return np.concatenate(indices), others

    def table(self, numbers: Mapping[str, type[float]], texts: Mapping[str, str]) -> ExperimentRows:
        """Return the row of each experiment of each research."""
        return ExperimentRows.together([part.table(numbers, texts) for part in self.parts])

    def rows_of(self, index: int, sql: str) -> list[tuple[Any, ...]]:
        """Return rows about one experiment."""
        number = int(np.searchsorted(self._begins, index, "right")) - 1
        return self.parts[number].rows_of(index - self._begins[number], sql)

    def artifacts(self) -> list[list[Artifact]]:
        """Return the files of each experiment."""
        return [files for part in self.parts for files in part.artifacts()]

    def remarks(self) -> list[Remarks | None]:
        """Return what people have said of each experiment."""
        return [said for part in self.parts for said in part.remarks()]

    @property
    def _begins(self) -> list[int]:
        """Index of the first experiment of each research."""
        counts = [len(part.experiments) for part in self.parts]
        return [sum(counts[:number]) for number in range(len(counts))]

    def _columns(self) -> dict[str, Column]:
        found = [part._columns() for part in self.parts]
        return {
            name: _joined(
                [(begin, own[name]) for begin, own in zip(self._begins, found, strict=True) if name in own]
            )
            for name in self.variables()
            if any(name in own for own in found)
        }

    def _values(self) -> list[dict[str, dict[int, Any]]]:
        return [values for part in self.parts for values in part._values()]


Selected: TypeAlias = SelectedHere | SelectedTogether
"""What a reader of one research or of several opens for one question."""


def _joined(columns: Sequence[tuple[int, Column]]) -> Column:
    """Return a variable of several researches, each with the index of its first experiment."""
    return Column(
        np.concatenate([begin + column.experiments for begin, column in columns]),
        np.concatenate([column.iterations for _, column in columns]),
        concatenated([column.values for _, column in columns]),
    )
