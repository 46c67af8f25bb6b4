"""Rows of the table of values as they are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from research_domain.texts import ENCODING, READ
from research_results.disk.checksums import CHANGED, is_intact
from research_results.errors import DamagedError
from research_results.reading.experiments import Experiments
from research_results.reading.packed import IS_PACKED, chunks_where
from research_results.reading.rows import INT, OPTIONAL_BYTES, OPTIONAL_INT, OPTIONAL_TEXT, TEXT, check_row
from research_results.reading.source import Source

_lenient = partial(str, encoding=ENCODING, errors=READ)

_KINDS = {
    **dict.fromkeys(("chunk", "experiment", "variable"), INT),
    "kind": TEXT,
    **dict.fromkeys(("count", "first", "step"), INT),
    "iterations": OPTIONAL_BYTES,
    **dict.fromkeys(("type", "text"), OPTIONAL_TEXT),
    "data": OPTIONAL_BYTES,
    "blob": OPTIONAL_TEXT,
    "checksum": OPTIONAL_INT,
}
"""Columns of the table, and the types of their values."""


class Chunk(NamedTuple):
    """One row of the table of values; `number` grows in the order of writing."""

    number: int
    experiment: int
    variable: int
    kind: str
    length: int
    first: int
    step: int
    iterations: bytes | None
    type_name: str | None
    text: str | None
    data: bytes | None
    blob: str | None
    checksum: int | None

    def bytes(self, source: Source, where: str) -> bytes:
        """Return the data, from the row or a file, after checking it; `where` is for errors."""
        if self.checksum is None:
            check_row(where, _KINDS, self)
        numbers = (self.number, self.experiment, self.variable, self.length, self.first, self.step)
        fields = (self.kind, self.iterations, self.type_name, self.text, self.blob)
        if not is_intact(self.checksum, numbers, fields, self.data):
            raise DamagedError(where, CHANGED)
        data = source.blob(self.blob) if self.blob is not None else self.data
        if data is None:
            raise DamagedError(where, "it has no data")
        return data


def name_of_value(experiment_id: str, variable: str | None) -> str:
    """Name the experiment and variable of a row, for errors."""
    name = "without a name" if variable is None else repr(variable)
    return f"experiment {experiment_id!r}, variable {name}"


def read_chunks(
    connection: sqlite3.Connection,
    experiments: Experiments,
    variables: Sequence[int] | None,
    *,
    packed: bool = True,
) -> Iterable[Chunk]:
    """Read rows in the order in which they were written; later values replace earlier ones.

    Where many experiments are asked for, rows of others may be among them. `variables` are numbers, None
    for all; without `packed` rows that `read_packed` reads are left out.
    """
    condition = "1" if packed else f"NOT ({IS_PACKED})"
    return _chunks(connection, f"{chunks_where(condition, experiments, variables)} ORDER BY chunk")


def chunks_between(connection: sqlite3.Connection, since: int, until: int, count: int) -> Iterable[Chunk]:
    """Read the first rows whose numbers come after one and not after another."""
    return _chunks(connection, "chunk > ? AND chunk <= ? ORDER BY chunk LIMIT ?", (since, until, count))


def _chunks(connection: sqlite3.Connection, where: str, arguments: Sequence[int] = ()) -> Iterator[Chunk]:
    """Read rows even if texts are invalid UTF-8, so that the checksum can report them."""
    sql = f"SELECT {', '.join(_KINDS)} FROM chunks WHERE {where}"  # noqa: S608  (only our words)
    connection.text_factory = _lenient
    try:
        yield from map(Chunk._make, connection.execute(sql, arguments))
    finally:
        connection.text_factory = str
