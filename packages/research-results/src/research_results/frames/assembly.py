"""DataFrames of values, configs and files, built from columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from research_results.frames.columns import as_column, free_labels, make_series, repeat, text_column
from research_results.frames.layout import ConfigLayout
from research_results.reading.columns import Column
from research_results.reading.experiments import Experiments, Option
from research_results.reading.filters import Query
from research_results.reading.gather import Array, Ints, Segment, concatenated, gather, run_starts
from research_results.reading.joined import ahead
from research_results.reading.reader import Questions
from research_results.reading.selected import Selected

_MANY = 1000
"""Experiments from which on a thread is worth its start."""


class Field(NamedTuple):
    """A column of a frame."""

    name: str
    """What it shows: a column of ours, a parameter or a variable."""
    values: Any
    """As pandas keeps them."""
    is_ours: bool = True
    """Whether the name is ours and stays; parameters and variables of that name get a number."""


def results_frame(reader: Questions, wanted: Query, layout: ConfigLayout, *, pivot: bool) -> pd.DataFrame:
    """Return values as a frame: wide, or with columns ``name`` and ``value``."""
    with reader.selected(wanted) as selected:
        columns = selected.columns()
        owners, iterations, variables = (
            _wide_fields(columns, nullable=layout.nullable) if pivot else _long_fields(columns)
        )
        counts = np.bincount(owners, minlength=len(selected.experiments))
        left = config_fields(selected, layout, counts)
    return make_frame([*left, Field("iteration", iterations), *variables], len(owners))


def configs_frame(reader: Questions, wanted: Query, layout: ConfigLayout) -> pd.DataFrame:
    """Return a DataFrame with a row for each experiment and a column for each parameter."""
    with reader.selected(wanted) as selected:
        counts = np.ones(len(selected.experiments), np.int64)
        fields = config_fields(selected, layout, counts)
    return make_frame(fields, len(counts))


def artifacts_frame(reader: Questions, wanted: Query, layout: ConfigLayout) -> pd.DataFrame:
    """Return files as a frame, one row for each."""
    with reader.selected(wanted) as selected:
        found = selected.artifacts()
        counts = np.array([len(files) for files in found], np.int64)
        left = config_fields(selected, layout, counts)
    files = [artifact for artifacts in found for artifact in artifacts]
    once = np.ones(len(files), np.int64)
    fields = [
        Field("artifact_name", text_column([file.name for file in files], once)),
        Field("full_path", text_column([file.full_path for file in files], once)),
        Field("relative_path", text_column([file.relative_path for file in files], once)),
    ]
    return make_frame([*left, *fields], len(files))


def name_fields(experiments: Experiments, counts: Ints) -> list[Field]:
    """Return the id, behind the research if there are several, in frames that have so many rows of each."""
    ids = Field("id", text_column(experiments.ids, counts))
    if experiments.researches is None:
        return [ids]
    once = np.ones(len(experiments.labels), np.int64)
    labels = text_column(experiments.labels, once).take(np.repeat(experiments.researches, counts))
    return [Field("research", labels), ids]


def config_fields(selected: Selected, layout: ConfigLayout, counts: Ints) -> list[Field]:
    """Return the id and what describes the config in frames that have so many rows of each experiment.

    Values are repeated in threads while those of the next parameter are gathered.
    """
    if not layout.include_config:
        return name_fields(selected.experiments, counts)
    present = counts > 0
    coming: list[tuple[str, Callable[[], Any], bool]] = []
    with ThreadPoolExecutor(max_workers=2) as threads:
        begin = partial(ahead, threads, alone=len(counts) < _MANY)
        names = begin(partial(name_fields, selected.experiments, counts))
        table = selected.config_table()
        if layout.concat_config:
            coming.append(("config", begin(partial(text_column, table.strings(), counts)), True))
        for column in table.columns(layout.shows, by_alias=layout.use_alias):
            options, codes = _used(column.options, column.codes[present])
            if layout.use_alias:
                name, values = column.parameter.alias, np.array([each.alias for each in options], object)
            else:
                name, values = column.parameter.name, table.array(options)
            there = np.flatnonzero(codes >= 0)
            if len(there) == len(codes):
                shown = as_column(values)[codes]
            else:
                shown = _spread(len(codes), there, values[codes[there]], nullable=layout.nullable)
            whole = begin(partial(repeat, shown, counts[present]))
            coming.append((name, whole, column.parameter.is_auxiliary))
        return [*names(), *(Field(name, whole(), is_ours) for name, whole, is_ours in coming)]


def _spread(count: int, rows: Ints, values: Array, *, nullable: bool) -> Any:
    """Return values as pandas keeps them, in some of so many rows, which are sorted; the others have none."""
    if len(rows) == count:
        return as_column(values)
    if not nullable or values.dtype.kind not in "iu":
        return as_column(gather(count, [Segment(rows, values)]))
    whole: Any = np.zeros(count, values.dtype)
    missing = np.ones(count, np.bool_)
    whole[rows], missing[rows] = values, False
    return pd.arrays.IntegerArray(whole, missing)


def _used(options: Sequence[Option], codes: Ints) -> tuple[Sequence[Option], Ints]:
    """Return the options that are shown, and their indices; others are not decoded."""
    used = np.unique(codes[codes >= 0])
    if len(used) == len(options):
        return options, codes
    return [options[index] for index in used.tolist()], np.where(codes < 0, -1, np.searchsorted(used, codes))


def make_frame(fields: Sequence[Field], length: int) -> pd.DataFrame:
    """Return a frame of columns."""
    index = pd.RangeIndex(length)
    labels = free_labels([(field.name, field.is_ours) for field in fields])
    columns = {label: make_series(field.values, index) for label, field in zip(labels, fields, strict=True)}
    return pd.DataFrame(columns, index=index, copy=False)


def _wide_fields(columns: Mapping[str, Column], *, nullable: bool) -> tuple[Ints, Ints, list[Field]]:
    """Return experiment and iteration of each row, and one column for each variable.

    A row is an iteration in which some variable has a value; the others are missing there.
    """
    given = list(columns.values())
    if not given:
        empty = np.empty(0, np.int64)
        return empty, empty, []
    first = given[0]
    if all(first.same_rows(column) for column in given[1:]):
        fields = [Field(name, as_column(column.values), False) for name, column in columns.items()]
        return first.experiments, first.iterations, fields
    owners, iterations, rows = _union(given)
    fields = [
        Field(name, _spread(len(owners), own, column.values, nullable=nullable), False)
        for (name, column), own in zip(columns.items(), rows, strict=True)
    ]
    return owners, iterations, fields


def _union(columns: Sequence[Column]) -> tuple[Ints, Ints, list[Ints]]:
    """Return the rows that some column has, and for each column the rows of its values."""
    owners = np.concatenate([column.experiments for column in columns])
    iterations = np.concatenate([column.iterations for column in columns])
    order = np.lexsort((iterations, owners))
    sorted_owners, sorted_iterations = owners[order], iterations[order]
    new = run_starts(sorted_owners, sorted_iterations)
    row_of = np.empty(len(order), np.int64)
    row_of[order] = np.cumsum(new) - 1
    ends = np.cumsum([len(column.values) for column in columns])
    return sorted_owners[new], sorted_iterations[new], np.split(row_of, ends[:-1])


def _long_fields(columns: Mapping[str, Column]) -> tuple[Ints, Ints, list[Field]]:
    """Return experiment and iteration of each value, with columns of its variable's name and of itself."""
    given = list(columns.values())
    if not given:
        empty = np.empty(0, np.int64)
        return empty, empty, [Field("name", text_column((), empty)), Field("value", np.empty(0, np.float64))]
    counts = [len(column.values) for column in given]
    names = np.repeat(np.arange(len(given)), counts)
    owners = np.concatenate([column.experiments for column in given])
    iterations = np.concatenate([column.iterations for column in given])
    order = np.lexsort((names, iterations, owners))
    values = concatenated([column.values for column in given])[order]
    fields = [
        Field("name", text_column(tuple(columns), np.ones(len(columns), np.int64)).take(names[order])),
        Field("value", as_column(values)),
    ]
    return owners[order], iterations[order], fields
