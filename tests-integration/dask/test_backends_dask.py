"""Dask keeps the contract of backends: a cluster of processes, and one inside the process of the run."""

import pytest

from research_runner.backends.dask import DaskBackend
from research_runner.testing import BackendContract


class TestDaskProcesses(BackendContract):
    @pytest.fixture(autouse=True)
    def _cluster(self, dask_processes):
        self.cluster = dask_processes

    def backend(self):
        return f"dask://{self.cluster.address}"

    def kill_engine_worker(self):
        self.cluster.kill_worker()

    def lose_engine(self):
        self.cluster.kill_scheduler()

    def bring_back_engine(self):
        self.cluster.stop()
        self.cluster.start()


class TestDaskWithoutSharedFiles(TestDaskProcesses):
    def backend(self):
        return DaskBackend(self.cluster.address, shares_files=False)


class TestDaskHere(BackendContract):
    def backend(self):
        return "dask"
