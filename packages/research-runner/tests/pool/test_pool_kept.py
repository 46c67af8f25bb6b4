"""The supervisor that stays between pools: when it is used again, when it is not, and that it always ends."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from research_runner import shutdown
from research_runner.pool import kept, launch
from research_runner.pool.worker_pool import WorkerPool
from research_runner.testing import wait_until


@pytest.fixture(autouse=True)
def nothing_kept():
    shutdown()
    yield
    shutdown()


@pytest.fixture
def use(obey, watch):
    """Return a function that uses a pool and returns the pid of its supervisor; its worker is gone then."""

    def use(method="forkserver", function=os.getpid, force=False, **options):
        with WorkerPool(1, obey, start_method=method, keep=True, **options) as pool:
            pool.start(0)
            pool.submit(0, function)
            events = []
            while len(events) < 2:
                events += pool.poll(30)
            supervisor, worker = pool._supervisor.pid, events[0].pid
            watch.add(worker)
            use.answer = events[1].payload
            pool.close(force=force)
        watch.assert_gone(0.0)
        watch.close()
        return supervisor

    return use


def lives(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_the_next_pool_uses_it_and_shutdown_ends_it(use, method, traces):
    first = use(method)
    assert lives(first)
    assert use(method, force=True) == first
    assert use(method) == first
    shutdown()
    assert not lives(first)
    traces.check()


def test_with_fork_nothing_is_kept_and_what_is_kept_stays(use):
    first = use()
    forked = use("fork")
    assert not lives(forked)
    assert use() == first


def test_what_a_worker_leaves_is_gone_although_the_supervisor_stays(use):
    def leave():
        script = "setsid sleep 1000 >/dev/null 2>&1 & echo $!"
        return int(subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE).stdout)

    supervisor = use(function=leave)
    assert not lives(use.answer)
    assert psutil.Process(supervisor).children() == []


@contextlib.contextmanager
def _environment():
    os.environ["RESEARCH_TEST_KEPT"] = "1"
    yield
    del os.environ["RESEARCH_TEST_KEPT"]


@contextlib.contextmanager
def _path():
    sys.path.append(str(Path.cwd()))
    yield
    sys.path.pop()


@contextlib.contextmanager
def _directory():
    before = Path.cwd()
    os.chdir("/")
    yield
    os.chdir(before)


@contextlib.contextmanager
def _umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@contextlib.contextmanager
def _limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard if soft == 0 else 0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@contextlib.contextmanager
def _affinity():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _stream():
    before = os.dup(1)
    with Path("elsewhere.txt").open("w") as file:
        os.dup2(file.fileno(), 1)
    yield
    os.dup2(before, 1)
    os.close(before)


@contextlib.contextmanager
def _ignored_signal():
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGUSR1, before)


CHANGES = [_environment, _path, _directory, _umask, _limit, _affinity, _stream, _ignored_signal]


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_replaced_when_the_surroundings_have_changed(use, change, tmp_path, monkeypatch):
    if change is _affinity and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core")
    monkeypatch.chdir(tmp_path)
    first = use()
    with change():
        second = use()
        assert second != first
        assert not lives(first)
    assert lives(second)


def test_a_file_that_is_opened_anew_is_another_stream(use, tmp_path, monkeypatch):
    before = os.dup(1)
    try:
        with (tmp_path / "out.txt").open("w") as file:
            os.dup2(file.fileno(), 1)
            os.write(1, b"before")
            first = use()
            assert use() == first
        with (tmp_path / "out.txt").open("w") as file:
            os.dup2(file.fileno(), 1)
            assert use(function=lambda: os.write(1, b"a worker")) != first
        assert (tmp_path / "out.txt").read_text() == "a worker"
    finally:
        os.dup2(before, 1)
        os.close(before)


def test_one_that_was_killed_is_replaced(use):
    first = use()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not lives(first))
    assert use() != first


def test_one_whose_connection_was_closed_and_given_to_others_is_replaced(use, tmp_path):
    first = use()
    fd = kept._shelf._link.control.fileno()
    with (tmp_path / "precious").open("w") as file:
        os.dup2(file.fileno(), fd)
        assert use() != first
    assert (tmp_path / "precious").read_bytes() == b""
    wait_until(lambda: not lives(first))


def test_it_ends_after_a_while(use, monkeypatch):
    monkeypatch.setattr(launch, "IDLE_S", 0.05)
    first = use()
    wait_until(lambda: not lives(first))
    assert use() != first


def test_one_that_began_early_is_used(use):
    settings = launch.LaunchSettings(1, "forkserver", ({},))
    kept.launch_early(settings)
    first = kept._shelf._link.pid
    kept.launch_early(settings)
    assert use() == first


def test_a_pool_with_another_environment_does_not_use_it(use):
    kept.launch_early(launch.LaunchSettings(1, "forkserver", ({"RESEARCH_TEST_KEPT": "1"},)))
    first = kept._shelf._link.pid
    assert use() != first
    assert not lives(first)


def test_two_pools_at_a_time_have_one_each_and_one_of_them_is_kept(obey):
    with WorkerPool(1, obey, keep=True) as one, WorkerPool(1, obey, keep=True) as other:
        one.start(0), other.start(0)
        pids = [one._supervisor.pid, other._supervisor.pid]
        for pool in (one, other):
            pool.poll(30)
    assert len(set(pids)) == 2
    assert sorted(map(lives, pids)) == [False, True]


@pytest.mark.parametrize("mark", ["worker", "fork"])
def test_outside_of_the_process_of_the_script_none_is_kept(use, mark, monkeypatch):
    if mark == "worker":
        monkeypatch.setenv("RESEARCH_RUNNER_WORKER", "1:1")
        assert not lives(use())
        return
    first = use()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with contextlib.suppress(BaseException):
                pid = use()
                code = 0 if pid != first and not lives(pid) and lives(first) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert use() == first


SCRIPT = """
import json, os, signal, sys
from research_runner.pool.worker_pool import WorkerPool

def serve(channel):
    channel.recv()

with WorkerPool(1, serve, keep=True) as pool:
    pool.start(0)
    pool.poll(30)
    pid = pool._supervisor.pid
print(json.dumps(pid), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "left":
    os._exit(0)
"""


@pytest.mark.parametrize("how", ["ends", "left", "killed"])
def test_it_ends_with_the_process_however_that_ends(tmp_path, how):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), how]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=50)
    pid = json.loads(done.stdout)
    assert done.returncode == (-signal.SIGKILL if how == "killed" else 0)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_it_imports_nothing_of_the_users(use, tmp_path, monkeypatch):
    (tmp_path / "module_of_a_user.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    supervisor = use(function=lambda: __import__("module_of_a_user").__name__)
    assert use.answer == "module_of_a_user"
    assert use(function=lambda: "module_of_a_user" in sys.modules) == supervisor
    assert use.answer is False
