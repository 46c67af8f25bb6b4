"""Storages are found by name, or given; ours and one of somebody else keep one contract."""

from pathlib import Path

import pytest
from shelf import ShelfStorage

from research_experiment.storage_testing import StorageContract, TransientStorageContract
from research_results import FolderStorage, MemoryStorage
from research_runner import OptionError
from research_stack import EC, Domain, R, Research


class TestFolderStorage(StorageContract):
    storage_class = FolderStorage

    def read(self, results, experiment_id):
        return results.load_results().get(experiment_id, {})


class TestMemoryStorage(TransientStorageContract):
    storage_class = MemoryStorage

    def read(self, results, experiment_id):
        return results.load_results().get(experiment_id, {})


class TestShelfStorage(StorageContract):
    storage_class = ShelfStorage

    def read(self, results, experiment_id):
        return results.values_of(experiment_id)


@pytest.fixture
def offered(tmp_path_factory, monkeypatch):
    """Let an installed package offer a storage under a name; call it again for another package."""

    def offer(name, value, package="shelf-package"):
        site = tmp_path_factory.mktemp("site")
        info = site / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[research.storages]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(str(site))

    return offer


def study(name="kept"):
    research = Research(name, Domain(x=[1, 2, 0]))
    return research.add_callable("invert", lambda x: 1 / x, x=EC("x"), save_to="y")


@pytest.mark.parametrize("parallel", [True, False])
def test_a_research_is_kept_by_a_storage_of_somebody_else(offered, parallel):
    offered("shelf", "shelf:ShelfStorage")
    research = study().run(storage="shelf", parallel=parallel, bar=False, quiet=True)
    assert isinstance(research.storage, ShelfStorage)
    statuses = research.storage.statuses()
    assert sorted(statuses.values()) == ["done", "done", "failed"]
    loaded = Research.load("kept")
    values = [loaded.results.values_of(name) for name in statuses]
    assert values == [{"y": {0: 1.0}}, {"y": {0: 0.5}}, {}]
    assert loaded.is_finished and loaded.monitor.failed_experiments == 1
    assert loaded.monitor.exceptions[0]["exception"] == "division by zero"
    options = {"storage": "shelf", "parallel": parallel, "bar": False, "quiet": True}
    again = study().run(resume=True, retry_failed=True, **options)
    assert again.monitor.finished_experiments == 3
    research.attach_env_meta()
    assert "numpy==" in Path("kept/packages").read_text()
    Research.remove("kept", ask=False)
    assert not Path("kept").exists()


def test_units_read_results_of_a_storage_of_somebody_else():
    research = Research("kept", Domain(x=[1, 2])).add_callable(
        "look", lambda results: type(results).__name__, results=R(), save_to="n"
    )
    research.run(storage=ShelfStorage, bar=False)
    found = [research.results.values_of(name)["n"][0] for name in research.storage.statuses()]
    assert found == ["ShelfReader", "ShelfReader"]


def test_a_class_that_nobody_offers_is_named_when_its_research_is_loaded():
    study().run(storage=ShelfStorage, bar=False, quiet=True)
    with pytest.raises(OptionError, match=r"kept by shelf:ShelfStorage, which no installed package offers"):
        Research.load("kept")


def test_a_storage_that_nobody_offers_is_refused():
    with pytest.raises(OptionError, match=r"storage: there is no 'shelv'.*folder, memory"):
        study().run(storage="shelv", bar=False)
    assert not Path("kept").exists()


def test_two_storages_of_a_name_are_refused_with_both(offered):
    offered("shelf", "shelf:ShelfStorage")
    offered("shelf", "other:OtherStorage", "other-package")
    with pytest.raises(OptionError, match=r"several packages .* 'shelf': other:Other.*, shelf:Shelf"):
        study().run(storage="shelf", bar=False)
    offered("folder", "other:OtherStorage", "folder-package")
    with pytest.raises(OptionError, match="several packages offer a storage 'folder'"):
        study().run(bar=False)
    research = study().run(storage=FolderStorage, bar=False, quiet=True)
    assert research.results.df["y"].tolist()[:2] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"storage": 5}, "without create, open, read, is_there, encode"),
        ({"storage": dict}, "without create"),
        ({"storage": ""}, "must be a name"),
        ({"storage": "memory"}, "dump_results=False"),
        ({"storage": ShelfStorage, "dump_results": False}, "give one of both"),
    ],
)
def test_what_is_no_storage_is_refused(options, message):
    with pytest.raises(OptionError, match=f"storage: .*{message}"):
        study().run(**options)
    assert "kept" not in {path.name for path in Path().iterdir()}
