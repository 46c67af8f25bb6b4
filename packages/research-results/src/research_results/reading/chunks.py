"""Rows of the table of values, as they are stored."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from research_results.codec.encoding import NUMBER_KINDS
from research_results.codec.texts import ENCODING, READ
from research_results.disk.checksums import CHANGED, is_intact
from research_results.errors import DamagedError
from research_results.reading.experiments import select_in
from research_results.reading.rows import INT, OPTIONAL_BYTES, OPTIONAL_INT, OPTIONAL_TEXT, TEXT, check_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from research_results.reading.experiments import Experiments
    from research_results.reading.source import Source

__all__ = ["Chunk", "number_rows", "place_of", "read_chunks"]

_lenient = partial(str, encoding=ENCODING, errors=READ)
"""Texts that are no UTF-8 any more are found by the checksum, which knows whose they are."""

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

_SPAN = ", ".join(list(_KINDS)[:8])

_NUMBERS = ", ".join(f"'{kind}'" for kind in sorted(NUMBER_KINDS))


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
        """Return its data, from the row or from a file, if it is what was written.

        Parameters
        ----------
        source : Source
            Where files are.
        where : str
            Named in the error.
        """
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


def place_of(experiment_id: str, variable: str | None) -> str:
    """Say whose values a row has, for errors."""
    name = "without a name" if variable is None else repr(variable)
    return f"experiment {experiment_id!r}, variable {name}"


def read_chunks(
    connection: sqlite3.Connection,
    experiments: Experiments,
    variables: Sequence[int] | None,
    *,
    numbers: bool = True,
) -> Iterable[Chunk]:
    """Read rows in the order in which they were written; later values replace earlier ones.

    Where many experiments are asked for, rows of others may be among them.

    Parameters
    ----------
    connection : sqlite3.Connection
        Database to read.
    experiments : Experiments
        Experiments whose rows are read.
    variables : sequence of int or None
        Numbers of variables; None for all.
    numbers : bool
        Also rows of packed numbers.
    """
    kinds = "1" if numbers else f"kind NOT IN ({_NUMBERS})"
    return map(Chunk._make, _select(connection, ", ".join(_KINDS), kinds, experiments, variables))


def number_rows(
    connection: sqlite3.Connection, experiments: Experiments, variables: Sequence[int] | None
) -> Iterable[tuple[Any, ...]]:
    """Read only what rows of packed numbers have: the first eight columns of a chunk, its data and checksum.

    Other rows come without their data, so that one look at the table tells whether there are any. Where many
    experiments are asked for, rows of others may be among them.
    """
    data = f"CASE WHEN kind IN ({_NUMBERS}) THEN data END"
    columns = f"{_SPAN}, {data}, checksum"
    return _select(connection, columns, "1", experiments, variables)


def chunks_between(connection: sqlite3.Connection, since: int, until: int, count: int) -> Iterable[Chunk]:
    """Read the first rows whose numbers come after one and not after another."""
    rows = _rows(connection, ", ".join(_KINDS), "chunk > ? AND chunk <= ?", [since, until], count)
    return map(Chunk._make, rows)


def _select(
    connection: sqlite3.Connection,
    columns: str,
    kinds: str,
    experiments: Experiments,
    variables: Sequence[int] | None,
) -> Iterator[tuple[Any, ...]]:
    keys = None if experiments.complete else experiments.keys.tolist()
    by_experiment, some = select_in("experiment", keys)
    by_variable, others = select_in("variable", variables)
    where = f"{kinds} AND {by_experiment} AND {by_variable}"
    return _rows(connection, columns, where, [*some, *others])


def _rows(
    connection: sqlite3.Connection, columns: str, where: str, arguments: list[int], limit: int = -1
) -> Iterator[tuple[Any, ...]]:
    sql = f"SELECT {columns} FROM chunks WHERE {where} ORDER BY chunk LIMIT {limit}"  # noqa: S608  (our words)
    connection.text_factory = _lenient
    try:
        yield from connection.execute(sql, arguments)
    finally:
        connection.text_factory = str
