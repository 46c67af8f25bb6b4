"""Values of one variable and kind, joined from rows, with experiment and iteration of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from research_results.codec.encoding import NUMBER_KINDS, decode_value, number_array, number_dtype
from research_results.disk.checksums import CHANGED
from research_results.errors import DamagedError
from research_results.reading.chunks import Chunk, name_of_value
from research_results.reading.experiments import Experiments
from research_results.reading.gather import Array, Ints, Mask
from research_results.reading.packed import KINDS, PackedRows
from research_results.reading.rows import INT, check_column
from research_results.reading.source import Source

_MISCOUNTED = "it does not hold as many values as it says"


class _Layout(NamedTuple):
    """For each row the index of its experiment, its number of values, and their first iteration and step."""

    owners: Ints
    counts: Ints
    firsts: Ints
    steps: Ints

    def equals(self, other: _Layout) -> bool:
        return all(np.array_equal(one, another) for one, another in zip(self, other, strict=True))


class _ValueIndex(NamedTuple):
    """The experiment and iteration of each value, and whether they are known to be in order, each once."""

    owners: Ints
    iterations: Ints
    in_order: bool


class Piece(NamedTuple):
    """Values of one kind."""

    owners: Ints
    iterations: Ints
    """Index of the experiment, and iteration; length N."""
    values: Array
    """Of the type of the kind; length N."""
    in_order: bool
    """Whether they are known to be sorted by experiment and iteration, each pair once."""
    rows: Ints
    """Numbers of the rows that hold them; length M."""
    counts: Ints
    """Number of values in each of these; length M."""
    mask: Mask | None
    """Which of these values are the N; None for all."""

    def numbers(self) -> Ints:
        """Return for each value the number of its row."""
        numbers = np.repeat(self.rows, self.counts)
        return numbers if self.mask is None else numbers[self.mask]


class PieceMaker:
    """Make pieces of rows; what variables with rows of equal layout share is computed once.

    Rows of other experiments and iterations than are wanted are left out. `names` are variables, for errors.
    """

    def __init__(
        self, experiments: Experiments, names: Mapping[int, str], iterations: Sequence[int] | None
    ) -> None:
        self._experiments = experiments
        self._names = names
        self._indices = np.argsort(experiments.keys, kind="stable")
        self._keys = experiments.keys[self._indices]
        self._wanted = None if iterations is None else np.unique(np.asarray(iterations, np.int64))
        self._last: tuple[_Layout, _ValueIndex] | None = None

    def of_packed(self, rows: PackedRows) -> Iterator[tuple[int, Piece]]:
        """Yield variable and piece for each variable and kind of packed numbers."""
        owners = self._owners(rows.numbers, rows.experiments)
        groups, group = np.unique(rows.variables * len(KINDS) + rows.kinds, return_inverse=True)
        order = np.argsort(group * (len(self._keys) + 1) + owners, kind="stable")
        order = order[owners[order] >= 0]
        ends = np.searchsorted(group[order], np.arange(len(groups)), side="right")
        for number, own in zip(groups.tolist(), np.split(order, ends)[:-1], strict=True):
            if len(own):
                variable, kind = divmod(number, len(KINDS))
                yield variable, self._packed(rows, own, owners[own], variable, KINDS[kind])

    def _packed(self, rows: PackedRows, own: Ints, owners: Ints, variable: int, kind: str) -> Piece:
        """Return the numbers of one variable and kind, which some of the rows hold."""
        intact = rows.intact[own]
        if not intact.all():
            owner = self._experiments.ids[int(owners[int(np.argmin(intact))])]
            raise DamagedError(name_of_value(owner, self._names.get(variable)), CHANGED)
        layout = _Layout(owners, rows.counts[own], rows.firsts[own], rows.steps[own])
        if self._last is None or not layout.equals(self._last[0]):
            self._last = layout, _progressions(layout)
        values = number_array(kind, rows.numbers_of(own))
        return self._piece(self._last[1], values, rows.numbers[own], layout.counts)

    def of_chunks(self, chunks: Sequence[Chunk], source: Source, *, allow_pickle: bool) -> Piece:
        """Return the values of rows of one variable and kind, each row looked at."""
        owners = [chunk.experiment for chunk in chunks]
        check_column("chunks", "experiment", owners, INT)
        numbers = np.array([chunk.number for chunk in chunks], np.int64)
        found = self._owners(numbers, np.array(owners, np.int64))
        order = np.argsort(found, kind="stable")
        order = order[found[order] >= 0]
        own = [chunks[index] for index in order.tolist()]
        names = [
            name_of_value(self._experiments.ids[owner], self._names.get(chunk.variable))
            for owner, chunk in zip(found[order].tolist(), own, strict=True)
        ]
        data = [chunk.bytes(source, where) for chunk, where in zip(own, names, strict=True)]
        kind = chunks[0].kind
        if kind in NUMBER_KINDS:
            iterations = list(map(_iterations, own, data, names))
            values = number_array(kind, b"".join(data))
        else:
            iterations = [np.array([chunk.first], np.int64) for chunk in own]
            values = np.empty(len(own), object)
            for index, (chunk, content, where) in enumerate(zip(own, data, names, strict=True)):
                if chunk.length != 1:
                    raise DamagedError(where, _MISCOUNTED)
                values[index] = decode_value(
                    kind, chunk.type_name, chunk.text, content, allow_pickle=allow_pickle, where=where
                )
        counts = np.array(list(map(len, iterations)), np.int64)
        joined = np.concatenate(iterations) if iterations else np.empty(0, np.int64)
        of_values = _ValueIndex(np.repeat(found[order], counts), joined, in_order=False)
        return self._piece(of_values, values, numbers[order], counts)

    def _owners(self, numbers: Ints, keys: Ints) -> Ints:
        """Return for each row the index of its experiment; -1 if that is not wanted."""
        if not len(self._keys):
            found = known = np.zeros(len(keys), np.int64)
        else:
            found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            known = self._keys[found] == keys
        if known.all():
            return self._indices[found] if len(keys) else keys
        if self._experiments.complete:
            raise DamagedError("table chunks", f"row {numbers[int(np.argmin(known))]} is of no experiment")
        return np.where(known, self._indices[found], -1) if len(self._keys) else np.full(len(keys), -1)

    def _piece(self, index: _ValueIndex, values: Array, rows: Ints, counts: Ints) -> Piece:
        owners, iterations, in_order = index
        if self._wanted is None:
            return Piece(owners, iterations, values, in_order, rows, counts, None)
        mask = np.isin(iterations, self._wanted)
        return Piece(owners[mask], iterations[mask], values[mask], in_order, rows, counts, mask)


def _progressions(layout: _Layout) -> _ValueIndex:
    """Return experiment and iteration of values whose iterations are arithmetic progressions."""
    owners, counts, firsts, steps = layout
    starts = np.cumsum(counts) - counts
    iterations = np.arange(int(counts.sum()), dtype=np.int64)
    if (steps == 1).all():
        iterations += np.repeat(firsts - starts, counts)
    else:
        iterations -= np.repeat(starts, counts)
        iterations *= np.repeat(steps, counts)
        iterations += np.repeat(firsts, counts)
    lasts = firsts + steps * (counts - 1)
    follow = (owners[1:] > owners[:-1]) | (firsts[1:] > lasts[:-1])
    in_order = bool(follow.all() and ((steps > 0) | (counts == 1)).all() and (counts > 0).all())
    return _ValueIndex(np.repeat(owners, counts), iterations, in_order)


def _iterations(chunk: Chunk, data: bytes, where: str) -> Ints:
    """Return the iterations of a row of numbers."""
    count, itemsize = chunk.length, number_dtype(chunk.kind).itemsize
    listed = chunk.iterations
    if len(data) != count * itemsize or (listed is not None and len(listed) != 8 * count):
        raise DamagedError(where, _MISCOUNTED)
    if listed is not None:
        return np.frombuffer(listed, "<i8")
    return chunk.first + chunk.step * np.arange(count, dtype=np.int64)
