"""What every storage of a research must do, as tests that its author runs.

Derive a test class from :class:`StorageContract`, say which storage it is and how its reader is read, and let
pytest collect it::

    class TestMyStorage(StorageContract):
        storage_class = MyStorage

        def read(self, results, experiment_id):
            return results.values_of(experiment_id)

A storage without a folder, such as one in memory, passes :class:`TransientStorageContract`, which has all
tests but those of folders and of what outlives the process.
"""

from __future__ import annotations

import pickle
import tempfile
import unittest
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from research_domain import Alias, ConfigAlias, digest
from research_experiment.protocols import Sink, Storage, StorageFactory, Values
from research_experiment.testing import SinkContract, require

__all__ = ["StorageContract", "TransientStorageContract"]


class TransientStorageContract(SinkContract):
    """Tests that any storage passes, in a folder or without one; see the module for how to use them.

    Attributes
    ----------
    storage_class : type
        The storage. `create` is called with None for the folder.
    """

    storage_class: Any

    def read(self, results: Any, experiment_id: str) -> Values:
        """Return what a reader has of an experiment: variable → iteration → value."""
        raise NotImplementedError

    def setup_method(self) -> None:
        """Begin a test without storages."""
        self._made: list[Storage] = []

    def teardown_method(self) -> None:
        """Close the storages of a test."""
        for storage in self._made:
            storage.close()

    def create(self, name: str = "research", meta: Mapping[str, Any] | None = None) -> Storage:
        """Return a new storage, which is closed at the end of the test."""
        self._made.append(self.storage_class.create(None, meta or {}))
        return self._made[-1]

    def make_sink(self, experiment_ids: Sequence[str]) -> Sink:
        """Return a storage with these experiments."""
        storage = self.create(f"research {len(self._made)}")
        _add(storage, experiment_ids)
        return storage

    def stored(self, sink: Any, experiment_id: str) -> Values:
        """Return what a reader beside the writer has of an experiment."""
        found = self.read(sink.results, experiment_id)
        require(bool(found) or not found, "a reader returns a mapping")
        return found

    def test_a_new_storage_is_where_it_was_asked_for(self) -> None:
        """It has no folder, the meta data that it was given, and nothing of other storages."""
        storage, other = self.create(meta={"entropy": 5}), self.create()
        require(storage.path is None and storage.meta["entropy"] == 5, "path or meta are not as given")
        _add(storage, ["a"])
        require(list(other.statuses()) == [], "a new storage has experiments of another one")

    def test_statuses_are_in_the_order_of_the_domain(self) -> None:
        """Positions decide, not the order of the calls; marks change what is counted."""
        storage = self.create()
        for name, index in (("b", 1), ("a", 0), ("c", 2)):
            storage.add(name, ConfigAlias({"x": index}), index=index, digest=digest(index))
        storage.mark("a", "running", attempt=1, worker=0, started=1.0)
        storage.mark("a", "done", iterations=1, elapsed_s=0.5)
        storage.mark("b", "running", attempt=1)
        storage.mark("b", "failed", failure=None)
        statuses = storage.statuses()
        require(list(statuses.items()) == [("a", "done"), ("b", "failed"), ("c", "queued")], repr(statuses))
        counts = {status: count for status, count in storage.counts().items() if count}
        require(counts == {"done": 1, "failed": 1, "queued": 1}, repr(counts))

    def test_a_new_attempt_begins_without_the_values_of_the_one_before(self) -> None:
        """Values of an attempt that was lost are gone when the next one begins."""
        storage = self.create()
        _add(storage, ["a"])
        storage.mark("a", "running", attempt=1)
        storage.put("a", {"x": {0: 1, 1: 2}})
        storage.mark("a", "queued")
        storage.mark("a", "running", attempt=2)
        storage.put("a", {"x": {0: 3}})
        self._expect(storage, "a", {"x": {0: 3}})

    def test_history_has_the_experiments_that_have_ended(self) -> None:
        """Rules and searches need it when a run is resumed; other runs need no such reader."""
        storage = self.create()
        if not hasattr(storage.results, "history"):
            raise unittest.SkipTest(f"readers of {self.storage_class.__name__} have no history()")
        _add(storage, ["b", "a", "c", "d"])
        for name, value in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
            storage.mark(name, "running", attempt=1)
            storage.put(name, {"x": {0: value}, "y": {0: "other"}})
        storage.mark("a", "done", iterations=1, stopped=1)
        storage.mark("b", "failed", failure=None)
        found = [
            (name, config.alias(), status, iterations, stopped, {each: dict(saved[each]) for each in saved})
            for name, config, status, iterations, stopped, saved in storage.results.history(["x", "z"])
        ]
        expected = [
            ("b", {"n": "0"}, "failed", None, None, {"x": {0: 2.0}}),
            ("a", {"n": "1"}, "done", 1, 1, {"x": {0: 1.0}}),
        ]
        require(found == expected, repr(found))

    def test_a_transaction_is_all_or_nothing(self) -> None:
        """What is written in a block that raises is not there."""
        storage = self.create()
        _add(storage, ["a"])
        try:
            with storage.transaction():
                storage.put("a", {"x": {0: 1}})
                storage.mark("a", "running", attempt=1)
                raise KeyError("a test")
        except KeyError:
            pass
        self._expect(storage, "a", {})
        require(storage.statuses()["a"] == "queued", "a mark of a transaction that failed is there")

    def test_what_encode_makes_travels(self) -> None:
        """Values are encoded in one process, pickled, and put in another."""
        encode = pickle.loads(pickle.dumps(self.storage_class.encode))  # noqa: S301 - our own bytes
        storage = self.create()
        _add(storage, ["a"])
        encoded = pickle.loads(pickle.dumps(encode({"x": {0: [1, {"y": 2}], 3: "text"}})))  # noqa: S301
        storage.put_encoded("a", encoded)
        self._expect(storage, "a", {"x": {0: [1, {"y": 2}], 3: "text"}})

    def test_output_and_files_of_an_experiment_are_kept(self) -> None:
        """Output is appended; the folder of an experiment is made, and is its own."""
        storage = self.create()
        _add(storage, ["a", "b"])
        storage.put_output("a", "stdout", "one\n")
        storage.put_output("a", "stdout", "two\n")
        storage.put_output("a", "stderr", "oops\n")
        require(storage.experiments_stdout["a"] == "one\ntwo\n", "standard output is not as it was put")
        require(storage.experiments_stderr["a"] == "oops\n", "standard error is not as it was put")
        folders = {storage.experiment_path(name) for name in ("a", "b", "a")}
        require(len(folders) == 2 and all(folder.is_dir() for folder in folders), repr(folders))
        storage.put_environment("python", "3.11")
        storage.check()

    def _expect_reader(self, results: Any, experiment_id: str, expected: Values) -> None:
        found = {name: dict(column) for name, column in self.read(results, experiment_id).items()}
        require(found == expected, f"expected {expected!r}, found {found!r}")


class StorageContract(TransientStorageContract):
    """Tests that any storage passes which is in a folder; see the module for how to use them."""

    storage_class: StorageFactory

    def setup_method(self) -> None:
        """Make a folder for the storages of a test."""
        super().setup_method()
        self._folder = tempfile.TemporaryDirectory()

    def teardown_method(self) -> None:
        """Close the storages of a test, and remove their folder."""
        super().teardown_method()
        self._folder.cleanup()

    def create(self, name: str = "research", meta: Mapping[str, Any] | None = None) -> Storage:
        """Return a new storage, which is closed at the end of the test."""
        self._made.append(self.storage_class.create(self.path(name), meta or {}, allow_pickle=True))
        return self._made[-1]

    def open(self, name: str = "research") -> Storage:
        """Return a storage that is opened again."""
        self._made.append(self.storage_class.open(self.path(name), allow_pickle=True))
        return self._made[-1]

    def path(self, name: str = "research") -> Path:
        """Return where the storage of that name is."""
        return Path(self._folder.name) / name

    def test_a_new_storage_is_where_it_was_asked_for(self) -> None:
        """It is there when it was made, not before, and cannot be made again."""
        cls, path = self.storage_class, self.path()
        require(not cls.is_there(path), "is_there is true before anything was made")
        storage = self.create(meta={"entropy": 5})
        require(cls.is_there(path) and path.is_dir(), "nothing is there after create")
        require(storage.path == path and storage.meta["entropy"] == 5, "path or meta are not as given")
        try:
            cls.create(path, {})
        except Exception:  # noqa: BLE001 - any error will do
            return
        raise AssertionError("create made a research where one was")

    def test_nobody_opens_what_is_open(self) -> None:
        """There is one writer; when it has closed the storage, the next one may open it."""
        storage = self.create()
        try:
            self.storage_class.open(self.path()).close()
        except Exception:  # noqa: BLE001 - any error will do
            storage.close()
            self.open()
            return
        raise AssertionError("a second writer opened the storage")

    def test_what_was_closed_is_there_when_it_is_opened_again(self) -> None:
        """Statuses, identities, names of values, meta data and values outlive the writer."""
        storage = self.create(meta={"entropy": 5})
        named = ConfigAlias({"net": Alias([64, 10], "small"), "lr": 0.1})
        storage.add("a", named, index=0, digest=digest("a"))
        storage.mark("a", "running", attempt=1)
        storage.put("a", {"x": {0: 1}})
        storage.update_meta(ended=7.5)
        storage.close()
        storage.close()
        self._expect_reader(self.storage_class.read(self.path()), "a", {"x": {0: 1}})
        again = self.open()
        require(dict(again.statuses()) == {"a": "running"}, repr(again.statuses()))
        require(dict(again.digests()) == {digest("a"): "a"}, repr(again.digests()))
        names = again.named_values()
        require(names.get(("net", "small")) == frozenset({digest([64, 10])}), repr(names))
        require(again.meta["entropy"] == 5 and again.meta["ended"] == 7.5, repr(again.meta))


def _add(storage: Storage, experiment_ids: Iterable[str]) -> None:
    for index, experiment_id in enumerate(experiment_ids):
        storage.add(experiment_id, ConfigAlias({"n": index}), index=index, digest=digest(experiment_id))
