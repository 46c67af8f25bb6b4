"""Dask keeps the contract of backends: a cluster of processes, and one inside the process of the run."""

import os
import threading
import time

import psutil
import pytest

from research_runner.cluster.dask import DaskBackend
from research_runner.testing import BackendContract, wait_until
from research_stack import EC, Domain, E, Research


class OnProcesses(BackendContract):
    @pytest.fixture(autouse=True)
    def _cluster(self, dask_processes):
        self.cluster = dask_processes

    def kill_engine_worker(self):
        self.cluster.kill_worker()


class TestDaskProcesses(OnProcesses):
    def backend(self):
        return f"dask://{self.cluster.address}"

    def lose_engine(self):
        self.cluster.kill_scheduler()

    def bring_back_engine(self):
        self.cluster.stop()
        self.cluster.start()


class TestDaskWithoutSharedFiles(OnProcesses):
    def backend(self):
        return DaskBackend(self.cluster.address, shares_files=False)


def meet(config, folder):
    """Wait until two experiments are here at once; return the device of this one."""
    (folder / str(config["x"])).touch()
    wait_until(lambda: len(list(folder.iterdir())) == 2)
    return f"{config['device']} is {os.environ['CUDA_VISIBLE_DEVICES']}"


def meeting(folder):
    folder.mkdir()
    return Research("meeting", Domain(x=[1, 2])).add_callable(
        "meet", meet, config=EC(full=True), folder=folder, save_to="device"
    )


def test_each_worker_has_a_device_of_its_dask_worker(dask_processes, own_folder):
    research = meeting(own_folder / "place")
    research.run(workers=2, devices=[0, 1], bar=False, backend=f"dask://{dask_processes.address}")
    assert list(research.results.df["device"]) == ["0 is 4"] * 2


# -- the cluster inside the process of the run --------------------------------------------------------


def draws(name):
    return (
        Research(name, Domain(x=list(range(6))))
        .add_callable("pid", os.getpid, save_to="pid")
        .add_callable(
            "draw", lambda x, random: x + random.normal(), args=[EC("x"), E().random], save_to="drawn"
        )
    )


def test_cluster_of_a_run_ends_with_it():
    me = psutil.Process()
    threads, children = set(threading.enumerate()), set(me.children())
    far = draws("far").run(workers=2, seed=3, bar=False, backend="dask").results.df
    near = draws("near").run(seed=3, bar=False, backend="inline").results.df
    assert far.drop(columns="pid").equals(near.drop(columns="pid"))
    assert os.getpid() not in set(far["pid"])
    assert set(me.children()) == children
    wait_until(lambda: all(thread.daemon for thread in set(threading.enumerate()) - threads))


def test_workers_in_one_process_have_devices_of_their_own(monkeypatch, own_folder):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    research = meeting(own_folder / "place")
    research.run(workers=2, devices=[0, 1], bar=False, backend="dask")
    assert sorted(research.results.df["device"]) == ["0 is 0", "0 is 1"]


def test_run_on_a_cluster_of_its_own_can_be_killed_and_goes_on(own_folder):
    def hang(x, gate):
        if not gate.exists():
            time.sleep(3600)
        return x

    gate = own_folder / "gate"
    research = Research("hangs", Domain(x=[1, 2, 3])).add_callable(
        "hang", hang, args=[EC("x"), gate], save_to="y"
    )
    run = threading.Thread(target=lambda: research.run(workers=2, bar=False, backend="dask"))
    run.start()
    wait_until(lambda: research._last and research.monitor.in_progress == 2)
    research.terminate(force=True)
    run.join(60)
    gate.touch()
    assert list(research.run(workers=2, bar=False, backend="dask", resume=True).results.df["y"]) == [1, 2, 3]
