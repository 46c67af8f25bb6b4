"""Detached researches: they outlive who starts them, and can be followed and ended from anywhere."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from research_runner import NotAResearchError, NotFoundError, ResearchExistsError
from research_stack import EC, Domain, Research

START = """
import os, time
from research_stack import EC, Domain, Research
def wait(x):
    while not os.path.exists('go'):
        time.sleep(0.02)
    return x + offset
offset = 10
research = Research('far', Domain(x=[1, 2, 3])).add_callable(wait, x=EC('x'), save_to='y')
research.run(workers=2, detach=True)
print(research.is_finished, research.monitor.remained_experiments)
"""


def until(condition, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


@pytest.fixture
def far():
    """A research that runs on while the script that began it has ended."""
    Path("start.py").write_text(START)
    done = subprocess.run([sys.executable, "start.py"], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("False 3\n", "")
    research = Research.load("far")
    pid = research.meta["owner"]["pid"]
    yield research
    Path("go").touch()
    if psutil.pid_exists(pid):
        psutil.Process(pid).kill()


def test_it_outlives_its_caller_and_is_seen_from_another_process(far):
    until(lambda: far.monitor.in_progress == 2)
    assert not far.is_finished
    assert far.monitor.remained_experiments == 3
    Path("go").touch()
    until(lambda: far.is_finished)
    assert far.results.df["y"].tolist() == [11, 12, 13]
    assert far.monitor.finished_experiments == 3


def test_it_can_be_ended_from_another_process(far):
    owner = psutil.Process(far.meta["owner"]["pid"])
    until(lambda: far.monitor.in_progress == 2)
    script = "from research_stack import Research; Research.load('far').terminate(force=True)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    until(lambda: not owner.is_running() or owner.status() == psutil.STATUS_ZOMBIE)
    assert far.is_finished
    assert set(far.results.experiments["status"]) <= {"lost", "queued"}


def test_whoever_loads_it_waits_until_what_runs_has_ended(far):
    until(lambda: far.monitor.in_progress == 2)
    far.terminate(wait=False)
    far.terminate(wait=False)  # the same request, no second signal that would kill
    assert not far.is_finished
    Path("go").touch()
    far.terminate()
    assert far.is_finished
    assert far.results.experiments["status"].tolist() == ["done", "done"]
    Research.remove("far", ask=False)


def test_whoever_loads_it_can_kill_what_runs(far):
    until(lambda: far.monitor.in_progress == 2)
    far.terminate(kill_processes=True)
    assert far.is_finished
    assert "done" not in set(far.results.experiments["status"])
    far.terminate()


def test_the_caller_can_wait_for_it_and_end_it():
    research = Research("far", Domain(x=list(range(1000)))).add_callable(
        "sleep", lambda x: __import__("time").sleep(0.05), x=EC("x")
    )
    research.run(detach=True)
    until(lambda: research.monitor.finished_experiments > 1)
    research.terminate()
    assert research.is_finished
    assert research.monitor.finished_experiments < 1000


def test_nothing_is_left_of_a_detached_run(traces):
    research = Research("far", Domain(x=[1])).add_callable("one", lambda x: x, x=EC("x"), save_to="y")
    research.run(detach=True)
    until(lambda: research.is_finished and not traces.processes())
    assert research.results.df["y"].tolist() == [1]
    traces.check()


def test_what_cannot_begin_says_why_in_the_caller():
    Path("taken").mkdir()
    research = Research("taken", Domain(x=[1])).add_callable("one", lambda x: x, x=EC("x"))
    with pytest.raises(ResearchExistsError, match="already exists"):
        research.run(detach=True)
    assert not list(Path("taken").iterdir())


def test_remove_asks_and_refuses(monkeypatch):
    Research("done").add_callable("one", lambda: 1).run(bar=False)
    for answer, there in (("", True), ("n", True), ("y", False)):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        Research.remove("done")
        assert Path("done").exists() is there
    with pytest.warns(UserWarning, match="there is no research 'done'.*nothing was removed"):
        Research.remove("done", ask=False)
    Path("precious").mkdir()
    with pytest.raises(NotAResearchError):
        Research.remove("precious", ask=False)
    assert Path("precious").exists()
    Research.remove("precious", ask=False, force=True)
    assert not Path("precious").exists()


def test_a_research_that_runs_is_not_removed_unless_forced(far):
    with pytest.raises(Exception, match="run"):
        Research.remove("far", ask=False)
    assert Path("far/research.json").exists()


def test_load_says_what_is_missing():
    with pytest.raises(NotFoundError, match="nowhere"):
        Research.load("nowhere")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_coordinator_is_in_a_session_of_its_own(far):
    assert os.getsid(far.meta["owner"]["pid"]) == far.meta["owner"]["pid"] != os.getsid(0)
