"""Experiments are removed, restored and deleted; tags and notes are kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from research_results import FolderStorage, MemoryStorage, ResearchResults, ResearchStorage, SharedStorage
from research_results.errors import (
    ArgumentError,
    DamagedError,
    LockedError,
    OldFormatError,
    StorageAccessError,
    UnknownExperimentError,
    UnknownVariableError,
)

FIXTURES = Path(__file__).with_name("fixtures")


def fill(storage):
    for number, lr in enumerate([0.1, 0.2, 0.3]):
        name = "abc"[number]
        storage.add(name, {"lr": lr, "repetition": 0}, index=number)
        storage.put(name, {"loss": {0: lr, 1: lr / 2}, "large": {0: bytes(100_000) + name.encode()}})
        (storage.experiment_path(name) / "model.txt").write_text(name)
        failed = name == "c"
        failure = {"failure": ValueError("boom"), "attempt": 1} if failed else {}
        storage.mark(name, "failed" if failed else "done", elapsed_s=1.0, iterations=2, **failure)
    return storage.results


@pytest.fixture
def results(storage):
    return fill(storage)


def seen(results):
    """Return which experiments each way to look at results shows."""
    return {
        "df": set(results.df["id"]),
        "configs": set(results.configs),
        "configs_to_df": set(results.configs_to_df()["id"]),
        "results": set(results.results),
        "artifacts": {name for name, files in results.artifacts.items() if files},
        "artifacts_to_df": set(results.artifacts_to_df()["id"]),
        "experiments": set(results.experiments["id"]),
        "filter": set(results.filter().experiment_id),
        "best": {name for row in results.best("loss", over=None) for name in row.ids},
        "aggregate": set(results.aggregate("loss", by="lr", at="last")["lr"]),
        "changes": {change.experiment_id for change in results.follow()},
    }


def test_removed_experiments_are_nowhere_to_be_seen_until_they_are_restored(results):
    before = seen(results)
    assert results.remove("b") == ["b"]
    assert results.removed == ("b",)
    after = seen(results)
    for way, ids in before.items():
        assert after[way] == ids - {"b", 0.2}, way
    assert results.counts == {"done": 1, "failed": 1}
    assert (results.summary().values, results.summary().elapsed_s) == (6, 2.0)
    with pytest.raises(UnknownExperimentError):
        results.filter("b")
    assert results.restore() == ["b"]
    assert seen(results) == before and results.removed == ()


def test_names_that_only_removed_experiments_have_are_not_listed(storage, results):
    storage.put("b", {"accuracy": {0: 0.5}})
    storage.add("d", {"depth": 3, "lr": 0.4})
    before = results.variables, results.summary().parameters
    assert before == (("loss", "large", "accuracy"), ("lr", "repetition", "depth"))
    results.remove(["b", "d"])
    assert results.variables == results.summary().variables == ("loss", "large")
    assert results.summary().parameters == ("lr", "repetition")
    with pytest.raises(UnknownVariableError, match="accuracy"):
        results.to_df(name="accuracy")
    results.restore("d")
    assert results.summary().parameters == ("lr", "repetition", "depth")
    results.restore()
    assert (results.variables, results.summary().parameters) == before
    results.remove("b")
    results.gc()
    assert results.variables == ("loss", "large")


def test_failures_of_removed_experiments_are_none(results):
    assert results.remove(lr=0.3) == ["c"]
    assert len(results.failures) == 0 and results.failure_report().failed == 0
    results.restore("c")
    assert results.failures["id"].tolist() == ["c"]


def test_output_of_removed_experiments_is_not_shown(storage, results):
    for name in "ab":
        storage.put_output(name, "stdout", f"says {name}")
    results.remove("a")
    assert dict(storage.experiments_stdout) == {"b": "says b"}


def test_revisions_grow_on_while_experiments_are_removed(results):
    revision = results.follow().revision
    results.remove(["b", "c"])
    assert results.follow(since=revision).revision == revision
    results.restore("c")
    results.gc()
    assert results.follow(since=revision).revision > revision


def test_gc_deletes_values_and_files_for_good(tmp_path):
    with FolderStorage.create(tmp_path / "study") as storage:
        results = fill(storage)
        interrupted = tmp_path / "study" / "interrupted" / "b-1"
        interrupted.mkdir(parents=True)
    before = results.summary().size_bytes
    results.remove("b")
    assert results.summary().size_bytes > before  # by what curation.json takes
    assert results.gc() == ["b"] and results.gc() == []
    assert before - results.summary().size_bytes > 80_000
    assert not interrupted.exists()
    assert sorted(path.name for path in (tmp_path / "study" / "experiments").iterdir()) == ["a", "c"]
    with pytest.raises(ArgumentError, match="gone for good"):
        results.restore("b")
    assert results.restore() == [] and results.removed == ("b",)
    assert set(results.df["id"]) == {"a", "c"}
    assert "experiments  1 done, 1 failed" in (tmp_path / "study" / "research.txt").read_text()


def test_gc_in_memory(tmp_path):
    storage = MemoryStorage()
    results = fill(storage)
    results.remove("a")
    assert results.gc() == ["a"]
    assert set(results.df["id"]) == {"b", "c"} and not results.artifacts.get("a")


def test_gc_leaves_alone_what_runs_in_this_process(storage):
    storage.add("r", {})
    storage.mark("r", "running", attempt=1)
    storage.results.remove("r")
    assert storage.results.gc() == []
    storage.put("r", {"x": {0: 1}})
    storage.mark("r", "done", iterations=1)
    assert len(storage.results.df) == 0
    storage.results.restore()
    assert storage.results.df["x"].tolist() == [1]


def test_gc_of_what_another_process_runs_is_refused_and_removing_is_not(folder):
    results = ResearchResults(folder.path)
    fill(folder)
    results.remove("a")
    with pytest.raises(LockedError):
        results.gc()
    assert set(folder.results.df["id"]) == {"b", "c"}


def test_nothing_is_removed_unless_something_says_what(results):
    with pytest.raises(ArgumentError, match="say which"):
        results.remove()
    with pytest.raises(UnknownExperimentError):
        results.remove("nobody")
    with pytest.raises(ArgumentError, match="was not removed"):
        results.restore("a")
    assert results.remove([]) == [] and results.removed == ()


def test_nothing_is_written_where_nobody_would_see_it(results, storage):
    results.remove("a")
    with pytest.raises(ArgumentError, match="was removed"):
        results.put("a", {"loss": {2: 0.0}})
    with pytest.raises(ArgumentError, match="was removed"), storage.experiment({}, experiment_id="a"):
        pass


@pytest.mark.parametrize("shared", [False, True])
def test_a_loop_that_goes_on_leaves_out_what_was_removed(tmp_path, shared):
    def open_():
        return SharedStorage(tmp_path / "s") if shared else ResearchStorage(tmp_path / "s")

    def loop(**options):
        ran = []
        storage = open_()
        for lr in (0.1, 0.2):
            with storage.experiment({"lr": lr}, **options) as run:
                if not run.is_done:
                    run.put(loss=lr)
                    ran.append(lr)
        if not shared:
            storage.close()
        return ran

    assert loop() == [0.1, 0.2]
    results = ResearchResults(tmp_path / "s")
    results.remove(lr=0.2)
    assert loop(skip_done=True) == []
    assert loop() == [0.1, 0.2]  # other experiments of the same configs
    assert results.df["lr"].tolist() == [0.1, 0.1, 0.2]


def test_tags_of_experiments_and_of_the_research(results):
    results.tags.add("good", "fast", lr=0.1)
    results.tags.add("good", experiment_id="c")
    results.tags.add("paper")
    assert results.tags.research == ("paper",)
    assert results.tags.experiments == {"a": ("fast", "good"), "c": ("good",)}
    assert set(results.to_df(tags="good")["id"]) == {"a", "c"}
    assert results.filter(tags=["fast", "good"], lr=0.1).experiment_id == ["a"]
    assert results.experiments["tags"].tolist() == ["fast, good", "", "good"]
    assert results.best("loss", tags="fast").configs[0]["lr"] == 0.1
    results.tags.remove("good", experiment_id="c")
    results.tags.set("slow", lr=0.1)
    results.tags.set()
    assert results.tags.research == () and results.tags.experiments == {"a": ("slow",)}


def test_a_tag_that_nothing_has_is_an_error(results):
    results.tags.add("good", lr=0.1)
    with pytest.raises(ArgumentError, match="no experiment has the tag 'god'; there are: 'good'"):
        results.to_df(tags="god")


@pytest.mark.parametrize("tag", ["", " a", "a,b", "a\nb", 3])
def test_a_text_that_is_no_tag_is_refused(results, tag):
    with pytest.raises(ArgumentError, match="a tag is a text"):
        results.tags.add(tag)


def test_notes(results):
    results.notes.set("diverges", experiment_id=["a", "b"])
    results.notes.set("", experiment_id="b")
    results.notes.set("of the paper")
    assert (results.notes.research, results.notes.experiments) == ("of the paper", {"a": "diverges"})
    assert results.experiments["note"].tolist() == ["diverges", "", ""]
    with pytest.raises(ArgumentError, match="a note is a text"):
        results.notes.set(None)


def test_filters_of_results_hold_for_what_is_said(tmp_path):
    with FolderStorage.create(tmp_path / "study") as storage:
        fill(storage).tags.add("good", experiment_id=["a", "b"])
    good = ResearchResults(tmp_path / "study", tags="good", lr=0.1)
    assert good.experiments["id"].tolist() == ["a"] and good.tags.experiments == {"a": ("good",)}


def test_the_oldest_folder_can_be_curated_and_nothing_else_in_it_changes(tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(FIXTURES / "format-1"), str(copy)], check=True)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    results = ResearchResults(copy)
    first = results.filter().experiment_id[0]
    results.remove(first)
    results.tags.add("old")
    assert first not in results.configs and len(results.experiments) == 2
    assert (set(results.df["id"]), results.counts["done"]) == (set(results.configs), 1)
    with pytest.raises(OldFormatError):
        results.gc()
    results.restore()
    results.tags.set()
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert json.loads((copy / "curation.json").read_text())["experiments"] == {}


@pytest.mark.parametrize("text", ["[]", "{", '{"research": 1, "experiments": {}}', '{"research": {}}'])
def test_what_is_no_curation_is_damage(tmp_path, text):
    ResearchStorage(tmp_path / "study").close()
    (tmp_path / "study" / "curation.json").write_text(text)
    with pytest.raises(DamagedError, match=r"curation\.json"):
        ResearchResults(tmp_path / "study").df


def test_a_link_in_its_place_is_not_followed(tmp_path):
    ResearchStorage(tmp_path / "study").close()
    (tmp_path / "other").write_text("{}")
    (tmp_path / "study" / "curation.json").symlink_to(tmp_path / "other")
    with pytest.raises(DamagedError):
        ResearchResults(tmp_path / "study").df


def test_a_folder_in_which_nothing_can_be_written_says_so(tmp_path):
    ResearchStorage(tmp_path / "study").close()
    (tmp_path / "study" / "curation.lock").mkdir()
    with pytest.raises(StorageAccessError):
        ResearchResults(tmp_path / "study").tags.add("good")


TAG = "import sys; from research_results import ResearchResults; ResearchResults('s').tags.add(*sys.argv[1:])"


def test_nothing_is_lost_when_processes_tag_at_once(tmp_path):
    ResearchStorage(tmp_path / "s").close()
    names = [f"tag{number}" for number in range(4)]
    started = [subprocess.Popen([sys.executable, "-c", TAG, name], cwd=tmp_path) for name in names]
    assert [process.wait() for process in started] == [0] * 4
    assert ResearchResults(tmp_path / "s").tags.research == tuple(names)
    assert not (tmp_path / "s" / "curation.lock").exists()


def test_versions_are_read_as_they_were_recorded(tmp_path):
    record = {
        "since": "2026-01-01T00:00:00Z",
        "python": "3.12.1",
        "packages": {"numpy": "2.0"},
        "commit": "ab",
    }
    with ResearchStorage(tmp_path / "s", meta={"versions": [record, "nonsense"]}) as storage:
        (versions,) = storage.results.versions
    assert (versions.python, dict(versions.packages), versions.commit) == ("3.12.1", {"numpy": "2.0"}, "ab")
    assert (versions.platform, versions.is_changed) == ("", False)
    assert ResearchResults("memory", dump_results=False).versions == ()


def test_remarks_on_experiments_that_are_not_there_are_refused(storage):
    storage.results.put("a", {"loss": {0: 0.5}}, {"lr": 0.1})
    results = storage.results
    for say in (results.tags.add, results.tags.remove, results.tags.set, results.notes.set):
        with pytest.raises(ArgumentError, match="no experiment has lr=9; nothing was changed"):
            say("good", lr=9)
    assert results.tags.experiments == {} and results.notes.experiments == {}


def test_who_asks_for_what_was_removed_is_told_so(storage):
    storage.results.put("a", {"loss": {0: 0.5}}, {"lr": 0.1})
    results = storage.results
    results.remove("a")
    for ask in (results.remove, lambda name: results.to_df(experiment_id=name), results.load_results):
        with pytest.raises(
            UnknownExperimentError, match=r"'a' was removed; .*results.restore\('a'\) brings it"
        ):
            ask("a")
