"""Units that fork: a child that comes back ends, and nothing of its parent's is lost or done twice."""

import os
import subprocess
import sys
import textwrap

import pytest

from research_stack import EC, Domain, E, Research

WAYS = ["return", "raise", "sys.exit", "exec", "os._exit"]
RUNS = {
    "workers": {"workers": 2},
    "inline": {"parallel": False},
    "threads": {"workers": 1, "branches": 2},
    "in turn": {"workers": 1, "branches": 2, "executor_target": "for"},
    "fork": {"workers": 2, "start_method": "fork"},
}


def leave(how):
    """Leave a unit in a way that is not the parent's."""
    if how == "raise":
        raise ValueError("in the child")
    if how == "sys.exit":
        sys.exit(3)
    if how == "exec":
        os.execvp("no-such-program", ["no-such-program"])
    if how == "os._exit":
        os._exit(0)


def fork_unit(x, how, folder):
    with (folder / "calls").open("a") as calls:
        calls.write(f"{x}\n")
    pid = os.fork()
    if pid == 0:
        leave(how)
        return -1
    os.waitpid(pid, 0)
    return x


def fork_generator(how):
    yield 0
    pid = os.fork()
    if pid == 0:
        leave(how)
        return
    os.waitpid(pid, 0)
    yield 1


class Forking:
    """An instance whose making forks."""

    def __init__(self, how):
        pid = os.fork()
        if pid == 0:
            leave(how)
            return
        os.waitpid(pid, 0)

    def value(self):
        return 7


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("how", WAYS)
def test_a_forked_child_is_not_a_second_worker(how, options, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    research = (
        Research("study", Domain(x=[0, 1, 2, 3]))
        .add_instance("forking", Forking, how=how)
        .add_callable("call", fork_unit, x=EC("x"), how=how, folder=tmp_path, save_to="call")
        .add_generator("generate", fork_generator, how=how, save_to="generate")
        .add_callable("forking.value", save_to="method")
        .run(n_iters=2, bar=False, seed=1, **options)
    )
    results = research.results
    table = results.df
    assert table["call"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert table["generate"].tolist() == [0, 1] * 4
    assert table["method"].tolist() == [7] * 8
    assert results.experiments["status"].tolist() == ["done"] * 4
    assert (research.monitor.finished_experiments, research.monitor.failed_experiments) == (4, 0)
    assert sorted((tmp_path / "calls").read_text().split()) == sorted("00112233")


@pytest.mark.parametrize("fork", ["os.fork()", "ctypes.PyDLL(None).fork()"], ids=["Python", "C"])
def test_a_script_whose_units_fork_runs_once(fork, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import atexit, ctypes, os, sys
            from research_stack import EC, Domain, Research

            def unit(x):
                if FORK == 0:
                    sys.exit(0)
                return x

            atexit.register(print, "the end")
            research = Research("study", Domain(x=[1, 2])).add_callable("unit", unit, x=EC("x"), save_to="y")
            print("before", end=" ")
            research.run(parallel=False, bar=False)
            print("after", len(research.results.df))
            """
        ).replace("FORK", fork)
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "before after 2\nthe end\n"
    assert done.returncode == 0


def test_what_a_child_prints_stays_with_its_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def unit(x):
        print("parent")
        pid = os.fork()
        if pid == 0:
            print("child")
            return
        os.waitpid(pid, 0)

    research = Research("study", Domain(x=[1])).add_callable("unit", unit, x=EC("x")).save(E().id, "id")
    research.run(workers=1, bar=False, redirect_stdout=2)
    (text,) = research.storage.experiments_stdout.values()
    assert text == "parent\nchild\n"
