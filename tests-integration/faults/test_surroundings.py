"""Surroundings of a script that must not stop a run: each in a process of its own, which it may spoil."""

import os
import resource
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import logging, os, socket, sys, threading, warnings
from research_stack import EC, Domain, Research

def unit(x):
    if x == 2:
        raise ValueError("bad")
    return x

class Raising(logging.Handler):
    def emit(self, record):
        raise RuntimeError("a handler of the user's")

options = {{"workers": 2}}
{spoil}
research = Research({name!r}, Domain(x=[1, 2, 3])).add_callable("unit", unit, x=EC("x"), save_to="y")
research.run(canary=0, **options)
with open({path!r}, "w") as report:
    report.write(f"{{len(research.results.df)}} {{research.monitor.finished_experiments}}")
"""


@pytest.fixture
def run(tmp_path):
    """Run a script that spoils its surroundings; return what it reported and its end."""

    def run_script(spoil, *, name="study", **options):
        path = tmp_path / "report"
        script = SCRIPT.format(spoil=textwrap.dedent(spoil), name=name, path=str(path))
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            timeout=100,
            **{"stderr": subprocess.PIPE, **options},
        )
        return path.read_text() if path.exists() else None, done

    return run_script


INLINE = "options = {'parallel': False}\n"
SPOILT = {
    "default timeout of sockets": "socket.setdefaulttimeout(30)",
    "no sys.argv": "del sys.argv",
    "no stderr": "sys.stderr = None",
    "no stdout": "sys.stdout = None",
    "closed stdout": "sys.stdout.close()",
    "a full device as stderr": "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)",
    "a handler that raises": "logging.getLogger().addHandler(Raising()); logging.getLogger().setLevel(1)",
    "a handler that raises, inline": INLINE + "logging.getLogger().addHandler(Raising())",
    "no sys.executable, forked": "sys.executable = ''; options['start_method'] = 'fork'",
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_run_goes_on_in(spoil, run):
    report, done = run(spoil, stdout=subprocess.PIPE)
    assert report == "2 3", done.stderr


def test_a_run_goes_on_when_nobody_reads_its_stderr(run):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        report, _ = run("", stderr=writing)
    finally:
        os.close(writing)
    assert report == "2 3"


def test_a_removed_working_directory_matters_only_to_relative_names(run, tmp_path):
    gone = "os.mkdir('gone'); os.chdir('gone'); os.rmdir(os.getcwd())"
    report, done = run(gone, name=str(tmp_path / "study"))
    assert report == "2 3", done.stderr
    (tmp_path / "report").unlink()
    report, done = run(gone, name="relative")
    assert report is None
    assert b"OptionError: name: 'relative' is relative to a directory that was removed" in done.stderr


@pytest.mark.parametrize("value", ["''", "None", "'/no/such/python'"])
def test_an_unknown_interpreter_is_refused_before_anything_is_made(value, run, tmp_path):
    report, done = run(f"sys.executable = {value}")
    assert report is None
    assert b"StartMethodError" in done.stderr
    assert b"sys.executable" in done.stderr
    assert not (tmp_path / "study").exists()


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({}, {})); "


def test_too_many_workers_for_the_open_files_are_refused_before_anything_is_made(run, tmp_path):
    report, done = run(
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); options['workers'] = 64"
    )
    assert report is None
    assert b"PoolError: 64 workers need" in done.stderr
    assert not (tmp_path / "study").exists()


def test_a_soft_limit_of_open_files_is_raised_as_far_as_needed(run):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    report, done = run(
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (20, {hard})); options['workers'] = 30"
    )
    assert report == "2 3", done.stderr


def test_a_fork_after_threads_is_warned_about_by_name(run):
    report, done = run(
        """
        wait = threading.Event().wait
        threading.Thread(target=wait, name="waiter", daemon=True).start()
        options["start_method"] = "fork"
        """
    )
    assert report == "2 3"
    assert b"RuntimeWarning: start_method='fork' copies this process without its threads" in done.stderr
    assert b"'waiter'" in done.stderr
