"""Values of variables as columns: the experiment and iteration of each value, and one array of the values.

A row of the table ``chunks`` holds values of one variable in one experiment, all of one kind, whose
iterations are an arithmetic progression or a list. `read_columns` groups rows by variable and kind, leaves
out those of other experiments, and sorts each group by experiment. The data of a group is then joined and
read as one array, and the experiments and iterations of its values are computed for all rows at once.
Variables that are written together have rows of equal layout, so the last result is kept and used again.
The pieces of a variable with several kinds are gathered into a type that holds them all. Last, values are
sorted by experiment and iteration unless they are so already; of two for one iteration the later one stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from research_results.codec.encoding import NUMBER_KINDS, decode_value, number_dtype
from research_results.disk.checksums import CHANGED, is_intact, row_checksums
from research_results.errors import DamagedError
from research_results.reading.chunks import Chunk, number_rows, place_of, read_chunks
from research_results.reading.gather import Array, Ints, Mask, Segment, gather
from research_results.reading.rows import INT, OPTIONAL_BYTES, OPTIONAL_INT, TEXT, check_column, check_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from research_results.reading.experiments import Experiments
    from research_results.reading.source import Source

__all__ = ["Column", "read_columns"]

_MISCOUNTED = "it does not hold as many values as it says"
_TYPES = {
    **dict.fromkeys(("chunk", "experiment", "variable"), INT),
    "kind": TEXT,
    **dict.fromkeys(("count", "first", "step"), INT),
    "iterations": OPTIONAL_BYTES,
    "data": OPTIONAL_BYTES | {Chunk},
    "checksum": OPTIONAL_INT,
}
"""Columns of `number_rows`, and the types of their values."""


@dataclass(frozen=True, slots=True)
class Column:
    """A variable, sorted by experiment and iteration, each pair once.

    Attributes
    ----------
    experiments, iterations : int64 arrays, length N
        Index of the experiment, and iteration.
    values : array, length N
        Of the type that holds all values.
    """

    experiments: Ints
    iterations: Ints
    values: Array

    def same_rows(self, other: Column) -> bool:
        """Tell whether two variables have values in the same iterations of the same experiments."""
        if self.experiments is other.experiments and self.iterations is other.iterations:
            return True
        return np.array_equal(self.experiments, other.experiments) and np.array_equal(
            self.iterations, other.iterations
        )


def read_columns(
    connection: sqlite3.Connection,
    experiments: Experiments,
    variables: Sequence[int] | None,
    source: Source,
    *,
    names: Mapping[int, str],
    iterations: Sequence[int] | None,
    allow_pickle: bool,
) -> dict[int, Column]:
    """Read one column for each variable that has values; None for all variables.

    Raises
    ------
    DamagedError
        If values are not those that were written; it says whose they are, with the names of variables.
    """
    packed: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for row in number_rows(connection, experiments, variables):
        packed.setdefault(row[2:4], []).append(row)
    check_column("chunks", "variable", (variable for variable, _ in packed), INT)
    check_column("chunks", "kind", (kind for _, kind in packed), TEXT)
    single: dict[int, list[Chunk]] = {}
    if any(kind not in NUMBER_KINDS for _, kind in packed):
        for chunk in read_chunks(connection, experiments, variables, numbers=False):
            single.setdefault(chunk.variable, []).append(chunk)
    make = _PieceMaker(experiments, names, iterations)
    pieces: dict[int, list[_Piece]] = {}
    for (variable, kind), rows in packed.items():
        if kind in NUMBER_KINDS:
            pieces.setdefault(variable, []).append(make.of_numbers(rows, variable, kind))
    for variable, chunks in single.items():
        piece = make.of_values(chunks, variable, source, allow_pickle=allow_pickle)
        pieces.setdefault(variable, []).append(piece)
    columns = {variable: _column(parts) for variable, parts in sorted(pieces.items())}
    return {variable: column for variable, column in columns.items() if len(column.values)}


class _Layout(NamedTuple):
    """For each row the index of its experiment, its number of values, and their first iteration and step."""

    owners: Ints
    counts: Ints
    firsts: Ints
    steps: Ints

    def equals(self, other: _Layout) -> bool:
        return all(np.array_equal(one, another) for one, another in zip(self, other, strict=True))


class _Rows(NamedTuple):
    """Rows of one kind of one variable, column by column, sorted by experiment."""

    numbers: Ints
    layout: _Layout
    listed: tuple[bytes | None, ...]
    data: tuple[Any, ...]
    checksums: tuple[Any, ...]


class _Piece(NamedTuple):
    """Values of one kind, their experiments and iterations, and the rows that they come from."""

    owners: Ints
    iterations: Ints
    values: Array
    rows: _Rows
    mask: Mask | None

    def numbers(self) -> Ints:
        """Return for each value the number of its row."""
        numbers = np.repeat(self.rows.numbers, self.rows.layout.counts)
        return numbers if self.mask is None else numbers[self.mask]


class _PieceMaker:
    """Make pieces of rows; what variables with rows of equal layout share is computed once.

    Parameters
    ----------
    experiments : Experiments
        Experiments whose values are wanted; rows of others are left out.
    names : mapping of int to str
        Variables, for errors.
    iterations : sequence of int or None
        Iterations whose values are wanted; None for all.
    """

    def __init__(
        self, experiments: Experiments, names: Mapping[int, str], iterations: Sequence[int] | None
    ) -> None:
        self.experiments = experiments
        self.names = names
        self.keys, self.indices = experiments.sorted_keys()
        self.wanted = None if iterations is None else np.unique(np.asarray(iterations, np.int64))
        self.last: tuple[_Layout, tuple[Ints, Ints]] | None = None

    def of_numbers(self, given: list[tuple[Any, ...]], variable: int, kind: str) -> _Piece:
        """Return packed numbers."""
        rows = self._sorted(given, variable)
        dtype = number_dtype(kind)
        self._check(self._intact(rows, variable, kind), rows, variable, CHANGED)
        lengths = np.array(list(map(len, rows.data)), np.int64)
        fits = (lengths % dtype.itemsize == 0) & (rows.layout.counts == lengths // dtype.itemsize)
        self._check(fits, rows, variable, _MISCOUNTED)
        data = b"".join(rows.data)
        values = (
            np.frombuffer(data, dtype) if kind != "bool" else np.not_equal(np.frombuffer(data, np.uint8), 0)
        )
        return self._piece(rows, variable, values)

    def of_values(self, given: list[Chunk], variable: int, source: Source, *, allow_pickle: bool) -> _Piece:
        """Return single values of any type."""
        rows = self._sorted([(*chunk[:8], chunk, None) for chunk in given], variable)
        self._check(rows.layout.counts == 1, rows, variable, _MISCOUNTED)
        values = np.empty(len(rows.data), object)
        for index, chunk in enumerate(rows.data):
            where = self._where(rows, index, variable)
            values[index] = decode_value(
                chunk.kind,
                chunk.type_name,
                chunk.text,
                chunk.bytes(source, where),
                allow_pickle=allow_pickle,
                where=where,
            )
        return self._piece(rows, variable, values)

    def _intact(self, rows: _Rows, variable: int, kind: str) -> Mask:
        """Tell for each row whether it is what was written; rows of older formats cannot tell."""
        if None in rows.checksums or any(data is not None for data in rows.listed):
            keys = self.experiments.keys[rows.layout.owners].tolist()
            columns = (rows.numbers.tolist(), keys, *(part.tolist() for part in rows.layout[1:]))
            tests = (
                is_intact(checksum, (number, key, variable, *span), (kind, listed, None, None, None), data)
                for number, key, *span, listed, data, checksum in zip(
                    *columns, rows.listed, rows.data, rows.checksums, strict=True
                )
            )
            return np.fromiter(tests, np.bool_, len(rows.data))
        owners, *span = rows.layout
        numbers = [rows.numbers, self.experiments.keys[owners], np.full(len(owners), variable), *span]
        found = row_checksums(numbers, (kind, None, None, None, None), rows.data)
        fits: Mask = found == np.array(rows.checksums, np.int64)
        return fits

    def _check(self, fits: Mask, rows: _Rows, variable: int, reason: str) -> None:
        """Refuse rows that are not what they should be, before anything is made of them."""
        if not fits.all():
            raise DamagedError(self._where(rows, int(np.argmin(fits)), variable), reason)

    def _where(self, rows: _Rows, index: int, variable: int) -> str:
        """Say whose values the row with an index has."""
        owner = self.experiments.ids[int(rows.layout.owners[index])]
        return place_of(owner, self.names.get(variable))

    def _sorted(self, given: list[tuple[Any, ...]], variable: int) -> _Rows:
        """Return rows by experiment, without those of others; rows of one stay in the order of writing."""
        owned = [row[1] for row in given]
        check_column("chunks", "experiment", owned, INT)
        keys = np.array(owned, np.int64)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[found] == keys
        if not known.all():
            if self.experiments.complete:
                number = given[int(np.argmin(known))][0]
                raise DamagedError("table chunks", f"row {number} is of no experiment")
            given = list(compress(given, known.tolist()))
            found = found[known]
        owners = self.indices[found]
        order = np.argsort(owners, kind="stable")
        if (order[1:] < order[:-1]).any():
            given = [given[index] for index in order.tolist()]
            owners = owners[order]
        if not given:
            empty = np.empty(0, np.int64)
            return _Rows(empty, _Layout(empty, empty, empty, empty), (), (), ())
        columns = tuple(zip(*given, strict=True))
        numbers, _, _, _, counts, firsts, steps, listed, data, checksums = columns
        if any(
            set(map(type, column)) - kinds for column, kinds in zip(columns, _TYPES.values(), strict=True)
        ):
            for row, owner in zip(given, owners.tolist(), strict=True):
                check_row(place_of(self.experiments.ids[owner], self.names.get(variable)), _TYPES, row)
        layout = _Layout(owners, *(np.array(column, np.int64) for column in (counts, firsts, steps)))
        return _Rows(
            np.array(numbers, np.int64), layout, listed, tuple(part or b"" for part in data), checksums
        )

    def _piece(self, rows: _Rows, variable: int, values: Array) -> _Piece:
        owners, iterations = self._iterations(rows, variable)
        if self.wanted is None:
            return _Piece(owners, iterations, values, rows, None)
        mask = np.isin(iterations, self.wanted)
        return _Piece(owners[mask], iterations[mask], values[mask], rows, mask)

    def _iterations(self, rows: _Rows, variable: int) -> tuple[Ints, Ints]:
        """Return experiment and iteration of each value."""
        listed = [index for index, data in enumerate(rows.listed) if data is not None]
        if not listed and self.last is not None and rows.layout.equals(self.last[0]):
            return self.last[1]
        owners, counts, firsts, steps = rows.layout
        starts = np.cumsum(counts) - counts
        iterations = np.arange(int(counts.sum()), dtype=np.int64)
        if (steps == 1).all():
            iterations += np.repeat(firsts - starts, counts)
        else:
            iterations -= np.repeat(starts, counts)
            iterations *= np.repeat(steps, counts)
            iterations += np.repeat(firsts, counts)
        for index in listed:
            data = rows.listed[index] or b""
            if len(data) != 8 * counts[index]:
                raise DamagedError(self._where(rows, index, variable), _MISCOUNTED)
            own = np.frombuffer(data, "<i8")
            iterations[starts[index] : starts[index] + len(own)] = own
        found = (np.repeat(owners, counts), iterations)
        if not listed:
            self.last = (rows.layout, found)
        return found


def _column(pieces: list[_Piece]) -> Column:
    """Return the column of a variable from its values, kind by kind."""
    if len(pieces) == 1:
        (piece,) = pieces
        return _tidy(piece.owners, piece.iterations, piece.values, None)
    ends = np.cumsum([len(piece.values) for piece in pieces]).tolist()
    parts = [
        Segment(np.arange(end - len(piece.values), end, dtype=np.int64), piece.values)
        for end, piece in zip(ends, pieces, strict=True)
    ]
    owners, iterations = (np.concatenate([piece[field] for piece in pieces]) for field in range(2))
    numbers = np.concatenate([piece.numbers() for piece in pieces])
    return _tidy(owners, iterations, gather(ends[-1], parts), numbers)


def _tidy(owners: Ints, iterations: Ints, values: Array, numbers: Ints | None) -> Column:
    """Sort by experiment and iteration; of equal ones keep what was written last."""
    if not _increasing(owners, iterations):
        order = np.lexsort((iterations, owners) if numbers is None else (numbers, iterations, owners))
        owners, iterations, values = owners[order], iterations[order], values[order]
        last = np.ones(len(owners), np.bool_)
        last[:-1] = (owners[1:] != owners[:-1]) | (iterations[1:] != iterations[:-1])
        if not last.all():
            owners, iterations, values = owners[last], iterations[last], values[last]
    return Column(owners, iterations, values)


def _increasing(owners: Ints, iterations: Ints) -> bool:
    same = owners[1:] == owners[:-1]
    return bool((owners[1:] >= owners[:-1]).all() and (~same | (iterations[1:] > iterations[:-1])).all())
