"""Loops of one's own that are continued, or run in several processes."""

import pickle
import subprocess
import sys

import pytest

from research_results import MemoryStorage, ResearchStorage, SharedStorage
from research_results.errors import ArgumentError, LockedError

CONFIGS = [{"x": x} for x in range(4)]


@pytest.fixture(params=["folder", "shared"])
def open_storage(request, tmp_path):
    kind = {"folder": ResearchStorage, "shared": SharedStorage}[request.param]
    return lambda: kind(tmp_path / "loop")


def close(storage):
    getattr(storage, "close", lambda: None)()


def loop(storage, configs=CONFIGS, upto=99):
    """Run a loop; return which configs were worked on."""
    worked = []
    for config in configs[:upto]:
        with storage.experiment(config, skip_done=True) as run:
            if run.is_done:
                continue
            worked.append(config["x"])
            run.put(y=config["x"])
            run.put(y=config["x"] * 10)
    return worked


def test_a_loop_goes_on_where_it_was(open_storage):
    storage = open_storage()
    assert loop(storage, upto=2) == [0, 1]
    close(storage)
    storage = open_storage()
    assert loop(storage) == [2, 3]
    assert loop(storage) == []
    frame = storage.results.df
    assert frame["x"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert frame["y"].tolist() == [0, 0, 1, 10, 2, 20, 3, 30]
    assert all(name.endswith("-0") for name in frame["id"])
    close(storage)


@pytest.mark.parametrize("skip_done", [True, False])
def test_what_a_killed_process_had_begun_is_replaced(tmp_path, skip_done):
    with ResearchStorage(tmp_path / "loop") as storage:
        run = storage.experiment(CONFIGS[0])
        run.__enter__()
        run.put(y=-1)
        run.put(y=-2)
    with ResearchStorage(tmp_path / "loop") as storage:
        with storage.experiment(CONFIGS[0], skip_done=skip_done) as run:
            run.put(y=5)
        experiments = storage.results.experiments
        assert experiments["status"].tolist() == ["done"] and experiments["attempts"].tolist() == [2]
        assert storage.results.df["y"].tolist() == [5]


def test_what_failed_begins_anew_and_keeps_its_name(open_storage):
    storage = open_storage()
    with pytest.raises(ZeroDivisionError), storage.experiment(CONFIGS[0], skip_done=True) as run:
        run.put(y=1)
        1 / 0
    with storage.experiment(CONFIGS[0], skip_done=True) as run:
        assert not run.is_done
        run.put(y=2)
    assert storage.results.df["y"].tolist() == [2]
    close(storage)


def test_names_of_ones_own_are_skipped_as_well(open_storage):
    storage = open_storage()
    for expected in (False, True):
        with storage.experiment({}, experiment_id="trial-7", skip_done=True) as run:
            assert run.is_done is expected
            if not run.is_done:
                run.put(y=1)
    close(storage)


def test_without_skipping_the_same_config_is_another_experiment_also_inside_of_itself(open_storage):
    storage = open_storage()
    with storage.experiment(CONFIGS[0]) as outer, storage.experiment(CONFIGS[0]) as inner:
        assert outer.id != inner.id
    with storage.experiment(CONFIGS[0]) as third:
        assert third.id not in (outer.id, inner.id)
    close(storage)


def test_what_is_done_takes_no_values():
    storage = MemoryStorage()
    loop(storage)
    with (
        storage.experiment(CONFIGS[0], skip_done=True) as run,
        pytest.raises(ArgumentError, match=r"if run\.is_done"),
    ):
        run.put(y=1)


WORKER = """
import pathlib, pickle, sys
storage = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
for x in range(4):
    with storage.experiment({"x": x}, skip_done=True) as run:
        if not run.is_done:
            print(x)
            run.put(y=x)
            run.put(y=x * 10)
"""


def test_several_processes_share_a_folder_and_the_work(tmp_path):
    storage = SharedStorage(tmp_path / "loop")
    pickled = tmp_path / "storage"
    pickled.write_bytes(pickle.dumps(storage))
    command = [sys.executable, "-c", WORKER, pickled]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    worked = [worker.communicate()[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert sorted(worked[0] + worked[1]) == [b"0", b"1", b"2", b"3"]
    assert storage.results.df["y"].tolist() == [0, 0, 1, 10, 2, 20, 3, 30]
    assert storage.results.counts == {"done": 4}


def test_a_turn_that_does_not_come_is_an_error(tmp_path):
    with ResearchStorage(tmp_path / "loop"), pytest.raises(LockedError):
        SharedStorage(tmp_path / "loop", wait_s=0.05)


def test_calls_in_one_transaction_are_one_commit(tmp_path):
    storage = SharedStorage(tmp_path / "loop")
    with pytest.raises(ZeroDivisionError), storage.transaction():
        storage.put("a", {"y": {0: 1}})
        1 / 0
    assert storage.state("a") is None
    with storage.transaction():
        storage.add("a", {"x": 1})
        storage.mark("a", "running", attempt=1)
        storage.put("a", {"y": {0: 1}})
        storage.mark("a", "done")
    assert storage.state("a") == ("done", 1)


def test_values_need_names():
    storage = MemoryStorage()
    with storage.experiment({}) as run:
        with pytest.raises(ArgumentError, match=r"iteration.*run\.put\(\*\*\{'a': 1\}\)"):
            run.put({"a": 1})
        with pytest.raises(ArgumentError, match=r"values have names: run\.put\(loss=0\.5\)"):
            run.put(0.5)


def test_a_mark_takes_an_exception():
    storage = MemoryStorage()
    storage.add("a", {})
    storage.mark("a", "failed", attempt=1, failure=ValueError("too small"))
    (row,) = storage.results.failures.to_dict("records")
    assert (row["type"], row["message"], row["cause"]) == ("ValueError", "too small", "exception")
    assert "ValueError: too small" in row["traceback"]


def test_a_storage_that_is_pickled_says_what_to_do(tmp_path):
    with (
        ResearchStorage(tmp_path / "loop") as storage,
        pytest.raises(TypeError, match=r"SharedStorage\(path\)"),
    ):
        pickle.dumps(storage)
    with pytest.raises(TypeError, match=r"storage\.encode"):
        pickle.dumps(MemoryStorage())
