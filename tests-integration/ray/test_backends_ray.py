"""Ray keeps the contract of backends: where this process is connected, and where it is not."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from research_runner.backends.cluster.ray.backend import RayBackend
from research_runner.errors import EngineUnreachableError
from research_runner.testing import BackendContract
from research_stack import EC, Domain, E, Research


class TestRayConnected(BackendContract):
    """Ray as most people use it: ``ray.init()``, then ``run(backend='ray')``."""

    @pytest.fixture(autouse=True)
    def _cluster(self, ray_connected):
        self.cluster = ray_connected

    def backend(self):
        return "ray"

    def kill_engine_worker(self):
        self.cluster.kill_worker()


class TestRayProcesses(BackendContract):
    """A cluster to which another process is connected, and which does not see our files."""

    @pytest.fixture(autouse=True)
    def _cluster(self, ray_processes, impatient):
        self.cluster = ray_processes

    def backend(self):
        return RayBackend(self.cluster.address, shares_files=False)

    def kill_engine_worker(self):
        self.cluster.kill_worker()

    def lose_engine(self):
        self.cluster.lose()

    def stop_engine(self):
        self.cluster.stop_head()

    def bring_back_engine(self):
        self.cluster.stop()
        self.cluster.start()


def draws(name):
    return Research(name, Domain(x=list(range(6)))).add_callable(
        "draw", lambda x, random: x + random.normal(), args=[EC("x"), E().random], save_to="y"
    )


def drawn_inline(name="near"):
    return draws(name).run(seed=3, bar=False, backend="inline").results.df


def test_table_is_the_same_through_the_client_of_ray(ray_processes):
    far = draws("far").run(workers=2, seed=3, bar=False, backend=f"ray://{ray_processes.client_address}")
    assert far.results.df.equals(drawn_inline())


def test_a_search_gives_the_table_of_this_process(search_is_as_here, ray_connected):
    search_is_as_here("ray")


def test_cluster_of_a_run_ends_with_it_and_leaves_nothing(monkeypatch, own_folder):
    home, temporary = own_folder / "home", Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    home.mkdir()
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    children = set(psutil.Process().children())
    far = draws("far").run(workers=2, seed=3, bar=False, backend="ray")
    assert far.results.df.equals(drawn_inline())
    assert set(psutil.Process().children()) == children
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []
    temporary.rmdir()


def test_nobody_listens_at_the_address():
    with pytest.raises(EngineUnreachableError, match=r"127\.0\.0\.1:9"):
        draws("far").run(bar=False, backend=RayBackend("127.0.0.1:9"))
    assert not Path("far").exists()


GOES_AWAY = """
import sys, time
import ray
from research_stack import EC, Domain, Research

ray.init(address=sys.argv[1], log_to_driver=False)

def rest(x):
    time.sleep(0.0 if x < 3 else 3600.0)
    return x

research = Research("goes", Domain(x=[0, 1, 2, 3])).add_callable("rest", rest, x=EC("x"), save_to="y")
research.run(workers=2, bar=False, backend="ray")
"""


def test_run_of_a_connected_process_says_that_ray_is_gone(ray_of_one_test, monkeypatch):
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "12")
    with subprocess.Popen(
        [sys.executable, "-c", GOES_AWAY, ray_of_one_test.address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        try:
            ray_of_one_test.wait_for_finished("goes", 3)
            ray_of_one_test.lose()
            _, errors = script.communicate(timeout=60)
        finally:
            script.kill()
    assert "the connection to Ray at" in errors
    assert "goes on with run(resume=True) when the engine is back" in errors
    assert list(Research.load("goes").results.experiments["status"]).count("done") == 3


def see(config, folder):
    import os
    import time

    (folder / str(config["x"])).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)
    return json.dumps([config["device"], os.environ["CUDA_VISIBLE_DEVICES"]])


def meeting(folder):
    folder.mkdir()
    return Research("meeting", Domain(x=[1, 2])).add_callable(
        "see", see, config=EC(full=True), folder=folder, save_to="seen"
    )


@pytest.mark.parametrize("how", ["devices", "num_gpus"])
def test_each_worker_has_a_gpu_that_ray_gave_it(ray_connected, own_folder, how):
    options = (
        {"devices": [0, 1], "backend": "ray"} if how == "devices" else {"backend": RayBackend(num_gpus=1)}
    )
    research = meeting(own_folder / "place").run(workers=2, bar=False, **options)
    assert sorted(map(json.loads, research.results.df["seen"])) == [["0", "0"], ["0", "1"]]


def test_two_workers_share_a_gpu(ray_connected, own_folder):
    research = meeting(own_folder / "place").run(workers=2, bar=False, devices={0: 0.5}, backend="ray")
    assert list(map(json.loads, research.results.df["seen"])) == [["0", "0"], ["0", "0"]]
