"""A reader sees each change of a status or value once, in order, whatever happens meanwhile."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from research_results import (
    Dropped,
    Ended,
    FolderStorage,
    Queued,
    ResearchResults,
    ResearchStorage,
    Started,
    Stored,
)
from research_results.errors import ArgumentError


def told(changes):
    """Return changes without their revisions."""
    return [
        (type(change), *(getattr(change, name) for name in type(change).__slots__[1:])) for change in changes
    ]


def test_every_change_comes_once_and_in_order(storage):
    storage.add("a", {"lr": 0.1})
    storage.mark("a", "running", attempt=1, worker=0)
    storage.put("a", {"loss": {0: 0.5, 1: 0.25}, "text": {3: "x"}})
    storage.mark("a", "done", elapsed_s=1.0)
    changes = storage.results.follow()
    seen = list(changes)
    assert told(seen) == [
        (Queued, "a"),
        (Started, "a", 1),
        (Stored, "a", "loss", {0: 0.5, 1: 0.25}),
        (Stored, "a", "text", {3: "x"}),
        (Ended, "a", "done", 1),
    ]
    revisions = [change.revision for change in seen]
    assert revisions == sorted(set(revisions)) and changes.revision == revisions[-1]
    assert list(storage.results.follow(since=changes.revision)) == []
    storage.put("a", {"loss": {2: 1.0}})
    later = storage.results.follow(since=changes.revision)
    assert told(later) == [(Stored, "a", "loss", {2: 1.0})] and later.revision > changes.revision


def test_an_attempt_that_replaces_another_is_seen_as_dropped_and_new(storage):
    storage.add("a", {})
    storage.mark("a", "running", attempt=1)
    storage.put("a", {"x": {0: 1.0}})
    first = storage.results.follow()
    list(first)
    numbers = rows(storage)
    storage.mark("a", "queued")
    storage.mark("a", "running", attempt=2)
    storage.put("a", {"x": {0: 2.0}})
    assert numbers and not numbers & rows(storage)
    assert told(storage.results.follow(since=first.revision)) == [
        (Queued, "a"),
        (Dropped, "a"),
        (Started, "a", 2),
        (Stored, "a", "x", {0: 2.0}),
    ]


def rows(storage):
    """Return the numbers of the rows of values."""
    with storage.results._reader.source.reading() as connection:
        return {number for (number,) in connection.execute("SELECT chunk FROM chunks")}


def test_numbers_are_not_given_again_by_a_later_writer(tmp_path):
    path, seen = tmp_path / "study", set()
    for attempt in range(1, 5):
        with ResearchStorage(path) as storage:
            storage.add("a", {})
            storage.mark("a", "running", attempt=attempt)
            assert not seen & rows(storage)
            storage.put("a", {"x": {0: float(attempt)}})
            new = rows(storage)
            assert len(new) == 1 and not seen & new
            seen |= new


def test_an_attempt_without_values_is_dropped_as_well(storage):
    storage.add("a", {})
    storage.mark("a", "running", attempt=1)
    storage.mark("a", "queued")
    storage.mark("a", "running", attempt=2)
    assert [change for change, *_ in told(storage.results.follow())] == [
        *(Queued, Started, Queued, Dropped, Started),
    ]


def test_an_experiment_that_begins_and_ends_in_one_mark_has_both(storage):
    storage.add("a", {})
    storage.mark("a", "failed", attempt=1, started=1.5e9, elapsed_s=0.1)
    assert told(storage.results.follow()) == [(Queued, "a"), (Started, "a", 1), (Ended, "a", "failed", 1)]


def test_what_is_queued_already_is_not_queued_again(storage):
    storage.add("a", {"n": 1})
    storage.mark("a", "queued")
    storage.add("a", {"n": 2})
    assert told(storage.results.follow()) == [(Queued, "a")]
    storage.mark("a", "lost")
    storage.add("a", {"n": 2})
    assert told(storage.results.follow())[1:] == [(Ended, "a", "lost", None), (Queued, "a")]


def test_values_put_after_an_end_belong_to_the_attempt_that_ended(storage):
    storage.add("a", {})
    storage.mark("a", "done", attempt=1, started=1.5e9)
    storage.put("a", {"x": {0: 1.0}})
    storage.mark("a", "running", attempt=2)
    assert storage.results.load_results() == {"a": {}}


def test_a_transaction_that_is_rolled_back_leaves_no_change(storage):
    with pytest.raises(ZeroDivisionError), storage.transaction():
        storage.put("a", {"x": {0: 1.0}})
        raise ZeroDivisionError
    assert list(storage.results.follow()) == []
    storage.put("b", {"x": {0: 1.0}})
    assert told(storage.results.follow()) == [(Queued, "b"), (Stored, "b", "x", {0: 1.0})]


def test_many_changes_come_page_by_page_without_gaps(storage):
    with storage.transaction():
        for number in range(700):
            storage.put(f"e{number}", {"x": {0: number, 5: number}, "y": {0: str(number)}})
    seen = told(storage.results.follow())
    assert [row for row in seen if row[0] is Queued] == [(Queued, f"e{number}") for number in range(700)]
    assert [row[3] for row in seen if row[0] is Stored and row[2] == "x"] == [
        {0: n, 5: n} for n in range(700)
    ]
    assert len(seen) == 2100


def test_filters_of_the_reader_hold(folder):
    for number in range(3):
        folder.put(f"e{number}", {"x": {0: number, 1: 1}, "y": {1: 0}})
        folder.add(f"e{number}", {"n": number})
    results = ResearchResults(folder.path, n=1, iterations=0)
    assert told(results.follow()) == [(Queued, "e1"), (Stored, "e1", "x", {0: 1})]


def test_values_are_exact(folder):
    array = np.arange(20_000).reshape(2, -1)
    folder.put("a", {"x": {0: array, 1: (1, None)}})
    large, small = [change.values for change in folder.results.follow() if isinstance(change, Stored)]
    assert np.array_equal(large[0], array) and small == {1: (1, None)}


@pytest.mark.parametrize("since", [-1, 1.0, True, None, "1"])
def test_since_is_a_revision(folder, since):
    with pytest.raises(ArgumentError, match="revision of an earlier call"):
        folder.results.follow(since=since)


def test_another_research_of_the_same_name_is_noticed(folder):
    with pytest.raises(ArgumentError, match="follow it from 0"):
        folder.results.follow(since=1)


def test_changes_are_values(folder):
    folder.put("a", {"x": {0: 1.0}})
    for change in folder.results.follow():
        with pytest.raises(FrozenInstanceError):
            change.revision = 0


FOLLOW = """
import sys
from research_results import Ended, Queued, ResearchResults, Stored
results, revision, values = ResearchResults(sys.argv[1]), 0, {}
while True:
    changes = results.follow(since=revision)
    for change in changes:
        assert revision < change.revision <= changes.revision
        revision = change.revision
        if isinstance(change, Stored):
            values.setdefault(change.experiment_id, {}).update(change.values)
        elif isinstance(change, Ended):
            assert values.pop(change.experiment_id) == {0: change.experiment_id, 1: 1}, change
            if change.experiment_id == 'last':
                sys.exit(0)
    revision = changes.revision
    print(revision, flush=True)
"""


def test_another_process_follows_while_it_is_written(folder):
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(folder.path)], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "0\n"
        for name in [*map(str, range(60)), "last"]:
            folder.add(name, {})
            folder.mark(name, "running", attempt=1)
            folder.put(name, {"x": {0: name}})
            folder.put(name, {"x": {1: 1}})
            folder.mark(name, "done")
        reader.communicate(timeout=60)
    assert reader.returncode == 0


def test_a_storage_that_is_open_follows_itself_inside_of_a_transaction(storage):
    with storage.transaction():
        storage.put("a", {"x": {0: 1.0}})
    assert len(list(storage.results.follow())) == 2
    assert isinstance(storage, FolderStorage) or storage.path is None
