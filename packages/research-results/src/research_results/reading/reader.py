"""The reader: answers questions to a source of results with plain values and arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from research_domain import ConfigAlias
from research_results.errors import DamagedError
from research_results.reading.artifacts import Artifact
from research_results.reading.changes import Change, Stored
from research_results.reading.chunks import Chunk, name_of_value
from research_results.reading.exact import chunk_values
from research_results.reading.filters import Query, parse_filter, select_experiments
from research_results.reading.following import Page, check_since, read_page, status_change
from research_results.reading.selected import Selected, SelectedHere
from research_results.reading.source import Source
from research_results.reading.status import Summary, count_statuses, summarize
from research_results.reading.variables import check_variables, known_variables


class Questions(ABC):
    """Questions to the results of one research, or of several."""

    __slots__ = ()

    @abstractmethod
    def selected(self, wanted: Query, *, configs: bool = True) -> AbstractContextManager[Selected]:
        """Open the tables and find the experiments that a filter lets through, with or without configs."""

    @abstractmethod
    def variables(self) -> tuple[str, ...]:
        """Return the names of all variables."""

    def check_names(self, wanted: Query) -> None:
        """Refuse variables that are not there."""
        check_variables(wanted, self.variables())

    def ids(self, wanted: Query) -> list[str]:
        """Return the names of experiments."""
        with self.selected(wanted, configs=False) as selected:
            return list(selected.experiments.names)

    def configs(self, wanted: Query) -> dict[str, ConfigAlias]:
        """Return the configs of experiments."""
        with self.selected(wanted) as selected:
            return dict(zip(selected.experiments.names, selected.config_table().configs(), strict=True))

    def values(self, wanted: Query) -> dict[str, dict[str, dict[int, Any]]]:
        """Return exact values: experiment to variable to iteration to value, all in order."""
        with self.selected(wanted) as selected:
            return dict(zip(selected.experiments.names, selected.values(), strict=True))

    def artifacts(self, wanted: Query) -> dict[str, list[Artifact]]:
        """Return the files of experiments."""
        with self.selected(wanted, configs=False) as selected:
            return dict(zip(selected.experiments.names, selected.artifacts(), strict=True))


@dataclass(frozen=True, slots=True)
class Reader(Questions):
    """Answers questions about one research; holds nothing but where and how to read."""

    source: Source

    @property
    def name(self) -> str:
        """The folder, or ``'memory'``."""
        return self.source.name

    @property
    def path(self) -> Path | None:
        """The folder, None in memory."""
        return self.source.path

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the writer keeps about the whole research."""
        return self.source.meta

    def query(self, given: Mapping[str, Any]) -> Query:
        """Return the filter that some arguments mean."""
        return parse_filter(**given)

    @contextmanager
    def selected(self, wanted: Query, *, configs: bool = True) -> Iterator[SelectedHere]:
        """Open the tables and find the experiments that a filter lets through, with or without configs."""
        with self.source.reading() as connection:
            experiments = select_experiments(connection, self.source, wanted, configs=configs)
            yield SelectedHere(experiments, wanted, connection, self.source)

    def variables(self) -> tuple[str, ...]:
        """Return the names of all variables."""
        with self.source.reading() as connection:
            return known_variables(connection)

    def counts(self) -> dict[str, int]:
        """Return how many experiments have each status."""
        with self.source.reading() as connection:
            return count_statuses(connection)

    def split(self, path: str) -> tuple[str, str]:
        """Return experiment and variable of ``'experiment/variable'``."""
        experiment_id, _, name = path.partition("/")
        return experiment_id, name

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
        where = name_of_value(experiment_id, variable)
        if variable is None:
            raise DamagedError(where, "nothing is written about it")
        keep = wanted.iterations
        values = dict(chunk_values(row, self.source, where))
        if keep is not None:
            values = {iteration: value for iteration, value in values.items() if iteration in keep}
        is_wanted = wanted.names is None or variable in wanted.names
        return Stored(row.number, experiment_id, variable, values) if values and is_wanted else None

    def summary(self) -> Summary:
        """Return the research in a few numbers."""
        with self.source.reading() as connection:
            return summarize(connection, self.source)
