"""Values of variables as columns: the experiment and iteration of each value, and one array of the values.

A row of the table ``chunks`` holds values of one variable in one experiment, all of one kind, whose
iterations are an arithmetic progression or a list. `read_columns` reads packed numbers of all rows at once,
and other rows one by one; joins those of one variable and kind into a piece (`reading.pieces`), and gathers
the pieces of a variable with several kinds into a type that holds them all. Last, values are sorted by
experiment and iteration unless they are so already; of two for one iteration the later one stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from research_results.reading.chunks import Chunk, read_chunks
from research_results.reading.experiments import Experiments
from research_results.reading.gather import Array, Ints, concatenated, run_starts
from research_results.reading.packed import read_packed
from research_results.reading.pieces import Piece, PieceMaker
from research_results.reading.rows import INT, TEXT, check_column
from research_results.reading.source import Source


@dataclass(frozen=True, slots=True)
class Column:
    """A variable, sorted by experiment and iteration, each pair once."""

    experiments: Ints
    iterations: Ints
    """Index of the experiment, and iteration; length N."""
    values: Array
    """Of the type that holds all values; length N."""

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
    """Read one column for each variable that has values; None for all variables."""
    rows, there_are_others = read_packed(connection, experiments, variables)
    make = PieceMaker(experiments, names, iterations)
    pieces: dict[int, list[Piece]] = {}
    for variable, piece in make.of_packed(rows):
        pieces.setdefault(variable, []).append(piece)
    if there_are_others:
        others = _by_kind(read_chunks(connection, experiments, variables, packed=False))
        for (variable, _), chunks in others.items():
            piece = make.of_chunks(chunks, source, allow_pickle=allow_pickle)
            pieces.setdefault(variable, []).append(piece)
    columns = {variable: _column(parts) for variable, parts in sorted(pieces.items())}
    return {variable: column for variable, column in columns.items() if len(column.values)}


def _by_kind(chunks: Iterable[Chunk]) -> dict[tuple[int, str], list[Chunk]]:
    """Return rows by variable and kind."""
    found: dict[tuple[int, str], list[Chunk]] = {}
    for chunk in chunks:
        found.setdefault((chunk.variable, chunk.kind), []).append(chunk)
    check_column("chunks", "variable", (variable for variable, _ in found), INT)
    check_column("chunks", "kind", (kind for _, kind in found), TEXT)
    return found


def _column(pieces: list[Piece]) -> Column:
    """Return the column of a variable from its values, kind by kind."""
    if len(pieces) == 1:
        (piece,) = pieces
        if piece.in_order:
            return Column(piece.owners, piece.iterations, piece.values)
        return _tidy(piece.owners, piece.iterations, piece.values, None)
    owners = np.concatenate([piece.owners for piece in pieces])
    iterations = np.concatenate([piece.iterations for piece in pieces])
    numbers = np.concatenate([piece.numbers() for piece in pieces])
    return _tidy(owners, iterations, concatenated([piece.values for piece in pieces]), numbers)


def _tidy(owners: Ints, iterations: Ints, values: Array, numbers: Ints | None) -> Column:
    """Sort by experiment and iteration, and keep the last of equal ones."""
    same = owners[1:] == owners[:-1]
    if (owners[1:] < owners[:-1]).any() or (same & (iterations[1:] <= iterations[:-1])).any():
        order = np.lexsort((iterations, owners) if numbers is None else (numbers, iterations, owners))
        owners, iterations, values = owners[order], iterations[order], values[order]
        last = np.append(run_starts(owners, iterations)[1:], True)
        if not last.all():
            owners, iterations, values = owners[last], iterations[last], values[last]
    return Column(owners, iterations, values)
