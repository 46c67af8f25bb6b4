"""Data of pictures: variables as numbers, and configs grouped by repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from research_results.answers.groups import group_by, told_apart
from research_results.answers.importances import Effect, Levels, explained
from research_results.answers.objectives import (
    At,
    Mode,
    Objective,
    as_floats,
    is_reached,
    numbers_of,
    parse_objectives,
    values_at,
)
from research_results.answers.reading import StudyData, read_study
from research_results.answers.statistics import statistics
from research_results.errors import ArgumentError
from research_results.plotting.factors import Factor
from research_results.plotting.texts import shortened
from research_results.reading.columns import Column
from research_results.reading.configs import ConfigColumn, ConfigTable
from research_results.reading.distinct import different, distinct_values
from research_results.reading.experiments import Option
from research_results.reading.filters import Query
from research_results.reading.gather import Floats, Ints, run_starts
from research_results.reading.reader import Questions

Band: TypeAlias = Literal["std", "sem", "min-max"]

_LONG_NUMBER = 8
BANDS = ("std", "sem", "min-max")


@dataclass(frozen=True, slots=True)
class Points:
    """Means over repetitions, sorted by config and iteration, without NaN."""

    configs: Ints
    iterations: Ints
    """Number of the config, and iteration; length P."""
    mean: Floats
    low: Floats
    high: Floats
    """The mean, and the ends of the band around it; NaN where there is none; length P."""

    def of(self, config: int) -> slice:
        """Return where the points of a config are."""
        begin, end = np.searchsorted(self.configs, [config, config + 1]).tolist()
        return slice(begin, end)


@dataclass(frozen=True, slots=True)
class Measure:
    """A variable as numbers."""

    objective: Objective
    """Its name, and whether the larger values are the better ones."""
    column: Column
    """Its values as they were read."""
    values: Floats
    """These values as floats."""
    config_of: Ints
    """Number of the config of each experiment."""

    @property
    def name(self) -> str:
        """The name of the variable."""
        return self.objective.variable

    @property
    def has_curves(self) -> bool:
        """Whether some experiment has more than one value."""
        owners = self.column.experiments
        return bool((owners[1:] == owners[:-1]).any())

    def curves(self, band: Band | None) -> Points:
        """Return means in each iteration."""
        return _points(self.config_of[self.column.experiments], self.column.iterations, self.values, band)

    def finals(self, at: At) -> tuple[Ints, Floats]:
        """Return the config and the value that counts of each experiment that has one."""
        owners, values = values_at(self.objective, self.column, self.values, at)
        return self.config_of[owners], values

    def final_means(self, at: At, band: Band | None) -> Points:
        """Return means of the values that count."""
        configs, values = self.finals(at)
        return _points(configs, np.zeros(len(configs), np.int64), values, band)


@dataclass(frozen=True, slots=True)
class PlotData:
    """What a picture is drawn from."""

    measures: tuple[Measure, ...]
    """The variables to draw."""
    factors: tuple[Factor, ...]
    """The parameters that tell configs apart."""
    averaged: tuple[str, ...] = ()
    """Others that vary, and are averaged over because one curve was asked for."""

    @property
    def note(self) -> str:
        """The note in the legend about parameters that are averaged over by default."""
        return f"mean over {', '.join(map(shortened, self.averaged))}" if self.averaged else ""

    def reaching(self, at: At) -> PlotData:
        """Leave out the variables without a value that counts, unless none has one."""
        kept = tuple(measure for measure in self.measures if is_reached(measure.column, at))
        return replace(self, measures=kept or self.measures)

    def varying(self, drawn: Ints) -> list[Factor]:
        """Return the parameters that distinguish the configs that are drawn."""
        return [factor for factor in self.factors if len(np.unique(factor.codes[drawn])) > 1]


def find_factor(argument: str, name: str, factors: Sequence[Factor]) -> Factor:
    """Return the parameter of a name, else that of an alias."""
    found = [factor for factor in factors if factor.name == name]
    found = found or [factor for factor in factors if factor.alias == name]
    if not found:
        known = [factor.alias for factor in factors]
        raise ArgumentError(argument, f"no parameter {name!r}; there are {known}")
    return found[0]


def drawn_configs(points: Sequence[Points]) -> Ints:
    """Return the configs that have something to draw, of which there has to be one."""
    drawn = np.unique(np.concatenate([each.configs for each in points]))
    if not len(drawn):
        raise ArgumentError("variables", "every mean has a NaN among its values; there is nothing to draw")
    return drawn


def read_plot_data(
    reader: Questions,
    wanted: Query,
    variables: str | Sequence[str] | None,
    mode: Mode,
    over: Sequence[str],
    named: Sequence[tuple[str, str]],
) -> PlotData:
    """Read the experiments of a filter as data of pictures; arguments as in `plot`.

    `named` are pairs of an argument and a parameter that it names; these parameters are not averaged over.
    """
    objectives = _objectives(reader, variables, mode)
    with read_study(reader, wanted, objectives, (), ()) as study:
        chosen, averaged = _choose(study.table, over, named)
        config_of = group_by(chosen, len(study.experiments)).numbers
        measures = [
            measure
            for objective in objectives
            if (measure := _measure(study, objective, config_of, strict=variables is not None))
        ]
        if not measures:
            known = [objective.variable for objective in objectives]
            raise ArgumentError(
                "variables", f"none of {known} is a number with a value; there is nothing to draw"
            )
        _, first = np.unique(config_of, return_index=True)
        factors = tuple(_factor(column, study.table, first) for column in chosen)
    return PlotData(tuple(measures), factors, tuple(column.parameter.alias for column in averaged))


def _objectives(
    reader: Questions, variables: str | Sequence[str] | None, mode: Mode
) -> tuple[Objective, ...]:
    known = reader.variables()
    if variables is None and not known:
        raise ArgumentError("variables", "nothing has been saved yet; there is nothing to draw")
    return parse_objectives(known if variables is None else variables, mode, known)


def _measure(study: StudyData, objective: Objective, config_of: Ints, *, strict: bool) -> Measure | None:
    """Return a variable as numbers; None for one that is not, or has no value, unless it was asked for."""
    column = study.columns.get(objective.variable)
    if column is None or not len(column.values):
        if strict:
            raise ArgumentError(
                "variables",
                f"{objective.variable!r} has no value in the experiments that are chosen and did not fail",
            )
        return None
    if not strict and as_floats(column.values) is None:
        return None
    return Measure(objective, column, numbers_of(objective.variable, column), config_of)


def _choose(
    table: ConfigTable, over: Sequence[str], named: Sequence[tuple[str, str]]
) -> tuple[list[ConfigColumn], list[ConfigColumn]]:
    """Return the parameters that distinguish configs, and other ones that vary, except `over`.

    These are all that say what a config is; but if those that are named for colours have one value each, one
    colour was asked for: the mean of all.
    """
    columns = table.columns(lambda _: True)

    def is_in(column: ConfigColumn, names: Sequence[str]) -> bool:
        return column.parameter.name in names or column.parameter.alias in names

    for argument, name in [*named, *(("over", name) for name in over if name != "repetition")]:
        if not any(is_in(column, [name]) for column in columns):
            known = [column.parameter.alias for column in columns]
            raise ArgumentError(argument, f"no parameter {name!r}; there are {known}")
    wanted = [column for column in columns if is_in(column, [name for _, name in named])]
    every = told_apart(columns, over)
    if wanted and {argument for argument, _ in named} == {"by"} and all(map(_is_one, wanted)):
        return wanted, [column for column in every if column not in wanted and not _is_one(column)]
    return [column for column in columns if column in wanted or column in every], []


def _is_one(column: ConfigColumn) -> bool:
    """Tell whether a parameter has one value."""
    return len(np.unique(distinct_values(column)[0])) == 1


def _factor(column: ConfigColumn, table: ConfigTable, first: Ints) -> Factor:
    """Return a parameter with a number and a label for each of its values that differ."""
    codes, options = distinct_values(column)
    parameter = column.parameter
    values = table.array(options)
    numbers = as_floats(values)
    if values.dtype.kind == "b" or any(isinstance(value, bool) or value is None for value in values.tolist()):
        numbers = None
    if numbers is not None and not np.isfinite(numbers).all():
        numbers = None
    labels = tuple(different([shortened(text) for text in _texts(options, numbers)]))
    return Factor(parameter.name, parameter.alias, codes[first], labels, numbers)


def _texts(options: Sequence[Option], numbers: Floats | None) -> list[str]:
    """Return what values are called: long numbers by four digits, if these tell them apart."""
    texts = [option.alias for option in options]
    if numbers is None or max(map(len, texts), default=0) <= _LONG_NUMBER:
        return texts
    short = [f"{number:.4g}" for number in numbers.tolist()]
    is_named = any(text != repr(number) for text, number in zip(texts, numbers.tolist(), strict=True))
    return texts if is_named or len(set(short)) < len(short) else short


def _points(configs: Ints, iterations: Ints, values: Floats, band: Band | None) -> Points:
    """Average values of equal configs and iterations."""
    order = np.lexsort((iterations, configs))
    configs, iterations, values = configs[order], iterations[order], values[order]
    begins = run_starts(configs, iterations)
    groups = np.cumsum(begins) - 1
    names = ["mean", "min", "max"] if band == "min-max" else ["mean", band or "std"]
    found = statistics(values, groups, int(begins.sum()), names)
    mean = found["mean"]
    kept = ~np.isnan(mean)
    with np.errstate(invalid="ignore"):
        if band == "min-max":
            low, high = found["min"], found["max"]
        else:
            half = found[band] if band else np.full(len(mean), np.nan)
            low, high = mean - half, mean + half
    return Points(configs[begins][kept], iterations[begins][kept], mean[kept], low[kept], high[kept])


def importances_of(data: PlotData, measure: Measure, at: At) -> list[Effect]:
    """Return the shares of the variance that parameters explain; values that are not finite are left out."""
    configs, values = measure.finals(at)
    finite = np.isfinite(values)
    configs, values = configs[finite], values[finite]
    factors = data.varying(configs)
    if not factors:
        raise ArgumentError("variables", f"no parameter varies where {measure.name!r} has values")
    levels = [Levels(factor.alias, factor.codes[configs], factor.numbers) for factor in factors]
    return explained(levels, values)
