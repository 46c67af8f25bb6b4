"""The DataFrames `experiments` and `failures`: status, ends and failures."""

from __future__ import annotations

from itertools import count, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from research_results.disk.schema import FAILURE_COLUMNS
from research_results.errors import DamagedError
from research_results.frames.assembly import Field, config_fields, make_frame, name_fields
from research_results.frames.columns import TEXT
from research_results.reading.rows import OPTIONAL_INT, OPTIONAL_NUMBER, check_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from research_results.frames.layout import ConfigLayout
    from research_results.reading.filters import Query
    from research_results.reading.reader import Questions

__all__ = ["experiments_frame", "failures_frame"]

_LAST_S = 253_402_300_800.0
"""The end of the year 9999, in seconds since 1970."""

_LAST_CAUSE = """(SELECT cause FROM failures WHERE failures.experiment = experiments.key
ORDER BY number DESC LIMIT 1)"""
_EXPERIMENTS = f"""SELECT key, status,
CASE WHEN status IN ('failed', 'lost') THEN {_LAST_CAUSE} END,
attempt, worker, host, device, code, started, elapsed_s, iterations, stopped
FROM experiments"""  # noqa: S608  (no values of others)


_FAILURES = """SELECT experiments.key, status, failures.attempt, {columns}
FROM failures JOIN experiments ON experiments.key = failures.experiment ORDER BY position, key, number"""
_LAST_FAILURES = """SELECT experiments.key, status, failures.attempt, {columns}, max(number)
FROM failures JOIN experiments ON experiments.key = failures.experiment
WHERE status IN ('failed', 'lost') GROUP BY experiments.key ORDER BY position, experiments.key"""


def experiments_frame(reader: Questions, wanted: Query) -> pd.DataFrame:
    """Return one row for each experiment: what it is doing, or how it ended."""
    with reader.selected(wanted, configs=False) as selected:
        indices, columns = selected.rows(_EXPERIMENTS)
        if (np.diff(indices) < 0).any():
            order = np.argsort(indices).tolist()
            columns = [[column[place] for place in order] for column in columns]
        names = name_fields(selected.experiments, np.ones(len(selected.experiments), np.int64))
        remarks = selected.remarks()
    status, causes, attempts, workers, hosts, devices, codes, *ends = columns
    started, elapsed_s, iterations, stopped = ends
    fields = {
        "status": _texts(status),
        "cause": _texts(causes),
        "attempts": _integers("attempt", attempts),
        "worker": _integers("worker", workers),
        "host": _texts(hosts),
        "device": _texts(devices),
        "code": _texts(codes),
        "started": _moments("started", started),
        "elapsed_s": _floats("elapsed_s", elapsed_s),
        "iterations": _integers("iterations", iterations),
        "stopped": _integers("stopped", stopped),
        "tags": _texts([", ".join(each.tags) if each else "" for each in remarks]),
        "note": _texts([each.note if each else "" for each in remarks]),
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
        Field(name, _integers(name, column) if kind is int else _texts(column))
        for (name, kind), column in zip(kinds.items(), columns, strict=False)
    ]
    left = [field for field in left if not (field.is_ours and field.name in kinds)]  # the device
    return make_frame([*left, *right], len(owners))


def _texts(values: Sequence[Any]) -> Any:
    """Return texts as a column; each of them is made once, because few differ, and often none."""
    are_equal = bool(values) and values.count(values[0]) == len(values)
    number_of = dict(zip(values[:1] if are_equal else dict.fromkeys(values), count(), strict=False))
    texts = pd.Series([None if value is None else str(value) for value in number_of], dtype=TEXT)
    numbers = repeat(0) if are_equal else map(number_of.__getitem__, values)
    return texts.array.take(np.fromiter(numbers, np.int64, len(values)))


def _integers(name: str, values: Sequence[Any]) -> Any:
    check_column("experiments", name, values, OPTIONAL_INT)
    if None not in values:
        return pd.arrays.IntegerArray(np.array(values, np.int64), np.zeros(len(values), np.bool_))
    numbers = [value or 0 for value in values]
    return pd.arrays.IntegerArray(np.array(numbers, np.int64), np.array([value is None for value in values]))


def _floats(name: str, values: Sequence[Any]) -> Any:
    check_column("experiments", name, values, OPTIONAL_NUMBER)
    numbers = [np.nan if value is None else value for value in values] if None in values else values
    return np.array(numbers, np.float64)


def _moments(name: str, values: Sequence[Any]) -> Any:
    """Return seconds since 1970 as times with a zone, to the microsecond."""
    seconds = _floats(name, values)
    if (np.abs(seconds) > _LAST_S).any():
        raise DamagedError("table experiments", f"column {name} holds no time of this era")
    missing = np.isnan(seconds)
    micros = np.rint(np.where(missing, 0, seconds) * 1e6).astype(np.int64).astype("datetime64[us]")
    micros[missing] = np.datetime64("NaT", "us")
    return pd.Series(micros).dt.tz_localize("UTC")
