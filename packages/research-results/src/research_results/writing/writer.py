"""What the coordinator writes: experiments, their status, their values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import repeat
from typing import Any, TypeAlias

from research_domain import ConfigAlias
from research_domain.texts import clean_text
from research_results.codec.encoding import Encoded
from research_results.disk.blobs import BLOB_LIMIT_BYTES, Blobs
from research_results.disk.checksums import experiment_checksum, row_checksum
from research_results.disk.database import Database
from research_results.disk.names import check_name
from research_results.disk.schema import FAILURE_COLUMNS, index_experiments, newest_revision
from research_results.errors import ArgumentError, UnknownExperimentError
from research_results.reading.status import STATUSES, Status, count_statuses
from research_results.writing.failing import as_failure
from research_results.writing.interning import Interner, stored_blob
from research_results.writing.known_names import KnownNames
from research_results.writing.pending import RAN, PendingRows


def _text(value: object) -> str:
    return clean_text(str(value))


@lru_cache(maxsize=256)
def _short_text(value: str | None) -> str | None:
    """Return a name that comes again, of a host or a device, as it can be written."""
    return None if value is None else _text(value)


_DETAILS: dict[str, Callable[[Any], Any]] = {
    "attempt": int,
    "worker": int,
    "host": _text,
    "device": _text,
    "code": _text,
    "started": float,
    "elapsed_s": float,
    "iterations": int,
    "stopped": int,
}
Attempt: TypeAlias = tuple[str, int, int, Any, Any, float, int, float, Any]
"""Experiment, number of the attempt, worker, host, device, start, iterations, seconds, and encoded values."""

Added: TypeAlias = "tuple[str, ConfigAlias, int, bytes | None]"
"""Experiment, config, position and identity."""

_SHORT = 4096
_KEYS_LIMIT = 200_000
_ENDS = ("done", "failed", "lost")
_NEWEST_KEY = """SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'experiments'), 0),
coalesce((SELECT max(key) FROM experiments), 0))"""
_NAMED_VALUES = """SELECT DISTINCT parameters.name,
CASE WHEN given THEN options.alias ELSE lasting_name END AS lasting, digest
FROM options JOIN parameters USING (parameter) WHERE lasting NOT NULL AND digest NOT NULL"""


def _convert(name: str, value: Any) -> Any:
    """Return the value of a column of experiments."""
    convert = _DETAILS.get(name)
    if convert is None:
        raise ArgumentError(name, f"is no detail of a status; use {', '.join(_DETAILS)} or failure")
    return value if value is None or type(value) is convert else convert(value)


class Writer:
    """Turn calls into rows; one thread at a time, each call one commit unless inside ``with database:``.

    Without `blobs` large values stay in the database.
    """

    def __init__(self, database: Database, blobs: Blobs | None) -> None:
        self.database = database
        self.dropped = False
        self._blobs = blobs
        self._keys: dict[str, int] = {}
        self._attempts: dict[int, int | None] = {}
        self._fresh: set[int] = set()
        self._revision: int | None = None
        self._newest_key: int | None = None
        self._ended: list[str] = []
        # ids that are there and have no key among `_keys`; None if not all of them are known
        self._others: KnownNames | None = None
        self._is_indexed = False
        self._pending = PendingRows()
        self._interner = Interner(database, blobs, self._pending)
        database.before_commit = self._write_pending
        database.when_committed = self._forget_ended
        database.when_rolled_back = self._forget

    def add(
        self, experiment_id: str, config: ConfigAlias, index: int | None, digest: bytes | None = None
    ) -> None:
        """Write an experiment as queued; one that is there already gets this config and position."""
        with self.database:
            packed = self._interner.config(config)
            if index is None:
                self._write_pending()
                select = "SELECT coalesce(max(position) + 1, 0) FROM experiments"
                (index,) = self.database.execute(select).fetchone()
            index = int(index)
            key = self._keys.get(experiment_id)
            if key is None:
                check_name("an experiment", experiment_id)
                self._newest()  # knows the others, of which most likely this is none
                if self._others is None or experiment_id in self._others:
                    key = self._find(experiment_id)
            columns = {
                "id": experiment_id,
                "position": index,
                "config": packed,
                "digest": digest,
                "checksum": experiment_checksum(index, experiment_id, packed, digest),
                "status": "queued",
            }
            if key is None:
                self._newest_key = key = self._newest() + 1
                self._pending.add(key, columns)
                self._remember(experiment_id, key)
                self._fresh.add(key)
                self._note(key, "queued", None)
                return
            was_queued = self._is_queued(key)
            self._pending.update(key, experiment_id, columns)
            if not was_queued:
                self._note(key, "queued", None)

    def mark(self, experiment_id: str, status: str, details: Mapping[str, Any]) -> None:
        """Write the status of an experiment with what is known about it."""
        if status not in STATUSES:
            raise ArgumentError("status", f"got {status!r}; use one of {', '.join(STATUSES)}")
        failure = details.get("failure")
        columns = {name: _convert(name, value) for name, value in details.items() if name != "failure"}
        columns["status"] = status
        with self.database:
            key = self.key(experiment_id)
            if status != "queued" or not self._is_queued(key):
                self._note_status(key, status, details)
            self._pending.update(key, experiment_id, columns)
            if status in _ENDS:
                self._ended.append(experiment_id)
            if failure is not None:
                self._fail(key, details.get("attempt"), failure)

    def put(self, experiment_id: str, encoded: Encoded) -> None:
        """Write values; large ones are on disk in blobs/ before their row."""
        with self.database:
            self._revision = self._put(self.key(experiment_id), encoded, self._newest_revision())

    def put_attempts(
        self, attempts: Iterable[Attempt], added: Mapping[str, Added], code: str | None = None
    ) -> None:
        """Write whole attempts that went well, and before them those of the experiments that are `added`.

        An experiment that is new is one row then, which nothing has to be looked up or changed for.
        """
        keys, pending, pack, code = self._keys, self._pending, self._interner.config, _short_text(code)
        with self.database:
            newest, others, revision = self._newest(), self._others, self._newest_revision()
            for name, number, worker, host, device, started, iterations, elapsed_s, encoded in attempts:
                place = _short_text(host), _short_text(device), code
                ran = ("done", number, worker, *place, float(started), int(iterations), float(elapsed_s))
                new = added.get(name)
                may_be_there = name in keys or others is None or name in others
                if new is None or (may_be_there and self._find(name) is not None):
                    if new is not None:
                        self.add(*new)
                    self._put_attempt(name, ran, encoded)
                    newest, revision = self._newest(), self._newest_revision()
                    continue
                _, config, position, digest = new
                packed = pack(config)
                checksum = experiment_checksum(position, check_name("an experiment", name), packed, digest)
                newest += 1
                self._newest_key = keys[name] = newest
                self._ended.append(name)
                row = (newest, name, position, bytearray(packed), digest and bytearray(digest), checksum)
                pending.done += (*row, *ran)
                first, revision = revision + 1, self._put(newest, encoded, revision + 2) + 1
                self._revision = revision
                pending.attempts += (first, newest, first + 1, newest, number, revision, newest, number)

    def _put_attempt(self, name: str, ran: tuple[Any, ...], encoded: Encoded) -> None:
        """Write a whole attempt at an experiment that is there; `ran` are the columns `RAN`."""
        key, number = self.key(name), ran[1]
        self._start(key, number)
        self._note(key, "running", number)
        self._revision = self._put(key, encoded, self._newest_revision())
        del self._attempts[key]
        self._note(key, "done", number)
        self._pending.update(key, name, dict(zip(RAN, ran, strict=True)))
        self._ended.append(name)

    def _put(self, key: int, encoded: Encoded, revision: int) -> int:
        """Write values with the revisions after one; return the newest."""
        chunks = self._pending.chunks
        for variable, kind, count, first, step, iterations, type_name, text, data in encoded:
            may_be_blob = count == 1 and len(data) > BLOB_LIMIT_BYTES
            stored, blob = stored_blob(self._blobs, data) if may_be_blob else (data, None)
            number = self._interner.variable(variable)
            revision += 1
            numbers = (revision, key, number, count, first, step)
            checksum = row_checksum(numbers, (kind, iterations, type_name, text, blob), stored)
            # see `PendingRows`
            content = bytearray(stored) if stored is not None and len(stored) <= _SHORT else stored
            stored_as = (iterations, type_name, text, content, blob, checksum)
            chunks += (revision, key, number, kind, count, first, step, *stored_as)
        return revision

    def drop(self, experiment_id: str) -> None:
        """Delete the values and failures of an experiment; that it was there stays written."""
        with self.database:
            key = self.key(experiment_id)
            self._write_pending()
            deletes = (f"DELETE FROM {table} WHERE experiment = ?" for table in ("chunks", "failures"))  # noqa: S608
            if sum([self.database.execute(sql, (key,)).rowcount for sql in deletes]):
                self._note(key, "dropped", None)
                self.dropped = True

    def shrink(self) -> None:
        """Give the room of deleted rows back to the disk, unless a transaction goes on."""
        if not self.database.connection.in_transaction:
            self.database.execute("VACUUM")

    def statuses(self) -> dict[str, Status]:
        """Return the status of every experiment, in order."""
        with self.database.guard:
            self.database.flush()
            rows = self.database.execute("SELECT id, status FROM experiments ORDER BY position, key")
            return dict(rows.fetchall())

    def digests(self) -> dict[bytes, str]:
        """Return the identity of each experiment that has one, and its name."""
        with self.database.guard:
            self.database.flush()
            rows = self.database.execute("SELECT digest, id FROM experiments WHERE digest NOT NULL")
            return dict(rows.fetchall())

    def named_values(self) -> dict[tuple[str, str], frozenset[bytes]]:
        """Return the parameters and names of values with permanent names, and their digests."""
        found: dict[tuple[str, str], set[bytes]] = {}
        with self.database.guard:
            self.database.flush()
            for parameter, name, digest in self.database.execute(_NAMED_VALUES):
                found.setdefault((parameter, name), set()).add(digest)
        return {key: frozenset(digests) for key, digests in found.items()}

    def counts(self) -> dict[str, int]:
        """Return how many experiments have each status."""
        with self.database.guard:
            self.database.flush()
            return count_statuses(self.database)

    def known(self, experiment_id: str) -> bool:
        """Tell whether there is such an experiment."""
        with self.database.guard:
            return self._find(experiment_id) is not None

    def key(self, experiment_id: str) -> int:
        """Return the number of an experiment; UnknownExperimentError if there is none."""
        key = self._find(experiment_id)
        if key is None:
            raise UnknownExperimentError(str(experiment_id))
        return key

    def _note_status(self, key: int, status: str, details: Mapping[str, Any]) -> None:
        """Note a status, and before it the beginning of an attempt that was not noted yet."""
        attempt = details.get("attempt")
        if status == "running":
            self._start(key, attempt)
        else:
            if "started" in details:
                self._note(key, "running", attempt)
            self._fresh.discard(key)
            attempt = self._attempts.pop(key, attempt)
        self._note(key, status, attempt)

    def _start(self, key: int, attempt: int | None) -> None:
        """Make room for a new attempt: the values of an earlier one are not those of this one."""
        if key in self._fresh:
            self._fresh.discard(key)
        elif key in self._attempts and self._attempts[key] == attempt:
            return
        else:
            self._write_pending()
            cursor = self.database.execute("DELETE FROM chunks WHERE experiment = ?", (key,))
            self.dropped = self.dropped or cursor.rowcount > 0
            was_started = "SELECT 1 FROM experiments WHERE key = ? AND (attempt NOT NULL OR started NOT NULL)"
            if cursor.rowcount or self.database.execute(was_started, (key,)).fetchone():
                self._note(key, "dropped", None)
        self._attempts[key] = attempt

    def _note(self, key: int, change: str, attempt: int | None) -> None:
        """Write down what became of an experiment, for those who follow; all at once with the commit."""
        attempt = None if attempt is None else int(attempt)
        self._revision = self._newest_revision() + 1
        self._pending.changes += (self._revision, key, change, attempt)

    def _write_pending(self) -> None:
        """Write the rows that wait."""
        self._pending.write(self.database)

    def _forget_ended(self) -> None:
        """Forget the keys of experiments that have ended."""
        ended, self._ended = self._ended, []
        if self._others is not None:
            self._others.add(ended)
        deque(map(self._keys.pop, ended, repeat(None)), maxlen=0)

    def _newest_revision(self) -> int:
        """Return the newest number of a row of `changes` or `chunks`; none of them is given again."""
        if self._revision is None:
            self._revision = newest_revision(self.database)
        return self._revision

    def state(self, experiment_id: str) -> tuple[Status, int] | None:
        """Return the status of an experiment and how many attempts it has had; None if it was not added."""
        select = "SELECT status, coalesce(attempt, 0) FROM experiments WHERE key = ?"
        with self.database.guard:
            self.database.flush()
            key = self._find(experiment_id)
            return None if key is None else self.database.execute(select, (key,)).fetchone()

    def _is_queued(self, key: int) -> bool:
        self._write_pending()
        select = "SELECT status FROM experiments WHERE key = ?"
        return bool(self.database.execute(select, (key,)).fetchone() == ("queued",))

    def _fail(self, key: int, attempt: int | None, failure: Any) -> None:
        if attempt is None:
            self._write_pending()
            select = "SELECT attempt FROM experiments WHERE key = ?"
            (attempt,) = self.database.execute(select, (key,)).fetchone()
        failure = as_failure(failure)
        values: dict[str, Any] = {"experiment": key, "attempt": attempt}
        for name, kind in FAILURE_COLUMNS.items():
            value = getattr(failure, name, None)
            if value is not None:
                values[name] = kind(value) if kind is int else clean_text(str(value))
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        insert = f"INSERT INTO failures ({names}) VALUES ({marks})"  # noqa: S608  (names of the schema)
        self.database.execute(insert, tuple(values.values()))

    def index(self) -> None:
        """Let experiments be found by their ids."""
        if not self._is_indexed:
            index_experiments(self.database)
            self._is_indexed = True

    def _find(self, experiment_id: str) -> int | None:
        key = self._keys.get(experiment_id)
        if key is None:
            if not isinstance(experiment_id, str) or clean_text(experiment_id) != experiment_id:
                return None
            self.index()
            select = "SELECT key FROM experiments WHERE id = ?"
            row = self.database.execute(select, (experiment_id,)).fetchone()
            if row is None:
                return None
            key = int(row[0])
            self._remember(experiment_id, key)
        return key

    def _newest(self) -> int:
        """Return the newest key that was given to an experiment; 0 before the first."""
        if self._newest_key is None:
            self._newest_key = int(self.database.execute(_NEWEST_KEY).fetchone()[0])
            if self._newest_key == 0:
                self._others = KnownNames()
        return self._newest_key

    def _remember(self, experiment_id: str, key: int) -> None:
        """Remember a key; of rows that wait all keys are remembered."""
        if len(self._keys) >= _KEYS_LIMIT:
            self._write_pending()
            self._forget_keys()
        self._keys[experiment_id] = key

    def _forget_keys(self) -> None:
        if self._others is not None:
            self._others.add(self._keys)
        self._keys.clear()

    def _forget(self) -> None:
        self._forget_keys()
        self._newest_key = None
        self._is_indexed = False
        self._fresh.clear()
        self._attempts.clear()
        self._ended.clear()
        self._pending.clear()
        self._interner.forget()

    def used_blobs(self) -> Iterable[str]:
        """Return the names of the blobs that rows refer to."""
        self.database.flush()
        union = (
            "SELECT blob FROM chunks WHERE blob NOT NULL UNION SELECT blob FROM options WHERE blob NOT NULL"
        )
        return [row[0] for row in self.database.execute(union)]
