"""Results as tables of a database: experiments, their values, their final values, and their failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from research_results.exporting.columns import plain_frame
from research_results.exporting.registry import TABLE_OPTIONS, refuse_options
from research_results.frames.columns import free_labels
from research_results.frames.texts import uncut


class Table(NamedTuple):
    """A table of a database."""

    name: str
    """What it is called."""
    frame: pd.DataFrame
    """Its columns, of strings, numbers, bools, and what the format keeps besides."""
    key: tuple[str, ...]
    """The columns of its primary key."""
    experiment: tuple[str, ...]
    """The columns that say of which experiment a row is; empty in that of the experiments."""


def tables_of(results: Any, options: dict[str, Any], keeps: Callable[[pd.Series[Any]], bool]) -> list[Table]:
    """Return results as tables; `options` are filters, and ``use_alias`` as of `configs_to_df`.

    ``results`` has a row for each experiment with its config, status and the last value of each variable;
    ``experiments`` what became of each; ``history`` a row for each iteration; ``failures`` is the fourth.
    `keeps` is that of `plain_frame`.
    """
    refuse_options(options, TABLE_OPTIONS, "a database has several of its own")
    filters = {name: value for name, value in options.items() if name != "use_alias"}
    use_alias = bool(options.get("use_alias", False))
    configs = results.configs_to_df(use_alias=use_alias, remove_auxilary=False, nullable=True, **filters)
    states = results.experiments
    key = tuple(name for name in ("research", "id") if name in states)
    chosen = configs[list(key)]
    states = chosen.merge(states, how="left", on=list(key))
    history = results.to_df(include_config=False, nullable=True, **filters)
    failures = results.load_failures(every_attempt=True, include_config=False, **filters)
    failures.insert(0, "number", range(1, len(failures) + 1))
    with uncut():
        history = plain_frame(history, keeps)
        final = _joined(plain_frame(configs, keeps), states["status"], _finals(chosen, history, key), key)
        return [
            Table("experiments", _distinct(plain_frame(states, keeps)), key, ()),
            Table("results", _distinct(final), key, key),
            Table("history", _distinct(history), (*key, "iteration"), key),
            Table("failures", _distinct(plain_frame(failures, keeps)), ("number",), key),
        ]


def _finals(chosen: pd.DataFrame, history: pd.DataFrame, key: tuple[str, ...]) -> pd.DataFrame:
    """Return the last value of each variable for each experiment; null where there is none."""
    nullable = {"i": "Int64", "u": "UInt64", "b": "boolean"}  # so that a null makes no float of an int
    kinds = {
        name: nullable[dtype.kind]
        for name, dtype in history.dtypes.items()
        if isinstance(dtype, np.dtype) and dtype.kind in nullable
    }
    values = history.astype(kinds).drop(columns="iteration")
    last = values.groupby(list(key), sort=False).last().reset_index()
    return chosen.merge(last, how="left", on=list(key)).drop(columns=list(key))


def _joined(
    configs: pd.DataFrame, status: pd.Series[Any], finals: pd.DataFrame, key: tuple[str, ...]
) -> pd.DataFrame:
    """Return configs, status and final values side by side, with numbers for names that are there already."""
    names = [(str(name), name in key) for name in configs]
    names += [("status", True), *((str(name), False) for name in finals)]
    return pd.concat([configs, status, finals], axis=1).set_axis(pd.Index(free_labels(names)), axis=1)


def _distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose column names also differ in databases, which ignore case."""
    taken: set[str] = set()
    labels = []
    for name in map(str, frame.columns):
        label, number = name, 1
        while label.casefold() in taken:
            label, number = f"{name}_{number}", number + 1
        taken.add(label.casefold())
        labels.append(label)
    return frame.set_axis(pd.Index(labels), axis=1)


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
