"""Values of variables as columns: where they belong, and an array of the right type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from research_results._codec import decode_value, number_dtype
from research_results._experiments import Experiments, Ints, select_in
from research_results.errors import DamagedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from research_results._source import Source

__all__ = ["Chunk", "Column", "Part", "gather", "read_chunks", "read_columns", "take"]

Array: TypeAlias = "np.ndarray[Any, Any]"


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
        if not isinstance(data, bytes):
            raise DamagedError("table chunks", f"row {self.number} has no data")
        return data


@dataclass(frozen=True, slots=True)
class Part:
    """Some values of one kind with their places.

    Attributes
    ----------
    places : int64 array, length N
        Where each value belongs in the whole.
    values : array, length N
        Of a number's dtype, or of objects.
    """

    places: Ints
    values: Array


@dataclass(frozen=True, slots=True)
class Column:
    """A variable, sorted by experiment and iteration, each pair once.

    Attributes
    ----------
    experiments, iterations : int64 arrays, length N
        Place of the experiment in the order, and iteration.
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


def read_chunks(
    connection: sqlite3.Connection, experiments: Experiments, variables: Sequence[int] | None
) -> Iterator[Chunk]:
    """Read rows of values in the order in which they were written; later ones replace earlier ones."""
    keys = experiments.keys.tolist()
    by_experiment, some = select_in("experiment", keys)
    by_variable, others = select_in("variable", variables)
    wanted = set(keys) if by_experiment == "1" else None
    columns = "chunk, experiment, variable, kind, count, first, step, iterations, type, text, data, blob"
    rows = connection.execute(
        f"SELECT {columns} FROM chunks WHERE {by_experiment} AND {by_variable} ORDER BY chunk",  # noqa: S608
        [*some, *others],
    )
    chunks = map(Chunk._make, rows)
    return chunks if wanted is None else (chunk for chunk in chunks if chunk.experiment in wanted)


def read_columns(
    chunks: Iterator[Chunk],
    experiments: Experiments,
    source: Source,
    *,
    iterations: Sequence[int] | None,
    allow_pickle: bool,
) -> dict[int, Column]:
    """Turn rows of values into one column for each variable."""
    groups: dict[tuple[int, str], list[Chunk]] = {}
    for chunk in chunks:
        place = chunk[2:4]
        if place in groups:
            groups[place].append(chunk)
        else:
            groups[place] = [chunk]
    variables: dict[int, dict[str, list[Chunk]]] = {}
    for (variable, kind), group in groups.items():
        kind = kind if number_dtype(kind) is not None else ""
        variables.setdefault(variable, {}).setdefault(kind, []).extend(group)
    for kinds in variables.values():
        kinds.get("", []).sort(key=_number)
    reader = _Reader(experiments, source, iterations, allow_pickle)
    return {variable: reader.column(kinds) for variable, kinds in sorted(variables.items())}


def _number(chunk: Chunk) -> int:
    return chunk.number


class _Reader:
    """Turn the rows of one variable after another into columns, sharing what they share."""

    def __init__(
        self, experiments: Experiments, source: Source, iterations: Sequence[int] | None, allow_pickle: bool
    ) -> None:
        self.keys, self.places = experiments.order()
        self.source = source
        self.wanted = None if iterations is None else np.unique(np.asarray(iterations, np.int64))
        self.allow_pickle = allow_pickle
        self.last: tuple[tuple[Array, ...], tuple[Ints, Ints]] | None = None

    def column(self, kinds: dict[str, list[Chunk]]) -> Column:
        """Return the column of a variable from its rows, kind by kind."""
        pieces = [self._piece(kind, chunks) for kind, chunks in kinds.items()]
        if len(pieces) == 1:
            (piece,) = pieces
            return _tidy(piece.owners, piece.iterations, piece.values, None)
        ends = np.cumsum([len(piece.values) for piece in pieces]).tolist()
        parts = [
            Part(np.arange(end - len(piece.values), end, dtype=np.int64), piece.values)
            for end, piece in zip(ends, pieces, strict=True)
        ]
        owners, iterations, numbers = (
            np.concatenate([piece[field] for piece in pieces]) for field in range(3)
        )
        return _tidy(owners, iterations, gather(ends[-1], parts), numbers)

    def _piece(self, kind: str, chunks: list[Chunk]) -> _Piece:
        """Return the places and the values of rows of one kind."""
        owners = self._owners(chunks)
        order = np.argsort(owners, kind="stable")
        if (order[1:] < order[:-1]).any():
            chunks = [chunks[place] for place in order.tolist()]
            owners = owners[order]
        counts = np.array([chunk.length for chunk in chunks], np.int64)
        dtype = number_dtype(kind)
        _check_counts(chunks, counts, dtype)
        numbers = np.repeat(np.array([chunk.number for chunk in chunks], np.int64), counts)
        owners, iterations = self._rows(owners, counts, chunks)
        values = self._objects(chunks) if dtype is None else _numbers(chunks, dtype, kind)
        if self.wanted is None:
            return _Piece(owners, iterations, numbers, values)
        mask = np.isin(iterations, self.wanted)
        return _Piece(owners[mask], iterations[mask], numbers[mask], values[mask])

    def _owners(self, chunks: list[Chunk]) -> Ints:
        """Return the places of the experiments of rows."""
        keys = np.array([chunk.experiment for chunk in chunks], np.int64)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.places[found]

    def _rows(self, owners: Ints, counts: Ints, chunks: list[Chunk]) -> tuple[Ints, Ints]:
        """Return experiment and iteration of each value of some rows."""
        firsts = np.array([chunk.first for chunk in chunks], np.int64)
        steps = np.array([chunk.step for chunk in chunks], np.int64)
        listed = [place for place, chunk in enumerate(chunks) if chunk.iterations is not None]
        shape = (owners, counts, firsts, steps)
        if not listed and self.last is not None and _equal(shape, self.last[0]):
            return self.last[1]
        starts = np.cumsum(counts) - counts
        iterations = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(starts, counts)
        iterations *= np.repeat(steps, counts)
        iterations += np.repeat(firsts, counts)
        for place in listed:
            given = np.frombuffer(chunks[place].iterations or b"", "<i8")
            iterations[starts[place] : starts[place] + counts[place]] = given
        rows = (np.repeat(owners, counts), iterations)
        if not listed:
            self.last = (shape, rows)
        return rows

    def _objects(self, chunks: list[Chunk]) -> Array:
        values = np.empty(len(chunks), object)
        for place, chunk in enumerate(chunks):
            values[place] = decode_value(
                chunk.kind,
                chunk.type_name,
                chunk.text,
                chunk.bytes(self.source),
                allow_pickle=self.allow_pickle,
                where=f"row {chunk.number} of table chunks",
            )
        return values


class _Piece(NamedTuple):
    """Values of one kind, where they belong, and in which order they were written."""

    owners: Ints
    iterations: Ints
    numbers: Ints
    values: Array


def _equal(left: tuple[Array, ...], right: tuple[Array, ...]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(left, right, strict=True))


def _check_counts(chunks: list[Chunk], counts: Ints, dtype: np.dtype[Any] | None) -> None:
    """Refuse counts that the data does not bear out, before anything is made of that size."""
    if dtype is None:
        fits = counts == 1
    else:
        lengths = np.array([len(chunk.data or b"") for chunk in chunks], np.int64)
        fits = (lengths % dtype.itemsize == 0) & (counts == lengths // dtype.itemsize)
    given = [len(chunk.iterations or b"") if chunk.iterations is not None else -1 for chunk in chunks]
    listed = np.array(given, np.int64)
    fits &= (listed < 0) | ((listed % 8 == 0) & (counts == listed // 8))
    if not fits.all():
        number = chunks[int(np.argmin(fits))].number
        raise DamagedError("table chunks", f"row {number} does not hold the values that it counts")


def _numbers(chunks: list[Chunk], dtype: np.dtype[Any], kind: str) -> Array:
    data = b"".join([chunk.data or b"" for chunk in chunks])
    return np.frombuffer(data, dtype) if kind != "bool" else np.not_equal(np.frombuffer(data, np.uint8), 0)


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


def gather(count: int, parts: Sequence[Part]) -> Array:
    """Put parts into one array whose type holds all their values exactly.

    Parameters
    ----------
    count : int
        Length of the result.
    parts : sequence of Part
        Together they may leave places free: these are NaN.

    Returns
    -------
    array, length `count`
        Of one number type if all values fit it, else of objects.
    """
    missing = sum(len(part.places) for part in parts) < count
    dtype = _common(parts, missing=missing)
    if dtype.kind == "O":
        whole = np.full(count, np.nan, object)
    elif missing:
        whole = np.full(count, np.nan, dtype)
    else:
        whole = np.empty(count, dtype)
    for part in parts:
        whole[part.places] = part.values if dtype.kind != "O" else _as_objects(part.values)
    return whole


def _common(parts: Sequence[Part], *, missing: bool) -> np.dtype[Any]:
    """Return the type that holds all values, and NaN if some are missing."""
    dtypes = {part.values.dtype for part in parts}
    kinds = {dtype.kind for dtype in dtypes}
    if not dtypes or not kinds <= set("biufc") or ("b" in kinds and (missing or kinds != {"b"})):
        return np.dtype(object)
    common = np.result_type(*dtypes)
    if missing and common.kind in "iu":
        common = np.dtype(np.float64)
    if common.kind in "fc" and not all(_fits(part.values, common) for part in parts):
        return np.dtype(object)
    return common


def _fits(values: Array, common: np.dtype[Any]) -> bool:
    """Tell whether integers survive in a type of floats."""
    if values.dtype.kind not in "iu" or not len(values):
        return True
    limit = 2 ** (np.finfo(common).nmant + 1)
    return bool(-limit <= int(values.min()) and int(values.max()) <= limit)


def _as_objects(values: Array) -> Array:
    """Return builtin numbers for numbers of 64 bits, so that 1 stays 1."""
    objects: Array = values.astype(object)
    return objects


def take(values: Array, places: Ints) -> Array:
    """Return values by place; -1 is a missing one."""
    present = places >= 0
    if present.all():
        return values[places]
    return gather(len(places), [Part(np.flatnonzero(present), values[places[present]])])
