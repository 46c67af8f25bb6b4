"""A Dask cluster of real processes."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from research_runner.testing import wait_until


class DaskProcesses:
    """A scheduler and workers, each started by its command; ended by the ids of their processes.

    Parameters
    ----------
    folder : Path
        Where they work and log.
    workers : int
        How many workers of one thread.
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
        for _ in range(self._workers):
            self._launch(
                "worker",
                *(f"tcp://{self.address}", "--nthreads", "1", "--no-dashboard"),
                *("--local-directory", str(self._folder)),
            )
        wait_until(lambda: scheduler_file.exists() and json.loads(scheduler_file.read_text() or "{}"))
        wait_until(lambda: len(list(self.worker_processes())) == self._workers)

    def _launch(self, *command):
        log = (self._folder / f"{command[0]}-{len(self._processes)}.log").open("w")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        self._processes.append(process)

    def worker_processes(self):
        """Yield the processes that run tasks; each is the child of a nanny."""
        for process in self._processes[1:]:
            for child in psutil.Process(process.pid).children():
                if "spawn_main" in " ".join(child.cmdline()):
                    yield child

    def kill_worker(self):
        """Kill the process of a worker in which something of ours is running."""
        next(each for each in self.worker_processes() if each.children()).kill()

    def kill_scheduler(self):
        """Kill the scheduler without any warning."""
        self._processes[0].kill()

    def stop(self):
        """End everything."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def logs(self):
        """Return what all of them have logged."""
        return "\n".join(path.read_text() for path in sorted(Path(self._folder).glob("*.log")))


@pytest.fixture(scope="module")
def dask_processes(tmp_path_factory):
    """A running cluster."""
    processes = DaskProcesses(tmp_path_factory.mktemp("dask"))
    processes.start()
    yield processes
    processes.stop()
