"""Input of the answers: variables as numbers, configs in groups, and the failed experiments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from research_domain import ConfigAlias
from research_results.answers.groups import Groups, group_experiments
from research_results.answers.objectives import At, Objective, numbers_of, values_at
from research_results.errors import ArgumentError
from research_results.reading.columns import Column
from research_results.reading.configs import ConfigTable
from research_results.reading.experiments import RESEARCH, Experiments
from research_results.reading.filters import Query
from research_results.reading.gather import Array, Floats, Ints, Mask, take
from research_results.reading.reader import Questions
from research_results.reading.selected import Selected

_FAILED = "SELECT key FROM experiments WHERE status IN ('failed', 'lost')"


@dataclass(frozen=True, slots=True)
class StudyData:
    """Experiments with their variables and configs."""

    selected: Selected
    """What was read."""
    experiments: Experiments
    """The experiments, N of them."""
    columns: Mapping[str, Column]
    """The variables that are asked for, as far as there are values, without those of failed experiments."""
    table: ConfigTable
    groups: Groups
    """The experiments, grouped by config."""
    failed: Mask
    """Which of them have failed, or were interrupted; length N."""

    @property
    def failures(self) -> Ints:
        """How many experiments of each group have failed."""
        counts: Ints = np.bincount(self.groups.numbers[self.failed], minlength=len(self.groups))
        return counts

    def parameters(self, groups: Ints) -> list[tuple[str, Array]]:
        """Return the parameters that tell groups apart, each with its value in some groups."""
        first = self.groups.first[groups]
        return [
            (column.parameter.name, take(self.table.array(column.options), column.codes[first]))
            for column in self.groups.columns
        ]

    def finals(self, objective: Objective, at: At) -> tuple[Ints, Floats]:
        """Return the experiments that have a value of a variable, and the one that counts of each."""
        column = self.columns.get(objective.variable)
        if column is None:
            return np.empty(0, np.int64), np.empty(0)
        values = numbers_of(objective.variable, column)
        return values_at(objective, column, values, at)

    def config_of(self, group: int) -> ConfigAlias:
        """Return the config of a group, with only the parameters that define groups."""
        names = {column.parameter.name for column in self.groups.columns}
        config = self.table.config_of(int(self.groups.first[group]))
        return ConfigAlias([pair for pair in config.pairs if pair[0].value in names])

    def research_of(self, group: int) -> str | None:
        """Return the research of a group, if these are several and it tells groups apart."""
        experiments = self.experiments
        if experiments.researches is None or all(
            column.parameter is not RESEARCH for column in self.groups.columns
        ):
            return None
        return experiments.labels[int(experiments.researches[self.groups.first[group]])]


@contextmanager
def read_study(
    reader: Questions,
    wanted: Query,
    objectives: Sequence[Objective],
    by: Sequence[str] | None,
    over: Sequence[str],
) -> Iterator[StudyData]:
    """Read what an answer is made of; the values of configs can be asked for in the block."""
    if wanted.names is not None:
        raise ArgumentError("name", "variables are the first argument here; leave name= out")
    wanted = replace(wanted, names=tuple(objective.variable for objective in objectives))
    with reader.selected(wanted) as selected:
        experiments, columns, table = selected.experiments, selected.columns(), selected.config_table()
        failed = np.zeros(len(experiments), np.bool_)
        failed[selected.rows(_FAILED)[0]] = True
        groups = group_experiments(table, len(experiments), by, over)
        kept = {name: _without(column, failed) for name, column in columns.items()}
        yield StudyData(selected, experiments, kept, table, groups, failed)


def _without(column: Column, failed: Mask) -> Column:
    """Return a variable without the values of failed experiments."""
    kept = ~failed[column.experiments]
    if kept.all():
        return column
    return replace(
        column,
        experiments=column.experiments[kept],
        iterations=column.iterations[kept],
        values=column.values[kept],
    )
