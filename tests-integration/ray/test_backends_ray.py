"""Ray keeps the contract of backends: a cluster of each run's own, and one of processes."""

import psutil
import pytest

from research_runner.backends.ray import RayBackend
from research_runner.testing import BackendContract


def kill_actor(processes):
    """Kill the process of an actor in which something of ours is running."""
    for process in processes:
        if process.name().startswith("ray::") and process.children():
            process.kill()
            return
    raise AssertionError("no actor was found")


class TestRayHere(BackendContract):
    def backend(self):
        return "ray"

    def kill_engine_worker(self):
        kill_actor(psutil.Process().children(recursive=True))


class TestRayProcesses(BackendContract):
    @pytest.fixture(autouse=True)
    def _cluster(self, ray_processes):
        self.cluster = ray_processes

    def backend(self):
        return RayBackend(self.cluster.address)

    def kill_engine_worker(self):
        kill_actor(self.cluster.processes())

    def lose_engine(self):
        self.cluster.lose()

    def bring_back_engine(self):
        self.cluster.stop()
        self.cluster.start()


class TestRayWithoutSharedFiles(TestRayProcesses):
    def backend(self):
        return RayBackend(self.cluster.address, shares_files=False)
