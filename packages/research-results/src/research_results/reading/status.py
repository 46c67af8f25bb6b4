"""Status of experiments: counts and totals."""

from __future__ import annotations

import html
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from research_results.disk.schema import Executes
from research_results.reading.experiments import seen_parameters
from research_results.reading.source import Source
from research_results.reading.variables import known_variables

Status: TypeAlias = Literal["queued", "running", "done", "failed", "lost"]

STATUSES: tuple[Status, ...] = ("queued", "running", "done", "failed", "lost")
"""What an experiment can be."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A research in a few numbers.

    Attributes
    ----------
    name : str
        Its folder, or ``'memory'``.
    counts : dict
        Status to number of experiments, for each status that some have.
    parameters, variables : tuple of str
        Names, in the order of their first appearance.
    values : int
        How many values are stored.
    size_bytes : int
        What files take on disk; 0 in memory.
    elapsed_s : float
        Time that experiments took, all together, in seconds.
    """

    name: str
    counts: Mapping[str, int]
    parameters: tuple[str, ...]
    variables: tuple[str, ...]
    values: int
    size_bytes: int
    elapsed_s: float

    def __str__(self) -> str:
        width = max(len(label) for label, _ in self._rows())
        return "\n".join(f"{label:<{width}}  {text}" for label, text in self._rows())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in self._rows()
        )
        return f"<table>{rows}</table>"

    def _rows(self) -> list[tuple[str, str]]:
        states = ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "none"
        return [
            ("research", self.name),
            ("experiments", states),
            ("parameters", ", ".join(self.parameters) or "none"),
            ("variables", ", ".join(self.variables) or "none"),
            ("values", f"{self.values:,}"),
            ("on disk", f"{self.size_bytes / 1e6:,.1f} MB" if self.size_bytes else "nothing"),
            ("time", f"{self.elapsed_s:,.1f} s in experiments"),
        ]


def count_statuses(connection: Executes) -> dict[str, int]:
    """Return the number of experiments for each status that occurs."""
    counts = dict(connection.execute("SELECT status, count(*) FROM experiments GROUP BY status").fetchall())
    return {status: int(counts[status]) for status in STATUSES if status in counts}


def summarize(connection: sqlite3.Connection, source: Source) -> Summary:
    """Return a research in a few numbers."""
    execute = connection.execute
    (values,) = execute("SELECT coalesce(sum(count), 0) FROM chunks").fetchone()
    (elapsed_s,) = execute("SELECT coalesce(sum(elapsed_s), 0) FROM experiments").fetchone()
    return Summary(
        source.name,
        count_statuses(connection),
        tuple(dict.fromkeys(parameter.name for parameter in seen_parameters(connection))),
        known_variables(connection),
        int(values),
        source.size_bytes(),
        float(elapsed_s),
    )
