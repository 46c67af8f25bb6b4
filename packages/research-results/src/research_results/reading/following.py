"""Following a research: changes as they are written, page by page."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any, TypeAlias

from research_results.disk.schema import FORMAT, newest_revision, schema_version
from research_results.errors import ArgumentError, DamagedError, OldFormatError
from research_results.reading.changes import Change, Dropped, Ended, Queued, Started
from research_results.reading.chunks import chunks_between
from research_results.reading.experiments import select_in
from research_results.reading.variables import chosen_variables

_Row: TypeAlias = tuple[Any, ...]
_PAGE = 1000
_FEW = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Changes as rows, in their order, with what their numbers mean."""

    rows: tuple[_Row, ...]
    """A row of the table of changes, or a `Chunk`; both begin with revision and experiment."""
    ids: Mapping[int, str]
    """Number of an experiment to its name."""
    variables: Mapping[int, str]
    """Number of a variable to its name."""


def check_since(connection: sqlite3.Connection, name: str, since: Any) -> int:
    """Return the newest revision; `since` is what a reader says that it has seen, `name` is for errors.

    Raises
    ------
    OldFormatError
        If the folder does not count revisions.
    ArgumentError
        If it has not come that far.
    """
    version = schema_version(connection)
    if version < FORMAT:
        raise OldFormatError(name, version, FORMAT)
    newest = newest_revision(connection)
    if not isinstance(since, int) or isinstance(since, bool) or since < 0:
        raise ArgumentError("since", f"is 0 or the revision of an earlier call, got {since!r}")
    if since > newest:
        reason = (
            f"is {since}, and {name!r} has come to {newest} only: it is not the research that was followed"
        )
        raise ArgumentError("since", f"{reason}; follow it from 0")
    return newest


def read_page(connection: sqlite3.Connection, since: int, until: int) -> Page:
    """Return the first changes after one revision and up to another; none if there are none."""
    events = connection.execute(
        "SELECT revision, experiment, change, attempt FROM changes WHERE revision > ? AND revision <= ? "
        "ORDER BY revision LIMIT ?",
        (since, until, _PAGE),
    )
    rows = heapq.merge(events.fetchall(), chunks_between(connection, since, until, _PAGE), key=itemgetter(0))
    first = tuple(islice(rows, _PAGE))
    ids = _ids(connection, sorted({row[1] for row in first}))
    return Page(first, ids, chosen_variables(connection, None))


def _ids(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[int, str]:
    """Return number and name of some experiments."""
    found: dict[int, str] = {}
    for start in range(0, len(keys), _FEW):
        condition = select_in("key", keys[start : start + _FEW])
        select = f"SELECT key, id FROM experiments WHERE {condition}"  # noqa: S608  (only our words)
        found.update(connection.execute(select).fetchall())
    return found


def status_change(row: _Row, experiment_id: str) -> Change:
    """Return what a row of the table of changes says."""
    revision, _, change, attempt = row
    match change:
        case "queued":
            return Queued(revision, experiment_id)
        case "running":
            return Started(revision, experiment_id, attempt)
        case "done" | "failed" | "lost":
            return Ended(revision, experiment_id, change, attempt)
        case "dropped":
            return Dropped(revision, experiment_id)
    raise DamagedError(f"change {revision} of experiment {experiment_id!r}", f"it is {str(change)[:40]!r}")
