"""Finding a storage: by its name among those that installed packages offer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal, Self

from research_domain import ConfigAlias, FailedExperiment, FailureReport, group_failures
from research_experiment.protocols import Encoded, Status, Values
from research_runner.errors import MissingPackageError
from research_runner.pool import wire

__all__ = ["GROUP", "PlainResults", "PlainStorage", "find_storage", "keep_environment"]

GROUP = "research.storages"
"""Entry-point group under which packages register their storages."""


def find_storage(name: Literal["folder", "memory"]) -> Any:
    """Return the storage class of that name.

    Parameters
    ----------
    name : {'folder', 'memory'}
        On disk or in memory.

    Returns
    -------
    class
        With the class methods `create`, `open` and `read`; :class:`PlainStorage` in memory when no package
        offers one.

    Raises
    ------
    MissingPackageError
        If results are to be kept on disk and no package can.
    """
    from importlib.metadata import entry_points  # late: no worker needs it

    for entry in entry_points(group=GROUP, name=name):
        return entry.load()
    if name == "memory":
        return PlainStorage
    raise MissingPackageError("dump_results=True", "research-results")


def keep_environment(storage: Any, texts: Mapping[str, str]) -> None:
    """Keep texts about the environment of a run that has ended.

    Parameters
    ----------
    storage : Storage or LoadedResearch
        Where its results are; one with a folder is opened again.
    texts : mapping
        Name → text.
    """
    opened = storage if storage.path is None else find_storage("folder").open(storage.path)
    for name, text in texts.items():
        opened.put_environment(name, text)
    opened.close()


class PlainResults:
    """Results as plain dictionaries, for when research-results is not installed.

    Attributes
    ----------
    configs : dict
        Experiment id → ConfigAlias.
    values : dict
        Experiment id → variable → iteration → value.
    statuses : dict
        Experiment id → status.
    failures : dict
        Experiment id → failure.
    """

    def __init__(self) -> None:
        self.configs: dict[str, ConfigAlias] = {}
        self.values: dict[str, dict[str, dict[int, Any]]] = defaultdict(dict)
        self.statuses: dict[str, Status] = {}
        self.failures: dict[str, Any] = {}

    def failure_report(self) -> FailureReport:
        """Return the failures, grouped by what they share."""
        failed = [each for each, status in self.statuses.items() if status == "failed"]
        ended = [each for each, status in self.statuses.items() if status in ("done", "failed")]
        failures = (
            FailedExperiment(each, f.cause, f.type, f.message, f.unit, f.iteration, f.traceback)
            for each in failed
            if (f := self.failures.get(each)) is not None
        )
        return group_failures(failures, {each: self.configs[each].alias() for each in ended})

    @property
    def df(self) -> Any:
        """A frame needs research-results.

        Raises
        ------
        MissingPackageError
            Always.
        """
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
        """Nothing has to be let go of."""
