"""How long the coordinator of worker processes rests while nobody needs it."""

from types import SimpleNamespace

import pytest

from research_domain import Domain
from research_experiment import EC
from research_runner import Research, StopWhen
from research_runner.backends import processes
from research_runner.backends.gathering import Gathering
from research_runner.scheduling.batching import BatchSize


def resting(task_s, polls=30):
    gathering = Gathering()
    gathering.measure(task_s)
    for _ in range(polls):
        gathering.rest_s(tasks=100, read_bytes=0)
    return gathering


def test_nobody_rests_before_a_task_was_measured_or_while_a_worker_has_no_other():
    assert Gathering().rest_s(tasks=100, read_bytes=0) == 0
    assert [resting(1.0).rest_s(tasks, 0) for tasks in (0, 1)] == [0, 0]


@pytest.mark.parametrize(
    ("tasks", "task_s", "rest_s"), [(5, 1e-3, 2e-3), (257, 1e-5, 1.28e-3), (5, 1.0, 0.025)]
)
def test_half_of_what_workers_have_to_do_is_rested_and_never_long(tasks, task_s, rest_s):
    assert resting(task_s).rest_s(tasks, 0) == pytest.approx(rest_s)


def test_a_shorter_task_counts_at_once_and_a_longer_one_slowly():
    gathering = resting(1e-3)
    gathering.measure(1e-4)
    assert gathering.rest_s(3, 0) == pytest.approx(1e-4)
    gathering.measure(1e-3)
    assert gathering.rest_s(3, 0) == pytest.approx(1.9e-4)


def test_connections_that_fill_up_are_listened_to_at_once_and_again_step_by_step():
    gathering = resting(1.0)
    assert [gathering.rest_s(9, size) for size in (100, 60_000, 60_000, 100, 100)] == [
        0.025,
        0,
        0,
        0.001,
        0.002,
    ]


def same(x):
    return x


@pytest.mark.parametrize("watched", [False, True])
def test_a_run_rests_unless_experiments_wait_for_answers(monkeypatch, plain, watched):
    rests = []
    monkeypatch.setattr(processes, "time", SimpleNamespace(sleep=rests.append))
    monkeypatch.setattr(BatchSize, "tasks", lambda *_: 8)
    rule = {"stop": StopWhen("y", lambda reports: False)} if watched else {}
    research = Research(domain=Domain(x=range(100)))
    research.add_callable("same", same, x=EC("x"), save_to="y")
    research.run(workers=1, n_iters=2, bar=False, start_method="fork", dump_results=False, **rule)
    assert research.monitor.finished_experiments == 100
    assert bool(rests) is not watched and max(rests, default=0) <= 0.025
