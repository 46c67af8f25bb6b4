"""Storages by name, among those that installed packages offer."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Literal, Self

from research_domain import ConfigAlias
from research_experiment.protocols import Encoded, Status, StorageFactory, Values
from research_runner.errors import MissingPackageError, OptionError
from research_runner.pool import wire
from research_runner.system.own_files import read_own
from research_runner.system.texts import write_text

if TYPE_CHECKING:
    from research_domain import FailureReport

GROUP = "research.storages"
"""Entry-point group under which packages register their storages."""

NOTE = "storage.json"
"""The file in the folder of a research that names a storage which is not ours."""


def find_storage(storage: str | StorageFactory) -> Any:
    """Return the storage class of a name: ``'folder'``, ``'memory'``, or what an installed package offers.

    A class is returned as it is; memory is :class:`PlainStorage` when no package offers one.
    """
    if not isinstance(storage, str):
        return storage
    from importlib.metadata import entry_points  # late: no worker needs it

    offered = entry_points(group=GROUP)
    found = {entry.value: entry for entry in offered if entry.name == storage}
    if len(found) > 1:
        raise OptionError(
            "storage",
            f"several packages offer a storage {storage!r}: {', '.join(sorted(found))}; uninstall one, or "
            "give the class itself",
        )
    for entry in found.values():
        return entry.load()
    if storage == "memory":
        return PlainStorage
    if storage == "folder":
        raise MissingPackageError("dump_results=True", "research-results")
    names = ", ".join(sorted({entry.name for entry in offered})) or "none"
    raise OptionError("storage", f"there is no {storage!r}; installed packages offer as {GROUP!r}: {names}")


def note_storage(folder: Path, storage: str | StorageFactory) -> None:
    """Say in the folder of a research by which storage it is kept."""
    from importlib.metadata import entry_points

    cls = find_storage(storage)
    where = f"{getattr(cls, '__module__', '')}:{getattr(cls, '__qualname__', '')}"
    names = [entry.name for entry in entry_points(group=GROUP) if entry.value == where]
    name = storage if isinstance(storage, str) else next(iter(names), None)
    write_text(folder / NOTE, json.dumps({"storage": name, "class": where}))


def storage_of(folder: Path) -> Any:
    """Return the storage class by which a research is kept."""
    try:
        note = json.loads(read_own(folder / NOTE))
    except FileNotFoundError:
        return find_storage("folder")
    if note["storage"] is None:
        raise OptionError(
            "storage",
            f"{str(folder)!r} is kept by {note['class']}, which no installed package offers as {GROUP!r}; "
            "use its own read(path)",
        )
    return find_storage(str(note["storage"]))


def read_results(storage: str | StorageFactory, path: Path) -> Any:
    """Return a reader of the results of a research that is being run elsewhere, for its own units."""
    return find_storage(storage).read(path, allow_pickle=True)


def keep_environment(storage: Any, texts: Mapping[str, str]) -> None:
    """Keep texts about the environment of a run that has ended; a storage with a folder is opened again."""
    opened = storage if storage.path is None else storage_of(storage.path).open(storage.path)
    for name, text in texts.items():
        opened.put_environment(name, text)
    opened.close()


class PlainResults:
    """Results by experiment id, as plain dictionaries, for when research-results is not installed."""

    def __init__(self) -> None:
        self.configs: dict[str, ConfigAlias] = {}
        self.values: dict[str, dict[str, dict[int, Any]]] = defaultdict(dict)
        self.statuses: dict[str, Status] = {}
        self.failures: dict[str, Any] = {}

    def failure_report(self) -> FailureReport:
        """Return the failures, grouped by what they share."""
        from research_domain import FailedExperiment, group_failures  # late: workers import this module

        ended = [each for each, status in self.statuses.items() if status in ("done", "failed")]
        failures = (
            FailedExperiment(each, f.cause, f.type, f.message, f.unit, f.iteration, f.traceback)
            for each, status in self.statuses.items()
            if status == "failed" and (f := self.failures.get(each)) is not None
        )
        return group_failures(failures, {each: self.configs[each].alias() for each in ended})

    @property
    def df(self) -> Any:
        """A frame needs research-results: always raises `MissingPackageError`."""
        raise MissingPackageError("results.df", "research-results")


def encode_plain(values: Values) -> Encoded:
    """Turn values into bytes, in the process that made them."""
    return wire.dumps({name: dict(column) for name, column in values.items()}, "values")


class PlainStorage:
    """The plain in-memory storage of a runner without research-results."""

    encode = staticmethod(encode_plain)
    path: Path | None = None

    def __init__(self) -> None:
        self.results = PlainResults()
        self.meta: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.experiments_stdout: dict[str, str] = {}
        self.experiments_stderr: dict[str, str] = {}

    @classmethod
    def create(cls, path: object, meta: Mapping[str, Any]) -> Self:
        """Return an empty storage; there is no path."""
        storage = cls()
        storage.meta.update(meta)
        return storage

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group calls; memory needs nothing for it."""
        yield

    def add(
        self, experiment_id: str, config: ConfigAlias, *, index: int, digest: bytes | None = None
    ) -> None:
        """Register a queued experiment; no run goes on from memory, so that its identity is not kept."""
        self.results.configs[experiment_id] = config
        self.results.statuses[experiment_id] = "queued"

    def mark(self, experiment_id: str, status: Status, **details: Any) -> None:
        """Change the status."""
        self.results.statuses[experiment_id] = status
        if details.get("failure") is not None:
            self.results.failures[experiment_id] = details["failure"]

    def put(self, experiment_id: str, values: Values) -> None:
        """Take over values."""
        for name, column in values.items():
            self.results.values[experiment_id].setdefault(name, {}).update(column)

    def put_encoded(self, experiment_id: str, encoded: Encoded) -> None:
        """Take over values that :func:`encode_plain` made in one of our own workers."""
        self.put(experiment_id, wire.loads(encoded))

    def put_output(self, experiment_id: str, stream: Literal["stdout", "stderr"], text: str) -> None:
        """Keep captured output."""
        texts = self.experiments_stdout if stream == "stdout" else self.experiments_stderr
        texts[experiment_id] = texts.get(experiment_id, "") + text

    def put_environment(self, name: str, text: str) -> None:
        """Keep a text about the environment."""
        self.environment[name] = text

    def update_meta(self, **values: Any) -> None:
        """Merge values into the meta data."""
        self.meta.update(values)

    def statuses(self) -> Mapping[str, Status]:
        """Experiment id → status."""
        return dict(self.results.statuses)

    def counts(self) -> Mapping[str, int]:
        """Status → number of experiments."""
        return Counter(self.results.statuses.values())

    def check(self) -> None:
        """Memory cannot be lost."""

    def digests(self) -> Mapping[bytes, str]:
        """There are none."""
        return {}

    def named_values(self) -> Mapping[tuple[str, str], frozenset[bytes]]:
        """There are none."""
        return {}

    def experiment_path(self, experiment_id: str) -> Path:
        """Return a new temporary folder."""
        return Path(mkdtemp(prefix=f"research-{experiment_id}-"))

    def close(self) -> None:
        """Do nothing: memory has no files to close."""
