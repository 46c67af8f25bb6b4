"""Sides of a comparison: their configs in one table, and what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from research_results.answers.comparison import Comparison
from research_results.answers.differences import Side, VariableOfConfigs
from research_results.answers.groups import group_by, told_apart
from research_results.answers.objectives import At, Mode, Objective, is_answered, parse_objectives
from research_results.answers.reading import StudyData, read_study
from research_results.answers.statistics import USUAL, statistics
from research_results.answers.surroundings import Facts, Row, code_rows, environment_rows
from research_results.errors import ArgumentError
from research_results.reading.configs import ConfigColumn
from research_results.reading.distinct import distinct_values
from research_results.reading.experiments import RESEARCH
from research_results.reading.gather import Ints
from research_results.reading.status import STATUSES
from research_results.reading.together import Member, ReaderOfSeveral


def sides_of(parts: Sequence[Member], experiment_ids: Sequence[str]) -> ReaderOfSeveral:
    """Return a reader of what is compared: some experiments of researches, or if none are given these.

    Less than two sides are refused, and an experiment that is in several researches.
    """
    whole = ReaderOfSeveral(tuple(parts))
    if not experiment_ids and len(parts) > 1:
        return whole
    if len(experiment_ids) < 2 or len(set(experiment_ids)) < len(experiment_ids):
        raise ArgumentError(
            "compare",
            f"takes the ids of at least two experiments, got {[*experiment_ids]}; "
            "researches are compared by compare('a', 'b')",
        )
    sides = []
    for name in experiment_ids:
        found = [
            (part, own)
            for part, ids in zip(parts, whole.ids_of(parts, [name]), strict=True)
            for own in ids or ()
        ]
        if len(found) > 1:
            raise ArgumentError(
                "compare", f"{name!r} is in several researches; say '{found[0][0].label}/{name}'"
            )
        ((part, own),) = found
        sides.append(part._replace(label=name, own=replace(part.own, ids=(own,))))
    return ReaderOfSeveral(tuple(sides))


def compare_sides(
    reader: ReaderOfSeveral,
    filters: Mapping[str, Any],
    variables: str | Sequence[str] | None,
    at: At,
    mode: Mode,
    over: Sequence[str],
) -> Comparison:
    """Compare what several readers find.

    Configs are the same if all parameters are equal but those that have one value on each side: these tell
    the sides apart, not the configs.
    """
    wanted, known = reader.query(filters), reader.variables()
    objectives = parse_objectives(variables or known, mode, known) if variables or known else ()
    with read_study(reader, wanted, objectives, (), ()) as study:
        experiments = study.experiments
        chosen = [part for part in reader.parts if part.label in experiments.labels]
        if len(chosen) < 2 or experiments.researches is None:
            raise ArgumentError("compare", "the filters leave less than two sides to be compared")
        sides, count = experiments.researches, len(chosen)
        columns = [
            column
            for column in study.table.columns(lambda parameter: parameter is not RESEARCH)
            if not column.parameter.is_auxiliary or column.parameter.name == "repetition"
        ]
        groups = group_by(_of_configs(columns, over, sides, count), len(experiments))
        study = replace(study, groups=groups)
        cells = groups.numbers * count + sides
        shape = (len(groups), count)
        found = [
            _variable(study, each, cells, shape, at, strict=variables is not None) for each in objectives
        ]
        if not isinstance(at, str) and all(each is None for each in found):
            raise ArgumentError("at", f"no variable has a value at iteration {at}")
        own_configs = [len(np.unique(groups.numbers[sides == side])) for side in range(count)]
        return Comparison(
            _sides(study, chosen, own_configs),
            Facts(
                [row for column in columns if (row := _values(column, sides, count)) is not None],
                code_rows(study.selected, chosen),
                environment_rows(study.selected, chosen),
            ),
            [variable for variable in found if variable is not None],
            np.bincount(cells[study.failed], minlength=len(groups) * count).reshape(shape),
            [study.config_of(group) for group in range(len(groups))],
            study.parameters(np.arange(len(groups))),
        )


def _values_on(column: ConfigColumn, sides: Ints, count: int) -> tuple[list[list[int]], list[str]]:
    """Return the numbers of a parameter's values on each side, -1 for none, and the texts of all."""
    numbers, options = distinct_values(column)
    own = [list(dict.fromkeys(numbers[sides == side].tolist())) for side in range(count)]
    return own, [option.alias for option in options]


def _of_configs(
    columns: Sequence[ConfigColumn], over: Sequence[str], sides: Ints, count: int
) -> list[ConfigColumn]:
    """Return the parameters that distinguish configs: those with several values on some side."""
    return [
        column
        for column in told_apart(columns, over)
        if any(len(each) > 1 for each in _values_on(column, sides, count)[0])
    ]


def _values(column: ConfigColumn, sides: Ints, count: int) -> Row | None:
    """Return the values of a parameter on each side if they differ; a side without experiments has none."""
    own, texts = _values_on(column, sides, count)
    if len({frozenset(numbers) for numbers in own if numbers}) < 2:
        return None
    cells = (
        () if numbers == [-1] else tuple(texts[each] if each >= 0 else "-" for each in numbers)
        for numbers in own
    )
    return column.parameter.name, tuple(cells)


def _variable(
    study: StudyData, objective: Objective, cells: Ints, shape: tuple[int, int], at: At, *, strict: bool
) -> VariableOfConfigs | None:
    """Return a variable in each config on each side; None without values, unless it is requested."""
    column = study.columns.get(objective.variable)
    if column is None or not (strict or is_answered(column, at)):
        return None
    owners, values = study.finals(objective, at)
    found = statistics(values, cells[owners], shape[0] * shape[1], USUAL)
    return VariableOfConfigs(objective.variable, *(found[name].reshape(shape) for name in USUAL))


def _sides(study: StudyData, parts: Sequence[Member], configs: Sequence[int]) -> list[Side]:
    """Return what the sides are."""
    owners, (statuses,) = study.selected.rows("SELECT key, status FROM experiments")
    researches = study.experiments.researches
    found = np.array(statuses, np.str_)
    sides = []
    for number, (part, count) in enumerate(zip(parts, configs, strict=True)):
        own = found[researches[owners] == number].tolist() if researches is not None else []
        counts = {str(status): own.count(status) for status in STATUSES if status in own}
        path = part.reader.path
        sides.append(Side(part.label, None if path is None else str(path), counts, count))
    return sides
