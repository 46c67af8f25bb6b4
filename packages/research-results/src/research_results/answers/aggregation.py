"""Mean, spread and counts over repetitions, as DataFrames: curves and final values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from research_results.answers.objectives import At, Objective, is_answered, numbers_of
from research_results.answers.reading import StudyData, read_study
from research_results.answers.statistics import statistics
from research_results.errors import ArgumentError
from research_results.frames.assembly import Field, make_frame
from research_results.frames.columns import as_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from research_results.reading.filters import Query
    from research_results.reading.gather import Array, Ints
    from research_results.reading.reader import Questions


def aggregate_frame(
    reader: Questions,
    wanted: Query,
    objectives: Sequence[Objective],
    by: Sequence[str] | None,
    over: Sequence[str],
    stats: Sequence[str],
    at: At | None,
    *,
    prefixed: bool,
    strict: bool,
) -> pd.DataFrame:
    """Return statistics of variables for each group of configs, and for each iteration if `at` is None.

    Unless `strict`, variables that are no numbers are left out.
    """
    with read_study(reader, wanted, objectives, by, over) as study:
        if not strict:
            objectives = [each for each in objectives if is_answered(study.columns.get(each.variable), at)]
            if not objectives:
                raise ArgumentError("variables", "none is a number with a value")
        points = [_points(study, objective, at) for objective in objectives]
        rows, iterations, positions = _rows(study, [(rows, steps) for rows, steps, _ in points], at)
        of_groups = parameter_fields(study.parameters(np.arange(len(study.groups))))
        fields = [field._replace(values=field.values.take(rows)) for field in of_groups]
        if at is None:
            fields.append(Field("iteration", iterations))
        for objective, own, (_, _, values) in zip(objectives, positions, points, strict=True):
            prefix = f"{objective.variable}_" if prefixed else ""
            found = statistics(values, own, len(rows), stats)
            fields += [Field(f"{prefix}{name}", column) for name, column in found.items()]
        fields.append(Field("failed", study.failures[rows]))
        return make_frame(fields, len(rows))


def parameter_fields(parameters: Iterable[tuple[str, Array]]) -> list[Field]:
    """Return parameters as columns of a frame, with the types of their values."""
    return [Field(name, as_column(values), False) for name, values in parameters]


def _points(study: StudyData, objective: Objective, at: At | None) -> tuple[Ints, Ints, Array]:
    """Return group, iteration and value of each value to be averaged; all iterations are 0 unless wanted."""
    if at is not None:
        owners, values = study.finals(objective, at)
        return study.groups.numbers[owners], np.zeros(len(owners), np.int64), values
    column = study.columns.get(objective.variable)
    if column is None:
        nothing = np.empty(0, np.int64)
        return nothing, nothing, np.empty(0, np.float64)
    values = numbers_of(objective.variable, column)
    return study.groups.numbers[column.experiments], column.iterations, values


def _rows(
    study: StudyData, points: Sequence[tuple[Ints, Ints]], at: At | None
) -> tuple[Ints, Ints, list[Ints]]:
    """Return group and iteration of each row, and for each variable the rows of its values.

    Final values have a row for each group, also if all of it has failed; curves only where there is a value.
    """
    if at is not None:
        every = np.arange(len(study.groups))
        return every, np.zeros(len(every), np.int64), [groups for groups, _ in points]
    steps = np.concatenate([iterations for _, iterations in points])
    lowest = int(steps.min()) if len(steps) else 0
    span = int(steps.max()) - lowest + 1 if len(steps) else 1
    keys = [groups * span + (iterations - lowest) for groups, iterations in points]
    present, positions = _numbered(keys, len(study.groups) * span)
    return present // span, present % span + lowest, positions


def _numbered(keys: Sequence[Ints], limit: int) -> tuple[Ints, list[Ints]]:
    """Return the keys that occur, sorted, and for each sequence of keys the index of each."""
    count = sum(len(own) for own in keys)
    if limit > 8 * count + 1000:  # few of the possible keys occur: sort them
        present = np.unique(np.concatenate(keys))
        return present, [np.searchsorted(present, own) for own in keys]
    occurs = np.zeros(limit, np.bool_)
    for own in keys:
        occurs[own] = True
    index = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs), [index[own] for own in keys]
