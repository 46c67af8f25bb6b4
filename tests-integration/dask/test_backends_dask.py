"""Dask keeps the contract of backends: a cluster of processes, and one inside the process of the run."""

import logging
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import distributed
import psutil
import pytest

from research_runner.backends.cluster.dask import DaskBackend
from research_runner.backends.cluster.dask.agent_task import DaskAgentTransport
from research_runner.errors import EngineLostError
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

    def stop_engine(self):
        self.cluster.stop_scheduler()

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


def test_a_search_gives_the_table_of_this_process(search_is_as_here, dask_processes):
    search_is_as_here(f"dask://{dask_processes.address}")


def meeting(folder):
    folder.mkdir()
    return Research("meeting", Domain(x=[1, 2])).add_callable(
        "meet", meet, config=EC(full=True), folder=folder, save_to="device"
    )


def test_each_worker_has_a_device_of_its_dask_worker(dask_processes, own_folder):
    research = meeting(own_folder / "place")
    research.run(workers=2, devices=[0, 1], bar=False, backend=f"dask://{dask_processes.address}")
    assert list(research.results.df["device"]) == ["0 is 4"] * 2


def test_failures_and_deaths_say_on_which_host_and_device(dask_processes, own_folder):
    def fail(x):
        if x == 1:
            raise ValueError("no")
        os._exit(3)

    research = Research("fails", Domain(x=[1, 2])).add_callable("fail", fail, x=EC("x"), save_to="y")
    research.run(
        workers=1, devices=[0], max_attempts=1, bar=False, backend=f"dask://{dask_processes.address}"
    )
    here = (socket.gethostname(), "4")
    for table in (research.results.experiments, research.results.failures):
        assert list(zip(table["host"], table["device"], strict=True)) == [here, here]
    lines = Path("fails", "research.log").read_text().splitlines()
    place = f"; on host {here[0]}, device 4"
    assert any("ValueError: no" in line and line.endswith(place) for line in lines)
    assert any(
        f"exited with code 3 (os._exit, sys.exit, or an error outside of a unit){place}" in line
        for line in lines
    )


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


def listening(pid):
    """Return the addresses where a process and its children listen."""
    process = psutil.Process(pid)
    return {
        tuple(connection.laddr)
        for each in (process, *process.children(recursive=True))
        for connection in each.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


def test_cluster_of_a_run_listens_on_this_machine_alone():
    before = listening(os.getpid())
    research = Research("listens", Domain(x=[1, 2])).add_callable(
        "listen", listening, pid=os.getpid(), save_to="addresses"
    )
    research.run(workers=2, bar=False, backend="dask")
    new = set().union(*research.results.df["addresses"]) - before
    assert {ip for ip, _ in new} == {"127.0.0.1"}


def test_cluster_of_a_run_ends_after_its_agents(monkeypatch):
    ends = []
    close, close_cluster = DaskAgentTransport.close, distributed.LocalCluster.close

    def close_late(transport):
        time.sleep(0.2)
        close(transport)
        ends.append("agent")

    def close_cluster_and_say_so(cluster, timeout=None):
        ends.append("cluster")
        return close_cluster(cluster, timeout)

    monkeypatch.setattr(DaskAgentTransport, "close", close_late)
    monkeypatch.setattr(distributed.LocalCluster, "close", close_cluster_and_say_so)
    draws("late").run(workers=3, bar=False, backend="dask")
    assert ends[:4] == ["agent", "agent", "agent", "cluster"]


SCRIPT = """
from research_stack import EC, Domain, Research

research = Research("quiet", Domain(x=list(range(4))))
research.add_callable("same", lambda x: x, x=EC("x"), save_to="y")
print(list(research.run(workers=2, bar=False, backend="dask").results.df["y"]))
"""


def test_run_that_goes_well_prints_nothing_of_its_own():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("[0, 1, 2, 3]\n", "", 0)


# -- a cluster that is closed under a run ---------------------------------------------------------------


def test_cluster_that_is_closed_costs_no_attempt(own_folder):
    def wait(x, gate):
        wait_until(gate.exists)
        return x

    gate = own_folder / "gate"
    research = Research("closed", Domain(x=[1, 2, 3])).add_callable(
        "wait", wait, x=EC("x"), gate=gate, save_to="y"
    )
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    errors = []

    def run():
        try:
            research.run(workers=2, bar=False, max_attempts=1, backend=DaskBackend(cluster))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: errors or (research._last and research.monitor.in_progress == 2))
    cluster.close()
    thread.join(60)
    assert [type(error) for error in errors] == [EngineLostError]
    gate.touch()
    research.run(workers=2, bar=False, max_attempts=1, resume=True)
    assert list(research.results.df["y"]) == [1, 2, 3]
    assert set(research.results.experiments["attempts"]) == {1}


def squared(n):
    return n * n


def draw_log_and_pool(x):
    """Draw from a global generator, log, warn, and open a pool that spawns."""
    logging.getLogger("of.unit").info("info %s", x)
    with pytest.raises(RuntimeWarning):
        warnings.warn("raised as in the script", RuntimeWarning, stacklevel=1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return random.random(), pool.map(squared, [x])


def test_units_find_the_surroundings_of_the_script_on_a_cluster(own_folder):
    handler, logger = logging.StreamHandler(), logging.getLogger("of")
    handler.setFormatter(logging.Formatter("script %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    tables = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            for name, options in (("here", {}), ("there", {"backend": "dask", "workers": 2})):
                research = Research(name, Domain(x=[1, 2, 3]))
                research.add_callable("unit", draw_log_and_pool, x=EC("x"), save_to="y")
                research.run(bar=False, seed=5, redirect_stderr=3, timeout=120, **options)
                tables.append(research.results.df["y"].tolist())
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert tables[0] == tables[1]
    assert [squares for _, squares in tables[1]] == [[1], [4], [9]]
    lines = [line for line in Path("there/stderr.txt").read_text().splitlines() if "info" in line]
    assert sorted(lines) == [f"script info {x}" for x in (1, 2, 3)]
