"""Records: configs as plain rows, and plain rows as a domain."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from itertools import groupby
from typing import Any

from research_domain.alias import ConfigAlias
from research_domain.config import Config
from research_domain.errors import ParameterError


def nested(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield plain rows with paths as nested dictionaries."""
    return (ConfigAlias(row).config().to_dict() for row in rows)


def to_frame(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Return a frame of rows; what some rows lack is NaN in a column of objects."""
    try:
        pd = importlib.import_module("pandas")
    except ImportError as error:
        raise ImportError("to_frame() needs the package 'pandas': pip install pandas") from error
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    columns = {}
    for name in names:
        values = [row.get(name, float("nan")) for row in listed]
        containers = (hasattr(each, "__len__") and not isinstance(each, str | bytes) for each in values)
        is_plain = all(name in row for row in listed) and not any(containers)
        columns[name] = pd.Series(values, index=range(len(listed)), dtype=None if is_plain else object)
    return pd.DataFrame(columns, index=range(len(listed)))


def from_records(kind: Callable[..., Any], rows: Any) -> Any:
    """Return a domain with a config for each row, in their order; `kind` makes domains."""
    is_frame = hasattr(rows, "columns") and hasattr(rows, "__getitem__") and not isinstance(rows, Mapping)
    records = list(_rows_of_frame(rows) if is_frame else _checked(rows))
    if not records:
        raise ParameterError("rows", "expected at least one row, got none")
    parts = [_zipped(kind, names, list(group)) for names, group in groupby(records, key=tuple)]
    return reduce(operator.add, parts)


def _zipped(kind: Callable[..., Any], names: tuple[str, ...], rows: list[dict[str, Any]]) -> Any:
    """Return the domain of rows with the same names."""
    if not names:
        return reduce(operator.add, [kind() for _ in rows])
    domain = kind({names[0]: [row[names[0]] for row in rows]})
    for name in names[1:]:
        domain = domain @ kind({name: [row[name] for row in rows]})
    return domain


def _checked(rows: Any) -> Iterator[dict[str, Any]]:
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise ParameterError("rows", f"expected a list of mappings or a frame, got {type(rows).__name__}")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ParameterError("rows", f"row {number} is no mapping, but {type(row).__name__}")
        if isinstance(row, ConfigAlias):
            yield {key.value: value for key, value in row.pairs if key.value not in row.auxiliary}
        elif isinstance(row, Config):
            yield row.flatten()
        else:
            yield dict(row)


def _rows_of_frame(frame: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame of pandas or polars as plain values, without what is missing."""
    columns = {str(name): frame[name].to_list() for name in frame.columns}
    for cells in zip(*columns.values(), strict=True):
        yield {name: value for name, value in zip(columns, cells, strict=True) if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: NaN and its like; None in a column of objects is a value."""
    is_nan = isinstance(value, float) and value != value  # nothing else differs from itself
    return is_nan or type(value).__name__ in ("NAType", "NaTType")
