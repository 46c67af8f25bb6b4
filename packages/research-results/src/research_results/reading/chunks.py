"""Rows of the table of values, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from research_results.codec.encoding import NUMBER_KINDS
from research_results.errors import DamagedError
from research_results.reading.experiments import select_in
from research_results.reading.rows import INT, OPTIONAL_BYTES, OPTIONAL_TEXT, TEXT, checked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from research_results.reading.experiments import Experiments
    from research_results.reading.source import Source

__all__ = ["Chunk", "number_rows", "read_chunks"]

_KINDS = {
    **dict.fromkeys(("chunk", "experiment", "variable"), INT),
    "kind": TEXT,
    **dict.fromkeys(("count", "first", "step"), INT),
    "iterations": OPTIONAL_BYTES,
    **dict.fromkeys(("type", "text"), OPTIONAL_TEXT),
    "data": OPTIONAL_BYTES,
    "blob": OPTIONAL_TEXT,
}
"""Columns of the table, and the types of their values."""

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

    def bytes(self, source: Source) -> bytes:
        """Return its data, from the row or from a file."""
        data = source.blob(self.blob) if self.blob is not None else self.data
        if data is None:
            raise DamagedError("table chunks", f"row {self.number} has no data")
        return data


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
    rows = _select(connection, ", ".join(_KINDS), kinds, experiments, variables)
    return map(Chunk._make, checked("chunks", _KINDS, rows))


def number_rows(
    connection: sqlite3.Connection, experiments: Experiments, variables: Sequence[int] | None
) -> Iterable[tuple[Any, ...]]:
    """Read only what rows of packed numbers have: the first eight columns of a chunk, and its data.

    Other rows come without their data, so that one look at the table tells whether there are any. Where many
    experiments are asked for, rows of others may be among them.
    """
    data = f"CASE WHEN kind IN ({_NUMBERS}) THEN data END"
    columns = f"chunk, experiment, variable, kind, count, first, step, iterations, {data}"
    return _select(connection, columns, "1", experiments, variables)


def _select(
    connection: sqlite3.Connection,
    columns: str,
    kinds: str,
    experiments: Experiments,
    variables: Sequence[int] | None,
) -> Iterable[tuple[Any, ...]]:
    keys = experiments.keys.tolist()
    by_experiment, some = select_in("experiment", keys)
    by_variable, others = select_in("variable", variables)
    where = f"{kinds} AND {by_experiment} AND {by_variable}"
    return connection.execute(
        f"SELECT {columns} FROM chunks WHERE {where} ORDER BY chunk",  # noqa: S608  (only our words)
        [*some, *others],
    )
