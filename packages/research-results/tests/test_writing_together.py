"""Rows that are written together are those that would have been written one by one."""

import sqlite3
from contextlib import closing, suppress

import pytest
from test_follow import told

from research_domain import ConfigAlias
from research_results import FolderStorage, MemoryStorage
from research_results.codec.encoding import encode
from research_results.errors import DamagedError
from research_results.writing import writer
from research_results.writing.known_names import KnownNames

DETAILS = {"attempt": 1, "worker": 0, "host": "a", "device": None, "code": "c", "started": 5.0}
END = {"iterations": 2, "elapsed_s": 0.5}


def one_by_one(storage, name, values, **details):
    begun = {**DETAILS, **details}
    storage.mark(name, "running", **begun)
    storage.put_encoded(name, encode(values))
    storage.mark(name, "done", **END)


def as_a_whole(storage, name, values, *, attempt=1, added=None):
    fields = (name, attempt, *list(DETAILS.values())[1:4], 5.0, *END.values(), encode(values))
    storage.put_attempts([fields], {} if added is None else {name: added}, "c")


def facts(storage):
    results = storage.results
    return told(results.follow()), results.df.to_dict("list"), results.experiments.to_dict("list")


def is_added_with_it(storage, name, values):
    as_a_whole(storage, name, values, added=(name, ConfigAlias({"x": name}), int(name[1:]), None))


@pytest.mark.parametrize("together", [False, True])
def test_a_whole_attempt_is_its_beginning_its_values_and_its_end(together):
    found = []
    for write in (one_by_one, as_a_whole, is_added_with_it):
        storage = MemoryStorage.create()
        names = [f"e{number}" for number in range(5)]
        for name in names if not together else ():
            storage.add(name, {"x": name})
        with storage.transaction():
            for number, name in enumerate(names):
                if together and write is not is_added_with_it:
                    storage.add(name, {"x": name})
                write(storage, name, {"y": {0: number, 1: 0.5}, "text": {0: name, 1: name}})
        found.append(facts(storage))
    assert found[0] == found[1] == found[2]
    assert found[0][1]["y"] == [0, 0.5, 1, 0.5, 2, 0.5, 3, 0.5, 4, 0.5]


def test_a_whole_attempt_replaces_what_an_earlier_one_left():
    found = []
    for write in (one_by_one, as_a_whole):
        storage = MemoryStorage.create()
        storage.add("a", {})
        storage.mark("a", "running", attempt=1)
        storage.put("a", {"y": {0: 1, 1: 1}})
        storage.mark("a", "queued")
        write(storage, "a", {"y": {0: 2}}, attempt=2)
        found.append(facts(storage))
    assert found[0] == found[1]
    assert found[0][1]["y"] == [2]


def test_an_attempt_that_is_rolled_back_leaves_nothing_and_can_be_written_again(tmp_path):
    with FolderStorage.create(tmp_path / "study") as storage:
        for fails in (True, True, False):
            try:
                with storage.transaction():
                    for name in ("a", "b"):
                        storage.add(name, {"x": name})
                        as_a_whole(storage, name, {"y": {0: 1}})
                    if fails:
                        raise RuntimeError
            except RuntimeError:
                assert storage.counts() == {}
                assert "a" not in storage
        assert storage.counts() == {"done": 2}
        assert storage.results.df["x"].tolist() == ["a", "b"]


def test_questions_in_the_middle_of_a_transaction_see_what_waits():
    storage = MemoryStorage.create()
    with storage.transaction():
        storage.add("a", {"x": 1}, digest=b"1")
        assert "a" in storage and storage.state("a") == ("queued", 0)
        assert storage.digests() == {b"1": "a"}
        as_a_whole(storage, "a", {"y": {0: 1}})
        assert storage.state("a") == ("done", 1)
        assert storage.statuses() == {"a": "done"} and storage.counts() == {"done": 1}
        storage.add("b", {"x": 2})
        assert storage.results.experiments["id"].tolist() == ["a", "b"]


def test_more_experiments_than_are_remembered_are_told_from_those_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_KEYS_LIMIT", 3)
    with FolderStorage.create(tmp_path / "study") as storage:
        with storage.transaction():
            for number in range(10):
                storage.add(str(number), {"x": number})
        with storage.transaction():
            for number in range(0, 20, 2):
                storage.add(str(number), {"x": -number})
            as_a_whole(storage, "18", {"y": {0: 1}})
        table = storage.results.experiments.set_index("id")
        assert len(table) == 15 and table["status"].value_counts().to_dict() == {"queued": 14, "done": 1}


def test_keys_are_not_given_again_by_a_later_writer(tmp_path):
    keys = []
    for name in ("a", "b", "c"):
        with (
            FolderStorage.open(tmp_path / "study")
            if keys
            else FolderStorage.create(tmp_path / "study") as storage
        ):
            storage.add(name, {})
        with sqlite3.connect(tmp_path / "study" / "research.db") as connection:
            keys.append(connection.execute("SELECT max(key) FROM experiments").fetchone()[0])
            connection.execute("DELETE FROM experiments")
        connection.close()
    assert keys == [1, 2, 3]


def test_an_experiment_that_has_vanished_is_damage_and_named(tmp_path):
    with FolderStorage.create(tmp_path / "study") as storage:
        storage.add("a", {})
        with sqlite3.connect(tmp_path / "study" / "research.db") as connection:
            connection.execute("DELETE FROM experiments")
        connection.close()
        with pytest.raises(DamagedError, match=r"'a'.*reached 0 rows"):
            as_a_whole(storage, "a", {"y": {0: 1}})


def test_what_has_ended_is_forgotten_and_found_again(tmp_path):
    with FolderStorage.create(tmp_path / "study") as storage:
        for _ in range(2):  # the second time, they are there
            with storage.transaction():
                for number in range(20):
                    is_added_with_it(storage, f"e{number}", {"y": {0: number}})
            assert not storage._writer._keys
        with storage.transaction():
            storage.add("e3", {"x": -3})
            storage.add("e20", {"x": 20})
            storage.mark("e20", "failed", attempt=1, started=1.0)
        storage.mark("e4", "running", attempt=2, started=2.0)
        assert set(storage._writer._keys) == {"e3", "e4"}
        table = storage.results.experiments.set_index("id")
    assert len(table) == 21
    statuses = table["status"].loc[["e3", "e4", "e5", "e20"]].tolist()
    assert statuses == ["queued", "running", "done", "failed"]


def indexes(folder):
    with closing(sqlite3.connect(folder / "research.db")) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        return {name for (name,) in found if name.startswith("experiments")}


def test_ids_get_their_index_when_somebody_looks_for_one_or_writing_ends(tmp_path):
    folder = tmp_path / "study"
    with FolderStorage.create(folder) as storage:
        is_added_with_it(storage, "e1", {"y": {0: 1}})
        assert indexes(folder) == set()
        assert storage.results.to_df(experiment_id="e1")["y"].tolist() == [1]
    assert indexes(folder) == {"experiments_by_id"}
    with FolderStorage.create(tmp_path / "other") as storage:
        for fails in (True, False):
            with suppress(RuntimeError), storage.transaction():
                is_added_with_it(storage, "e1", {"y": {0: 1}})
                assert "e2" not in storage
                if fails:
                    raise RuntimeError
            assert indexes(tmp_path / "other") == (set() if fails else {"experiments_by_id"})


def test_two_experiments_of_one_id_are_damage(tmp_path):
    with (
        pytest.raises(DamagedError, match=r"experiments\.id"),
        FolderStorage.create(tmp_path / "study") as storage,
    ):
        is_added_with_it(storage, "e1", {"y": {0: 1}})
        with closing(sqlite3.connect(tmp_path / "study" / "research.db")) as connection, connection:
            connection.execute(
                "INSERT INTO experiments (id, position, config, status) VALUES ('e1', 2, '', '')"
            )


def test_names_are_known_by_their_hashes():
    known, names = KnownNames(), [f"e{number}" for number in range(2000)]
    for _ in range(2):
        known.add(names)
    assert all(name in known for name in names)
    assert not any(f"{name}-0" in known for name in names)
