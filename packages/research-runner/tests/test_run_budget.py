"""The seconds that a research has run are known to the runs that go on with it, also after a kill."""

import pytest

from research_runner.recording import spent
from research_runner.recording.spent import TimeBudget


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(spent.time, "monotonic", lambda: now[0])
    return now


def test_a_run_that_was_killed_has_noted_its_seconds_but_for_the_last_one(tmp_path, clock):
    killed = TimeBudget(10, tmp_path)
    killed.begin()
    for _ in range(9):
        clock[0] += 0.4
        assert not killed.is_over()
    clock[0] += 0.4
    again = TimeBudget(10, tmp_path)
    assert 2.6 <= again.before_s <= 3.6
    again.begin()
    clock[0] += 10 - again.before_s - 0.1
    assert not again.is_over()
    clock[0] += 0.2
    assert again.is_over()
    again.note()
    assert TimeBudget(10, tmp_path).before_s == pytest.approx(10.1)


def test_a_note_of_which_half_is_missing_counts_nothing(tmp_path, clock):
    (tmp_path / "spent.txt").write_text("")
    assert TimeBudget(10, tmp_path).before_s == 0


def test_without_a_budget_nothing_is_kept(tmp_path, clock):
    budget = TimeBudget(None, tmp_path)
    clock[0] += 1e9
    assert not budget.is_over()
    budget.note()
    assert list(tmp_path.iterdir()) == []
