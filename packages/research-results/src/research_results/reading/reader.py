"""Questions to a source of results, answered with plain values and arrays."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from research_results.codec.encoding import NUMBER_KINDS, decode_numbers, decode_value
from research_results.errors import DamagedError, UnknownVariableError
from research_results.reading.artifacts import Artifact, artifacts_of
from research_results.reading.changes import Stored
from research_results.reading.chunks import Chunk, place_of, read_chunks
from research_results.reading.columns import Column, read_columns
from research_results.reading.configs import ConfigTable
from research_results.reading.experiments import read_parameters
from research_results.reading.filters import Query, select_experiments
from research_results.reading.following import Page, check_since, read_page, status_change
from research_results.reading.status import Summary, count_statuses, summarize

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from research_domain import ConfigAlias
    from research_results.reading.changes import Change
    from research_results.reading.experiments import Experiments
    from research_results.reading.source import Source

__all__ = ["Reader"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers questions; holds nothing but where and how to read.

    Attributes
    ----------
    source : Source
        Folder or memory that holds the results.
    """

    source: Source

    @property
    def allow_pickle(self) -> bool:
        """Whether opaque values may run their code."""
        return self.source.trusted

    @contextmanager
    def selected(self, wanted: Query) -> Iterator[tuple[sqlite3.Connection, Experiments]]:
        """Open the tables and find the experiments that a filter lets through."""
        with self.source.reading() as connection:
            yield connection, select_experiments(connection, self.source, wanted)

    def variables(self) -> tuple[str, ...]:
        """Return the names of all variables."""
        with self.source.reading() as connection:
            return tuple(_variables(connection, None).values())

    def parameters(self) -> dict[str, str]:
        """Return name and alias of all parameters."""
        with self.source.reading() as connection:
            return {parameter.name: parameter.alias for parameter in read_parameters(connection).values()}

    def counts(self) -> dict[str, int]:
        """Return how many experiments have each status."""
        with self.source.reading() as connection:
            return count_statuses(connection)

    def check_names(self, wanted: Query) -> None:
        """Refuse variables that are not there."""
        with self.source.reading() as connection:
            _variables(connection, wanted.names)

    def ids(self, wanted: Query) -> list[str]:
        """Return the names of experiments."""
        with self.selected(wanted) as (_, experiments):
            return list(experiments.ids)

    def configs(self, wanted: Query) -> dict[str, ConfigAlias]:
        """Return the configs of experiments."""
        with self.selected(wanted) as (connection, experiments):
            configs = self.config_table(connection, experiments).configs()
            return dict(zip(experiments.ids, configs, strict=True))

    def values(self, wanted: Query) -> dict[str, dict[str, dict[int, Any]]]:
        """Return exact values: experiment to variable to iteration to value, all in order."""
        with self.selected(wanted) as (connection, experiments):
            names = _variables(connection, wanted.names)
            index_of = dict(zip(experiments.keys.tolist(), range(len(experiments)), strict=True))
            found: list[dict[int, dict[int, Any]]] = [{} for _ in range(len(experiments))]
            for chunk in read_chunks(connection, experiments, _numbers(names, wanted)):
                index = index_of.get(chunk.experiment)
                if index is not None and _is_wanted(chunk.variable, names, wanted):
                    where = place_of(experiments.ids[index], names[chunk.variable])
                    values = self._chunk_values(chunk, where)
                    found[index].setdefault(chunk.variable, {}).update(values)
                elif index is None and experiments.complete:
                    raise DamagedError("table chunks", f"row {chunk.number} is of no experiment")
            keep = None if wanted.iterations is None else set(wanted.iterations)
            ordered = [_in_order(by_variable, names, keep) for by_variable in found]
        return dict(zip(experiments.ids, ordered, strict=True))

    def artifacts(self, wanted: Query) -> dict[str, list[Artifact]]:
        """Return the files of experiments."""
        names = None if wanted.names is None else set(wanted.names)
        return {name: artifacts_of(self.source, name, names) for name in self.ids(wanted)}

    def revision(self, since: int) -> int:
        """Return the revision of the newest change, if that is not before `since`."""
        with self.source.reading() as connection:
            return check_since(connection, self.source.name, since)

    def changes(self, since: int, until: int, wanted: Query) -> Iterator[Change]:
        """Yield changes after one revision and up to another; no connection is open meanwhile."""
        chosen = None if wanted == Query() else set(self.ids(wanted))
        while since < until:
            with self.source.reading() as connection:
                page = read_page(connection, since, until)
            for row in page.rows:
                experiment_id = page.ids.get(row[1])
                if experiment_id is None:
                    raise DamagedError("table changes", f"row {row[0]} is of no experiment")
                if chosen is None or experiment_id in chosen:
                    change = self._change(row, str(experiment_id), page, wanted)
                    if change is not None:
                        yield change
            since = page.rows[-1][0] if page.rows else until

    def _change(self, row: tuple[Any, ...], experiment_id: str, page: Page, wanted: Query) -> Change | None:
        if not isinstance(row, Chunk):
            return status_change(row, experiment_id)
        variable = page.variables.get(row.variable)
        where = place_of(experiment_id, variable)
        if variable is None:
            raise DamagedError(where, "nothing is written about it")
        keep = wanted.iterations
        values = dict(self._chunk_values(row, where))
        if keep is not None:
            values = {iteration: value for iteration, value in values.items() if iteration in keep}
        is_wanted = wanted.names is None or variable in wanted.names
        return Stored(row.number, experiment_id, variable, values) if values and is_wanted else None

    def summary(self) -> Summary:
        """Return the research in a few numbers."""
        with self.source.reading() as connection:
            return summarize(connection, self.source)

    def columns(
        self, connection: sqlite3.Connection, experiments: Experiments, wanted: Query
    ) -> dict[str, Column]:
        """Return a column for each variable that has values."""
        names = _variables(connection, wanted.names)
        columns = read_columns(
            connection,
            experiments,
            _numbers(names, wanted),
            self.source,
            names=names,
            iterations=wanted.iterations,
            allow_pickle=self.allow_pickle,
        )
        return {
            names[number]: column for number, column in columns.items() if _is_wanted(number, names, wanted)
        }

    def config_table(self, connection: sqlite3.Connection, experiments: Experiments) -> ConfigTable:
        """Return the configs of experiments, to be asked for columns or texts."""
        return ConfigTable(connection, self.source, experiments, allow_pickle=self.allow_pickle)

    def _chunk_values(self, chunk: Chunk, where: str) -> Iterator[tuple[int, Any]]:
        """Return the iterations and values of a row; `where` says whose they are."""
        data = chunk.bytes(self.source, where)
        if chunk.kind not in NUMBER_KINDS:
            value = decode_value(
                chunk.kind, chunk.type_name, chunk.text, data, allow_pickle=self.allow_pickle, where=where
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


def _variables(connection: sqlite3.Connection, wanted: tuple[str, ...] | None) -> dict[int, str]:
    """Return number and name of variables, in the order of their first appearance."""
    rows = connection.execute("SELECT variable, name FROM variables ORDER BY variable")
    known = {number: str(name) for number, name in rows}
    for name in wanted or ():
        if known and name not in known.values():
            raise UnknownVariableError(name, tuple(known.values()))
    return {number: name for number, name in known.items() if wanted is None or name in wanted}


def _numbers(names: dict[int, str], wanted: Query) -> list[int] | None:
    return None if wanted.names is None else list(names)


def _is_wanted(variable: int, names: dict[int, str], wanted: Query) -> bool:
    """Tell whether a variable is among those asked for; where many are, rows of others are read as well."""
    if variable in names:
        return True
    if wanted.names is None:
        raise DamagedError("table chunks", f"refers to a variable {variable} without a name")
    return False


def _in_order(
    by_variable: dict[int, dict[int, Any]], names: dict[int, str], keep: set[int] | None
) -> dict[str, dict[int, Any]]:
    """Return values by name, sorted by variable and iteration, of some iterations."""
    return {
        names[variable]: {
            iteration: values[iteration] for iteration in sorted(values) if keep is None or iteration in keep
        }
        for variable, values in sorted(by_variable.items())
    }
