"""A Dask cluster of real processes."""

import json
import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from research_runner.testing import wait_until


class DaskProcesses:
    """A scheduler and workers, each started by its command, in sessions of their own.

    Workers have one thread, and one of the devices that are called 4 and 7.

    Parameters
    ----------
    folder : Path
        Where they work and log.
    workers : int
        How many workers.
    """

    def __init__(self, folder, workers=2):
        self._folder = folder
        self._workers = workers
        self._processes = []
        self._starts = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"

    def start(self):
        """Start everything; workers are there when this returns."""
        self._starts += 1
        scheduler_file = self._folder / f"scheduler-{self._starts}.json"
        self._launch(
            "scheduler",
            *("--host", "127.0.0.1", "--port", str(self._port)),
            *("--no-dashboard", "--scheduler-file", str(scheduler_file)),
        )
        self._launch(
            "worker",
            *(f"tcp://{self.address}", "--nworkers", str(self._workers), "--nthreads", "1"),
            *("--no-dashboard", "--local-directory", str(self._folder), "--resources", "GPU=1"),
        )
        wait_until(lambda: scheduler_file.exists() and json.loads(scheduler_file.read_text() or "{}"))
        wait_until(lambda: len(list(self.worker_processes())) == self._workers)

    def _launch(self, *command):
        log = (self._folder / f"{command[0]}-{self._starts}.log").open("w")
        environment = {**os.environ, "TMPDIR": str(self._folder), "CUDA_VISIBLE_DEVICES": "4,7"}
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=environment,
                start_new_session=True,
            )
        self._processes.append(process)

    def worker_processes(self):
        """Yield the processes that run tasks; each is the child of a nanny."""
        for child in psutil.Process(self._processes[1].pid).children():
            if "spawn_main" in " ".join(child.cmdline()):
                yield child

    def kill_worker(self):
        """Kill the process of a worker in which something of ours is running."""
        next(each for each in self.worker_processes() if each.children()).kill()

    def kill_scheduler(self):
        """Kill the scheduler without any warning."""
        self._processes[0].kill()

    def stop_scheduler(self):
        """Ask the scheduler to end; it asks the workers first."""
        self._processes[0].terminate()

    def stop(self):
        """End everything; nobody has to say goodbye."""
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()


@pytest.fixture(scope="session")
def dask_processes(tmp_path_factory):
    """A running cluster."""
    processes = DaskProcesses(tmp_path_factory.mktemp("dask"))
    processes.start()
    yield processes
    processes.stop()
