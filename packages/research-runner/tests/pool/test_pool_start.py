"""How workers start, and what they see."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import pickle
import sys
import types
from pathlib import Path

import multiprocess
import multiprocess.forkserver
import pytest

from research_runner.pool.errors import PoolError, StartMethodError
from research_runner.pool.events import Message
from research_runner.pool.launch import cuda_user, resolve_start_method
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerReady
from research_runner.worker.starting import PRELOAD


def test_auto_is_a_fork_server_on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert resolve_start_method("auto") == "forkserver"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert resolve_start_method("auto") == "spawn"


def test_unknown_start_method_is_refused(obey):
    with pytest.raises(StartMethodError, match="none of 'auto', 'fork', 'forkserver', 'spawn'"):
        WorkerPool(1, obey, start_method="thread")


def test_fork_is_refused_once_torch_has_initialised_cuda(monkeypatch):
    cuda = types.SimpleNamespace(is_initialized=lambda: False)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert resolve_start_method("fork") == "fork"
    cuda.is_initialized = lambda: True
    with pytest.raises(StartMethodError, match=r"torch\.cuda is initialised"):
        resolve_start_method("fork")
    assert resolve_start_method("spawn") == "spawn"


def test_fork_is_refused_when_cuda_came_into_use_after_the_pool_was_made(monkeypatch, obey):
    with WorkerPool(1, obey, start_method="fork") as pool:
        cuda = types.SimpleNamespace(is_initialized=lambda: True)
        monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
        with pytest.raises(StartMethodError, match="use 'auto'"):
            pool.start(0)


def test_fork_is_refused_once_the_driver_is_open(tmp_path):
    assert cuda_user(tmp_path) is None
    (tmp_path / "7").symlink_to("/dev/nvidia-uvm")
    assert cuda_user(tmp_path) == "the CUDA driver is initialised"


@pytest.mark.parametrize("size", [0, -1])
def test_pool_without_slots_is_refused(obey, size):
    with pytest.raises(PoolError, match="at least one slot"):
        WorkerPool(size, obey)


def test_environments_of_another_number_than_slots_are_refused(obey):
    with pytest.raises(PoolError, match="each of 2 slots, got 1"):
        WorkerPool(2, obey, environments=[{}])


def test_slots_are_checked(driver):
    with pytest.raises(PoolError, match="no slot 8; the pool has slots 0 to 7"):
        driver.pool.start(8)
    with pytest.raises(PoolError, match=r"slot 1 has no worker; call start\(1\) first"):
        driver.pool.submit(1, None)
    driver.pool.start(0)
    with pytest.raises(PoolError, match="slot 0 already has a worker"):
        driver.pool.start(0)


def test_closed_pool_refuses_to_start(obey):
    pool = WorkerPool(1, obey)
    pool.close()
    pool.close()
    for use in (lambda: pool.start(0), lambda: pool.poll(0)):
        with pytest.raises(PoolError, match="the pool is closed"):
            use()


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    (tmp_path / "module_of_a_user.py").write_text(
        "import os\n"
        "SEEN = os.environ.get('SEEN_AT_IMPORT')\n"
        "def serve(channel):\n"
        "    channel.send(SEEN)\n"
        "    channel.recv()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import module_of_a_user

    yield module_of_a_user
    del sys.modules["module_of_a_user"]


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_environment_is_set_before_user_code_is_imported(method, user_module):
    environments = [{"SEEN_AT_IMPORT": str(slot)} for slot in range(3)]
    seen = {}
    with WorkerPool(3, user_module.serve, start_method=method, environments=environments) as pool:
        for slot in range(3):
            pool.start(slot)
        while len(seen) < 3:
            seen |= {event.slot: event.payload for event in pool.poll(30) if isinstance(event, Message)}
    assert user_module.SEEN is None
    assert seen == {0: "0", 1: "1", 2: "2"}
    assert "SEEN_AT_IMPORT" not in os.environ


def test_preloaded_modules_see_the_environment_that_all_slots_share(user_module):
    environments = [{"SEEN_AT_IMPORT": "all", "OWN": str(slot)} for slot in range(2)]
    with WorkerPool(
        2,
        user_module.serve,
        start_method="forkserver",
        environments=environments,
        preload=["no_such_module", "module_of_a_user"],
    ) as pool:
        pool.start(1)
        payloads = []
        while not payloads:
            payloads = [event.payload for event in pool.poll(30) if isinstance(event, Message)]
    assert payloads == ["all"]


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_workers_import_no_library_before_they_need_it(method, tmp_path, monkeypatch):
    (tmp_path / "module_that_looks.py").write_text(
        "import sys\n"
        "def serve(channel):\n"
        "    channel.send({'numpy', 'dill', 'multiprocess', 'pandas'} & set(sys.modules))\n"
        "    channel.recv()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import module_that_looks

    with WorkerPool(1, module_that_looks.serve, start_method=method, preload=PRELOAD) as pool:
        pool.start(0)
        payloads = []
        while not payloads:
            payloads = [event.payload for event in pool.poll(30) if isinstance(event, Message)]
    del sys.modules["module_that_looks"]
    assert payloads == [set()]


def test_environment_reaches_the_worker_and_not_the_coordinator(method, obey):
    with WorkerPool(2, obey, start_method=method, environments=[{"A": "0"}, {"A": "1"}]) as pool:
        for slot in (0, 1):
            pool.start(slot)
            pool.submit(slot, lambda: os.environ["A"])
        seen = {}
        while len(seen) < 2:
            seen |= {event.slot: event.payload for event in pool.poll(30) if isinstance(event, Message)}
    assert seen == {0: "0", 1: "1"}


def test_worker_takes_over_directory_path_and_arguments(driver, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("/a/folder/of/mine")
    monkeypatch.setattr(sys, "argv", ["script.py", "--flag"])
    driver.start()
    seen = driver.call(lambda: (str(Path.cwd()), sys.path[0], sys.argv))
    assert seen == (str(tmp_path), "/a/folder/of/mine", ["script.py", "--flag"])


def test_worker_starts_although_the_working_directory_is_gone(obey, tmp_path, monkeypatch, method):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with WorkerPool(1, obey, start_method=method) as pool:
        pool.start(0)
        events = []
        while not events:
            events = pool.poll(30)
    assert isinstance(events[0], WorkerReady)


@pytest.mark.parametrize("method", ["forkserver", "spawn"])  # a fork has the __main__ of its parent
def test_pickle_finds_the_classes_of_a_notebook_in_a_worker(driver):
    cells = {"__name__": "__main__"}
    exec(NOTEBOOK, cells)
    model = cells["Model"](2)

    def by_reference():
        import pickle

        return pickle.loads(pickle.dumps(model)).predict(7)

    driver.start()
    assert driver.call(by_reference) == 42


class OfThisModule:
    """Of a module that the import system finds nowhere, as test modules are."""


def test_others_find_the_classes_of_a_module_that_is_not_importable(driver):
    def by_reference():
        import pickle

        return pickle.dumps(OfThisModule)

    driver.start()
    assert pickle.loads(driver.call(by_reference)) is OfThisModule


def test_random_numbers_differ_between_workers(driver):
    def draw():
        import random

        import numpy

        return random.random(), numpy.random.rand()

    for slot in range(3):
        driver.start(slot)
    drawn = [driver.call(draw, slot) for slot in range(3)]
    assert len({pair[0] for pair in drawn}) == len({pair[1] for pair in drawn}) == 3


def test_eight_workers_answer_at_once(driver):
    pids = {slot: driver.start(slot) for slot in range(8)}
    for slot in range(8):
        for _ in range(20):
            driver.pool.submit(slot, lambda: os.getpid())
    answers = []
    while len(answers) < 160:
        answers += [event for event in driver.pool.poll(30) if isinstance(event, Message)]
    assert all(event.payload == pids[event.slot] for event in answers)


NOTEBOOK = """
import enum
from dataclasses import dataclass

FACTOR = 3

@dataclass
class Model:
    weight: int
    def predict(self, x):
        return scale(x) * self.weight

def scale(x):
    return x * FACTOR

def serve(channel):
    model = Model(2)
    while True:
        channel.send(model.predict(channel.recv()))
"""


def test_work_of_a_notebook_travels(method):
    cell = {"__name__": "__main__"}
    exec(NOTEBOOK, cell)
    with WorkerPool(1, cell["serve"], start_method=method) as pool:
        pool.start(0)
        pool.submit(0, 7)
        payloads = []
        while not payloads:
            payloads = [event.payload for event in pool.poll(30) if isinstance(event, Message)]
    assert payloads == [42]


@pytest.mark.parametrize("method", ["forkserver", "spawn"])  # a fork has the module already
def test_work_that_cannot_be_loaded_is_a_death_with_its_traceback(method, user_module):
    serve = user_module.serve
    user_module_path = Path(user_module.__file__)
    with WorkerPool(1, serve, start_method=method) as pool:
        user_module_path.write_text("raise ImportError('not in a worker')")
        pool.start(0)
        events = []
        while pool.alive:
            events += pool.poll(30)
    assert [type(event).__name__ for event in events] == ["WorkerDied"]
    assert events[0].death.describe().endswith("ImportError: not in a worker")


def test_users_own_multiprocessing_is_left_alone(driver):
    methods = (multiprocessing.get_start_method(True), multiprocess.get_start_method(True))
    driver.start()
    assert (multiprocessing.get_start_method(True), multiprocess.get_start_method(True)) == methods
    for package in (multiprocessing, multiprocess):
        assert package.active_children() == []
        assert package.forkserver._forkserver._forkserver_pid is None


def test_unit_may_start_processes_of_its_own(driver):
    def nested(package, start_method):
        context = __import__(package).get_context(start_method)
        with context.Pool(2) as pool:
            return pool.map(abs, [-1, -2])

    driver.start()
    for package in ("multiprocessing", "multiprocess"):
        for start_method in ("fork", "spawn"):
            assert driver.call(lambda p=package, s=start_method: nested(p, s)) == [1, 2]


def test_exit_handlers_of_the_coordinator_do_not_run_in_workers(tmp_path, method):
    path, script = tmp_path / "ran", tmp_path / "script.py"
    script.write_text(
        "import atexit, os, sys\n"
        "from research_runner.pool.worker_pool import WorkerPool\n"
        f"atexit.register(lambda: open({str(path)!r}, 'a').write('x'))\n"
        "def serve(channel):\n"
        f"    atexit.register(lambda: open({str(path)!r}, 'a').write('w'))\n"
        "    channel.recv()\n"
        "with WorkerPool(2, serve, start_method=sys.argv[1]) as pool:\n"
        "    pool.start(0), pool.start(1)\n"
        "    while len(pool.poll(30)) == 0: pass\n"
    )
    import subprocess

    subprocess.run([sys.executable, str(script), method], check=True, timeout=50)
    assert sorted(path.read_text()) == ["w", "w", "x"]


def test_everything_is_gone_after_close(method, obey, traces, tmp_path, monkeypatch, watch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for force in (False, True):
        pool = WorkerPool(2, obey, start_method=method)
        pids = []
        for slot in (0, 1):
            pool.start(slot)
        while len(pids) < 2:
            pids += [event.pid for event in pool.poll(30) if isinstance(event, WorkerReady)]
        watch.add(pool._supervisor.pid, *pids)
        pool.close(force=force)
        assert pool.alive == ()
        watch.assert_gone(0.0)
        watch.close()
        traces.check()
    assert list(tmp_path.iterdir()) == []


def test_fork_of_the_coordinator_that_closes_the_pool_ends_nobody(driver):
    pid = driver.start()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            driver.pool.close(force=False)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert driver.call(lambda: os.getpid()) == pid


def test_close_kills_what_does_not_stop_in_time(method, watch):
    def serve(channel):
        import ctypes

        channel.send(None)
        ctypes.PyDLL(None).sleep(1000)

    pool = WorkerPool(1, serve, start_method=method)
    pool.start(0)
    events = []
    while len(events) < 2:
        events += pool.poll(30)
    watch.add(events[0].pid)
    pool.close(timeout_s=0.01)
    watch.assert_gone(0.0)
