"""Values exactly as they were saved, row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from research_results.codec.encoding import NUMBER_KINDS, decode_numbers, decode_value
from research_results.errors import DamagedError
from research_results.reading.chunks import Chunk, name_of_value, read_chunks
from research_results.reading.experiments import Experiments
from research_results.reading.filters import Query
from research_results.reading.source import Source
from research_results.reading.variables import chosen_variables, is_wanted, numbers_of_variables


def read_values(
    connection: sqlite3.Connection, source: Source, experiments: Experiments, wanted: Query
) -> list[dict[str, dict[int, Any]]]:
    """Return for each experiment variable to iteration to value, all in order."""
    names = chosen_variables(connection, wanted.names)
    index_of = dict(zip(experiments.keys.tolist(), range(len(experiments)), strict=True))
    found: list[dict[int, dict[int, Any]]] = [{} for _ in range(len(experiments))]
    for chunk in read_chunks(connection, experiments, numbers_of_variables(names, wanted)):
        index = index_of.get(chunk.experiment)
        if index is not None and is_wanted(chunk.variable, names, wanted):
            where = name_of_value(experiments.ids[index], names[chunk.variable])
            found[index].setdefault(chunk.variable, {}).update(chunk_values(chunk, source, where))
        elif index is None and experiments.complete:
            raise DamagedError("table chunks", f"row {chunk.number} is of no experiment")
    keep = None if wanted.iterations is None else set(wanted.iterations)
    return [
        {
            names[variable]: {
                iteration: values[iteration]
                for iteration in sorted(values)
                if keep is None or iteration in keep
            }
            for variable, values in sorted(by_variable.items())
        }
        for by_variable in found
    ]


def chunk_values(chunk: Chunk, source: Source, where: str) -> Iterator[tuple[int, Any]]:
    """Return the iterations and values of a row; `where` says whose they are."""
    data = chunk.bytes(source, where)
    if chunk.kind not in NUMBER_KINDS:
        value = decode_value(
            chunk.kind, chunk.type_name, chunk.text, data, allow_pickle=source.trusted, where=where
        )
        return iter([(chunk.first, value)])
    values = decode_numbers(chunk.kind, data, where=where)
    if len(values) != chunk.length:
        raise DamagedError(where, f"holds {len(values)} values instead of {chunk.length}")
    if chunk.iterations is not None:
        iterations = decode_numbers("int", chunk.iterations, where=where)
        if len(iterations) != len(values):
            raise DamagedError(where, f"has {len(iterations)} iterations of {len(values)} values")
    else:
        iterations = [chunk.first + chunk.step * index for index in range(len(values))]
    return zip(iterations, values, strict=True)
