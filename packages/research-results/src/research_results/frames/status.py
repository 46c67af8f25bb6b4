"""The DataFrames `experiments` and `failures`: status, ends and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from research_results.disk.schema import FAILURE_COLUMNS
from research_results.errors import DamagedError
from research_results.frames.assembly import Field, config_fields, make_frame, name_fields
from research_results.frames.columns import TEXT
from research_results.frames.layout import ConfigLayout
from research_results.reading.at_once import Coded
from research_results.reading.filters import Query
from research_results.reading.gather import Array, Ints, Mask
from research_results.reading.reader import Questions
from research_results.reading.rows import OPTIONAL_INT, check_column

_LAST_S = 253_402_300_800.0
"""The end of the year 9999, in seconds since 1970."""

_TEXTS = {
    "status": "status",
    "cause": """CASE WHEN status IN ('failed', 'lost') THEN (SELECT cause FROM failures
WHERE failures.experiment = experiments.key ORDER BY number DESC LIMIT 1) END""",
    **{name: name for name in ("host", "device", "code")},
}
_NUMBERS: dict[str, type[float]] = {
    **dict.fromkeys(("attempt", "worker"), int),
    **dict.fromkeys(("started", "elapsed_s"), float),
    **dict.fromkeys(("iterations", "stopped"), int),
}

_FAILURES = """SELECT experiments.key, status, failures.attempt, {columns}
FROM failures JOIN experiments ON experiments.key = failures.experiment ORDER BY position, key, number"""
_LAST_FAILURES = """SELECT experiments.key, status, failures.attempt, {columns}, max(number)
FROM failures JOIN experiments ON experiments.key = failures.experiment
WHERE status IN ('failed', 'lost') GROUP BY experiments.key ORDER BY position, experiments.key"""


def experiments_frame(reader: Questions, wanted: Query) -> pd.DataFrame:
    """Return one row for each experiment: what it is doing, or how it ended."""
    with reader.selected(wanted, configs=False) as selected:
        rows = selected.table(_NUMBERS, _TEXTS)
        names = name_fields(selected.experiments, np.ones(len(selected.experiments), np.int64))
        remarks = Coded.of(selected.remarks())
    texts = {name: _texts(column) for name, column in rows.texts.items()}
    integers = {name: _integers(*rows.integers(name)) for name, kind in _NUMBERS.items() if kind is int}
    tags = [", ".join(each.tags) if each else "" for each in remarks.values]
    notes = [each.note if each else "" for each in remarks.values]
    fields = {
        "status": texts["status"],
        "cause": texts["cause"],
        "attempts": integers["attempt"],
        "worker": integers["worker"],
        "host": texts["host"],
        "device": texts["device"],
        "code": texts["code"],
        "started": _moments("started", rows.floats("started")),
        "elapsed_s": rows.floats("elapsed_s"),
        "iterations": integers["iterations"],
        "stopped": integers["stopped"],
        "tags": _texts(replace(remarks, values=tags)),
        "note": _texts(replace(remarks, values=notes)),
    }
    return pd.DataFrame({**{field.name: field.values for field in names}, **fields})


def failures_frame(
    reader: Questions, wanted: Query, layout: ConfigLayout, *, every_attempt: bool
) -> pd.DataFrame:
    """Return the last failure of each experiment that is failed or lost, or the failures of all attempts."""
    kinds = {"status": str, "attempt": int, **FAILURE_COLUMNS}
    with reader.selected(wanted) as selected:
        own = ", ".join(f"failures.{name}" for name in FAILURE_COLUMNS)
        owners, columns = selected.rows((_FAILURES if every_attempt else _LAST_FAILURES).format(columns=own))
        counts = np.bincount(owners, minlength=len(selected.experiments))
        left = config_fields(selected, layout, counts)
    right = [
        Field(name, _checked(name, column) if kind is int else _texts(Coded.of(column)))
        for (name, kind), column in zip(kinds.items(), columns, strict=False)
    ]
    left = [field for field in left if not (field.is_ours and field.name in kinds)]  # the device
    return make_frame([*left, *right], len(owners))


def _texts(column: Coded) -> Any:
    """Return texts as a column; each of the different ones is made once."""
    texts = pd.Series([None if value is None else str(value) for value in column.values], dtype=TEXT)
    return texts.array.take(column.codes)


def _checked(name: str, values: Sequence[Any]) -> Any:
    """Return integers of the table of failures as a column."""
    check_column("failures", name, values, OPTIONAL_INT)
    missing = np.array([value is None for value in values], np.bool_)
    return _integers(np.array([value or 0 for value in values], np.int64), missing)


def _integers(values: Ints, missing: Mask) -> Any:
    return pd.arrays.IntegerArray(values, missing)


def _moments(name: str, seconds: Array) -> Any:
    """Return seconds since 1970 as times with a zone, to the microsecond."""
    if (np.abs(seconds) > _LAST_S).any():
        raise DamagedError("table experiments", f"column {name} holds no time of this era")
    missing = np.isnan(seconds)
    micros = np.rint(np.where(missing, 0, seconds) * 1e6).astype(np.int64).astype("datetime64[us]")
    micros[missing] = np.datetime64("NaT", "us")
    return pd.Series(micros).dt.tz_localize("UTC")
