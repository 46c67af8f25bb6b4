"""Errors, causes of death in words, and the preflight."""

from __future__ import annotations

import os
import pickle
import signal
import sys

import pytest

from research_runner.errors import RunnerError
from research_runner.pool.errors import PoolError, StartMethodError, TravelError, WireError
from research_runner.pool.trial_travel import preflight
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.death import Death, DeathExaminer, count_oom_kills, signal_name

ERRORS = [
    PoolError("the pool is closed"),
    StartMethodError("fork", "CUDA is in use"),
    WireError("payload[0]", "it is a generator"),
    TravelError("unit 'train'", "model.source", "it is a generator"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
    assert isinstance(error, RunnerError)


DESCRIPTIONS = [
    (Death("signal", signal="SIGKILL"), "killed by SIGKILL (perhaps the kernel's out-of-memory killer"),
    (Death("signal", signal="SIGSEGV"), "a crash in C code"),
    (Death("signal", signal="SIGUSR2"), "killed by SIGUSR2 (sent by another process)"),
    (Death("memory", signal="SIGKILL", peak_memory_bytes=3 * 2**30), "out-of-memory killer"),
    (Death("memory", peak_memory_bytes=3 * 2**30), "peak memory 3.0 GiB"),
    (Death("exit", 0), "exited with code 0 in the middle of its work"),
    (Death("exit", 3), "exited with code 3"),
    (Death("exit", 1, detail="Traceback\n  ...\nValueError: no"), "ValueError: no"),
    (Death("stopped", 0), "stopped when asked to"),
    (Death("timeout", signal="SIGKILL"), "killed because it took longer than its timeout"),
    (Death("weariness", signal="SIGKILL"), "killed by the coordinator: weariness"),
    (Death("refused", detail="OSError: no room"), "could not be started; OSError: no room"),
    (Death("lost"), "nobody saw how it ended"),
]


@pytest.mark.parametrize(("death", "text"), DESCRIPTIONS, ids=lambda value: str(value)[:30])
def test_death_is_spelled_out(death, text):
    assert text in death.describe()
    assert "\n" not in death.describe()


def test_signals_without_a_name_are_numbers():
    assert signal_name(signal.SIGRTMIN + 3) == f"signal {signal.SIGRTMIN + 3}"


DIED = {"event": "died", "status": -signal.SIGKILL, "peak": 5}


def test_kill_is_a_want_of_memory_when_the_kernels_counter_rose(tmp_path):
    counter = tmp_path / "proc" / "vmstat"
    counter.parent.mkdir()
    counter.write_text("pgfault 1\noom_kill 4\n")
    examiner = DeathExaminer(tmp_path)
    assert examiner.examine(DIED, None, "").cause == "signal"
    counter.write_text("pgfault 1\noom_kill 5\n")
    assert examiner.examine(DIED, "timeout", "").cause == "timeout"
    assert examiner.examine({**DIED, "status": -signal.SIGSEGV}, None, "").cause == "signal"
    assert examiner.examine(DIED, None, "") == Death("memory", None, "SIGKILL", 5)
    assert examiner.examine(DIED, None, "").cause == "signal"


def test_counter_of_our_own_control_group_is_preferred(tmp_path):
    for path, text in {
        "proc/vmstat": "oom_kill 7\n",
        "proc/self/cgroup": "0::/jobs/mine\n",
        "sys/fs/cgroup/jobs/mine/memory.events": "low 0\noom 3\noom_kill 2\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert count_oom_kills(tmp_path) == 2
    (tmp_path / "proc/self/cgroup").unlink()
    assert count_oom_kills(tmp_path) == 7
    assert count_oom_kills(tmp_path / "nowhere") == 0


class Model:
    def __init__(self, source):
        self.inner = {"source": source}


def test_preflight_passes_what_can_travel(method):
    preflight({"unit 'a'": lambda x: x + 1, "config": {"a": [1, Model(2)]}}, method)


def test_preflight_of_nothing_is_fine():
    preflight({})


def test_preflight_names_the_part_and_attribute_that_cannot_leave(method):
    parts = {"unit 'a'": abs, "unit 'train'": Model(i for i in "ab")}
    with pytest.raises(TravelError) as caught:
        preflight(parts, method)
    assert caught.value.part == "unit 'train'"
    assert caught.value.path == "inner['source']"
    assert str(caught.value).startswith(
        "unit 'train': inner['source'] cannot travel to a worker: it is a generator (TypeError: "
    )
    assert "add_instance" in str(caught.value)


@pytest.fixture
def vanished(tmp_path, monkeypatch):
    """A module that can be imported here, and not in a fresh process."""
    path = tmp_path / "vanishing_module.py"
    path.write_text("class Thing:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import vanishing_module

    yield vanishing_module, path
    del sys.modules["vanishing_module"]


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_preflight_names_the_attribute_that_cannot_arrive(vanished, method):
    module, path = vanished
    path.write_text("raise RuntimeError('needs a license')\n")
    os.utime(path, (1, 1))
    with pytest.raises(TravelError) as caught:
        preflight({"unit 'train'": Model([0, module.Thing()])}, method)
    assert (caught.value.part, caught.value.path) == ("unit 'train'", "inner['source'][1]")
    assert "vanishing_module.Thing (RuntimeError: needs a license)" in caught.value.reason


def test_preflight_survives_a_part_that_kills_the_worker(method):
    class Bomb:
        def __reduce__(self):
            return os._exit, (7,)

    with pytest.raises(TravelError, match="the worker that loaded it died: exited with code 7"):
        preflight({"unit 'train'": Bomb()}, method)


def test_preflight_sees_the_environment(method):
    class Picky:
        def __reduce__(self):
            return eval, ("__import__('os').environ['NEEDED_AT_LOAD']",)

    preflight({"unit": Picky()}, method, {"NEEDED_AT_LOAD": "1"})
    with pytest.raises(TravelError, match="KeyError: 'NEEDED_AT_LOAD'"):
        preflight({"unit": Picky()}, method)


def test_work_that_cannot_be_serialised_is_refused_at_once():
    source = (i for i in "ab")

    def serve(channel):
        channel.send(list(source))

    with pytest.raises(TravelError, match=r"the work: <closure>\.source cannot travel"):
        WorkerPool(1, serve)
