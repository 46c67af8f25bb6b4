"""The storages of results keep the contract of sinks, read back live and, on disk, after closing."""

from __future__ import annotations

import pytest

from research_domain import ConfigAlias
from research_experiment import EC, Executor, Experiment, Storage
from research_experiment.testing import SinkContract
from research_results import FolderStorage, MemoryStorage, ResearchResults


def prepared(storage, experiment_ids):
    for index, experiment_id in enumerate(experiment_ids):
        storage.add(experiment_id, ConfigAlias({"n": index}), index=index)
    return storage


def read(results, experiment_id):
    return results.load_results().get(experiment_id, {})


class TestMemoryStorage(SinkContract):
    def make_sink(self, experiment_ids):
        return prepared(MemoryStorage.create(None, {}), experiment_ids)

    def stored(self, sink, experiment_id):
        return read(sink.results, experiment_id)


class TestFolderStorage(SinkContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self._folder, self._count, self._made = tmp_path, 0, []
        yield
        for storage in self._made:
            storage.close()

    def make_sink(self, experiment_ids):
        self._count += 1
        storage = FolderStorage.create(self._folder / f"research{self._count}", {})
        self._made.append(storage)
        return prepared(storage, experiment_ids)

    def stored(self, sink, experiment_id):
        return read(sink.results, experiment_id)


class TestClosedFolder(TestFolderStorage):
    """What another reader finds in the folder after the writer has closed it."""

    def stored(self, sink, experiment_id):
        sink.close()
        return read(ResearchResults(sink.path), experiment_id)

    def test_put_keeps_experiments_apart(self):
        sink = self.make_sink(["a", "b"])
        sink.put("a", {"x": {0: 1}})
        sink.put("b", {"x": {0: 2}})
        sink.close()
        results = ResearchResults(sink.path).load_results()
        assert {name: values["x"] for name, values in results.items()} == {"a": {0: 1}, "b": {0: 2}}

    def test_executor_puts_everything_that_units_save(self):
        experiment = Experiment().add_callable("double", lambda x: 2 * x, x=EC("x"), save_to="y")
        executor = Executor(experiment, configs=[{"x": 1}, {"x": 2}])
        ids = [running.id for running in executor.experiments]
        sink = self.make_sink(ids)
        Executor(experiment, configs=[{"x": 1}, {"x": 2}], sink=sink).run()
        sink.close()
        results = ResearchResults(sink.path).load_results()
        assert {name: values["y"] for name, values in results.items()} == {ids[0]: {0: 2}, ids[1]: {0: 4}}


@pytest.mark.parametrize("kind", [MemoryStorage, FolderStorage])
def test_storages_have_everything_that_a_runner_needs(kind, tmp_path):
    storage = kind.create(tmp_path / "research" if kind is FolderStorage else None, {"seed": 1})
    members = {name for name in vars(Storage) if not name.startswith("_")} | set(Storage.__annotations__)
    assert [name for name in sorted(members) if not hasattr(storage, name)] == []
    storage.close()


@pytest.mark.parametrize("kind", [MemoryStorage, FolderStorage])
def test_encoded_values_are_stored_like_plain_ones(kind, tmp_path):
    storage = kind.create(tmp_path / "research" if kind is FolderStorage else None, {})
    prepared(storage, ["a"])
    with storage.transaction():
        storage.put_encoded("a", storage.encode({"x": {0: 1.5, 1: "text"}}))
    assert read(storage.results, "a") == {"x": {0: 1.5, 1: "text"}}
    storage.close()
