"""Folders that older versions wrote stay readable, forever."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from fixture_values import CONFIGS, META, VALUES
from results_strategies import same

from research_results import FolderStorage, Opaque, ResearchResults, ResearchStorage
from research_results.disk.schema import FORMAT
from research_results.errors import OldFormatError

FIXTURES = Path(__file__).with_name("fixtures")
FORMATS = sorted(path.name for path in FIXTURES.iterdir())


def test_the_folder_of_each_format_is_committed():
    assert [f"format-{number}" for number in range(1, FORMAT + 1)] == FORMATS


@pytest.fixture(params=FORMATS)
def old(request):
    """A folder of an older version, as it is in the repository."""
    return FIXTURES / request.param


def test_values_are_read_exactly(old):
    assert same(ResearchResults(old, allow_pickle=True).load_results(), VALUES)


def test_without_pickle_only_objects_are_missing(old):
    found = ResearchResults(old).load_results()
    opaque = found["../odd\n🙂"]["opaque"].pop(0)
    assert isinstance(opaque, Opaque) and opaque.type_name == "collections.Counter"
    assert same(found["8c2f8eb1-0"], VALUES["8c2f8eb1-0"])
    assert same(found["8c2f8eb1-1"], VALUES["8c2f8eb1-1"])


def test_configs_statuses_failures_and_files_are_read(old):
    results = ResearchResults(old, allow_pickle=True)
    configs = results.load_configs()
    assert list(configs) == list(CONFIGS)
    assert all(configs[name] == CONFIGS[name] for name in CONFIGS)
    assert results.meta == META
    assert results.experiments["status"].tolist() == ["done", "done", "failed"]
    (failure,) = results.failures.to_dict("records")
    assert (failure["cause"], failure["unit"], failure["iteration"]) == ("signal", "train", 2)
    assert [file.name for file in results.load_artifacts()["8c2f8eb1-0"]] == ["model.txt", "stdout.txt"]
    assert results.df.shape == (11, 20)


def test_values_of_parameters_are_found(old):
    results = ResearchResults(old)
    assert results.filter_ids_by_configs(counter=Counter("aab")) == ["8c2f8eb1-1"]
    assert results.filter_ids_by_configs(layers=[64, 10], lr=0.1) == ["8c2f8eb1-0"]
    assert results.filter_ids_by_configs(n=2**70) == ["../odd\n🙂"]


def test_more_is_written_to_a_copy_of_the_newest_format_only(old, tmp_path):
    path = shutil.copytree(old, tmp_path / "copy")
    if old.name != f"format-{FORMAT}":
        before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
        for write in (ResearchStorage, FolderStorage.open, lambda path: ResearchResults(path).put("a", {})):
            with pytest.raises(OldFormatError, match="begin anew under another name"):
                write(path)
        assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
        return
    with ResearchStorage(path) as storage:
        storage.put("new", {"loss": {0: 1.0}})
    found = ResearchResults(path, allow_pickle=True).load_results()
    assert same(found, VALUES | {"new": {"loss": {0: 1.0}}})
