"""DataFrames of values, configs and files, built from columns."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from research_results.reading.artifacts import artifacts_of
from research_results.reading.columns import Column
from research_results.reading.gather import Array, Part, gather, take

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from research_results.frames.layout import ConfigLayout
    from research_results.reading.configs import ConfigColumn
    from research_results.reading.experiments import Experiments
    from research_results.reading.filters import Query
    from research_results.reading.gather import Ints
    from research_results.reading.reader import Reader

_INFERRED = {
    *(str, float, datetime.datetime, datetime.timedelta),
    *(pd.Timestamp, pd.Timedelta, np.datetime64, np.timedelta64),
}

__all__ = ["artifacts_frame", "configs_frame", "results_frame"]


def results_frame(reader: Reader, wanted: Query, layout: ConfigLayout, *, pivot: bool) -> pd.DataFrame:
    """Return values as a frame: wide, or with columns ``name`` and ``value``."""
    with reader.selected(wanted) as (connection, experiments):
        columns = reader.columns(connection, experiments, wanted)
        shape = _wide_columns if pivot else _long_columns
        owners, iterations, variables = shape(columns)
        counts = np.bincount(owners, minlength=len(experiments))
        configs = _config_columns(reader, connection, experiments, layout, counts)
    left = [("id", _labels(experiments.ids, counts)), *configs, ("iteration", iterations)]
    return _frame([*left, *variables], len(owners))


def configs_frame(reader: Reader, wanted: Query, layout: ConfigLayout) -> pd.DataFrame:
    """Return configs as a frame."""
    with reader.selected(wanted) as (connection, experiments):
        counts = np.ones(len(experiments), np.int64)
        configs = _config_columns(reader, connection, experiments, layout, counts)
    return _frame([("id", _labels(experiments.ids, counts)), *configs], len(counts))


def artifacts_frame(reader: Reader, wanted: Query, layout: ConfigLayout) -> pd.DataFrame:
    """Return files as a frame, one row for each."""
    names = None if wanted.names is None else set(wanted.names)
    with reader.selected(wanted) as (connection, experiments):
        found = [artifacts_of(reader.source, name, names) for name in experiments.ids]
        counts = np.array([len(files) for files in found], np.int64)
        configs = _config_columns(reader, connection, experiments, layout, counts)
    files = [artifact for artifacts in found for artifact in artifacts]
    once = np.ones(len(files), np.int64)
    columns = [
        ("artifact_name", _labels([file.name for file in files], once)),
        ("full_path", _labels([file.full_path for file in files], once)),
        ("relative_path", _labels([file.relative_path for file in files], once)),
    ]
    left = [("id", _labels(experiments.ids, counts)), *configs]
    return _frame([*left, *columns], len(files))


def _config_columns(
    reader: Reader,
    connection: sqlite3.Connection,
    experiments: Experiments,
    layout: ConfigLayout,
    counts: Ints,
) -> list[tuple[str, Any]]:
    """Return the columns that describe configs in frames that have so many rows of each experiment."""
    if not layout.include_config:
        return []
    table = reader.config_table(connection, experiments)
    columns: list[tuple[str, Any]] = []
    if layout.concat_config:
        texts = table.strings(auxiliary=not layout.remove_auxilary)
        columns.append(("config", _labels(texts, counts)))
    if not (layout.concat_config and layout.drop_columns):
        found = table.columns(use_alias=layout.use_alias, auxiliary=not layout.remove_auxilary)
        columns += _parameters(found, counts)
    return columns


def _frame(columns: Sequence[tuple[str, Any]], length: int) -> pd.DataFrame:
    """Return a frame of columns; of two with one name the later one gets a suffix."""
    taken: dict[str, Any] = {}
    for name, values in columns:
        taken[_free(name, taken)] = values
    index = pd.RangeIndex(length)
    try:
        return pd.DataFrame(taken, index=index, copy=False)
    except UnicodeEncodeError:  # of objects it makes strings if it can; a series it leaves as it is
        kept = {name: pd.Series(values, index, dtype=values.dtype) for name, values in taken.items()}
        return pd.DataFrame(kept, index=index, copy=False)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    free, number = name, 1
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free


def _series(values: Array) -> Any:
    """Return an array as pandas keeps it: objects of one simple type become a column of that type."""
    if values.dtype.kind != "O":
        return values
    kinds = {type(value) for value in values if not _is_gap(value)}
    column = pd.Series(values, dtype=object)
    if len(kinds) != 1 or not kinds <= _INFERRED:
        return column.array
    try:
        return column.infer_objects().array
    except UnicodeEncodeError:  # half a surrogate pair, which Python allows in a string and Arrow does not
        return column.array


def _is_gap(value: Any) -> bool:
    return value is None or (type(value) is float and value != value)


def _labels(texts: Sequence[str], counts: Ints) -> Any:
    """Return texts, each as often as it counts."""
    return pd.Series(list(texts), dtype=pd.Series(["text"]).dtype).array.repeat(counts)


def _parameters(columns: Sequence[ConfigColumn], counts: Ints) -> list[tuple[str, Any]]:
    """Return columns of parameters for frames that have so many rows of each experiment."""
    present = counts > 0
    each = counts[present]
    return [
        (column.name, _repeat(_series(take(column.values, column.codes[present])), each))
        for column in columns
    ]


def _repeat(values: Any, counts: Ints) -> Any:
    return np.repeat(values, counts) if isinstance(values, np.ndarray) else values.repeat(counts)


def _wide_columns(columns: Mapping[str, Column]) -> tuple[Ints, Ints, list[tuple[str, Any]]]:
    """Return experiment and iteration of each row, and one column for each variable.

    A row is an iteration in which some variable has a value; the others are missing there.
    """
    given = list(columns.values())
    if not given:
        empty = np.empty(0, np.int64)
        return empty, empty, []
    first = given[0]
    if all(first.same_rows(column) for column in given[1:]):
        owners, iterations = first.experiments, first.iterations
        return owners, iterations, [(name, _series(column.values)) for name, column in columns.items()]
    owners, iterations, rows = _union(given)
    wide = [
        (name, _series(gather(len(owners), [Part(own, column.values)])))
        for (name, column), own in zip(columns.items(), rows, strict=True)
    ]
    return owners, iterations, wide


def _union(columns: Sequence[Column]) -> tuple[Ints, Ints, list[Ints]]:
    """Return the rows that some column has, and for each column the rows of its values."""
    owners = np.concatenate([column.experiments for column in columns])
    iterations = np.concatenate([column.iterations for column in columns])
    order = np.lexsort((iterations, owners))
    sorted_owners, sorted_iterations = owners[order], iterations[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (sorted_owners[1:] != sorted_owners[:-1]) | (sorted_iterations[1:] != sorted_iterations[:-1])
    row_of = np.empty(len(order), np.int64)
    row_of[order] = np.cumsum(new) - 1
    ends = np.cumsum([len(column.values) for column in columns])
    return sorted_owners[new], sorted_iterations[new], np.split(row_of, ends[:-1])


def _long_columns(columns: Mapping[str, Column]) -> tuple[Ints, Ints, list[tuple[str, Any]]]:
    """Return experiment and iteration of each value, with columns of its variable's name and of itself."""
    given = list(columns.values())
    if not given:
        empty = np.empty(0, np.int64)
        return empty, empty, [("name", _labels((), empty)), ("value", np.empty(0, np.float64))]
    counts = [len(column.values) for column in given]
    names = np.repeat(np.arange(len(given)), counts)
    owners = np.concatenate([column.experiments for column in given])
    iterations = np.concatenate([column.iterations for column in given])
    order = np.lexsort((names, iterations, owners))
    ends = np.cumsum(counts).tolist()
    parts = [
        Part(np.arange(end - count, end, dtype=np.int64), column.values)
        for end, count, column in zip(ends, counts, given, strict=True)
    ]
    values = gather(ends[-1], parts)[order]
    return (
        owners[order],
        iterations[order],
        [
            ("name", _labels(tuple(columns), np.ones(len(columns), np.int64)).take(names[order])),
            ("value", _series(values)),
        ],
    )
