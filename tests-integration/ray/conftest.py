"""Ray clusters of real processes, with a token and folders of their own."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from research_results.errors import StorageAccessError
from research_runner.testing import wait_until
from research_stack import Research

RECONNECT = "RAY_gcs_rpc_server_reconnect_timeout_s"


@pytest.fixture(scope="session", autouse=True)
def ray_environment(tmp_path_factory):
    """Let everything that is started here know one token, and be patient on a busy machine."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv(RECONNECT, "300")
        yield


@pytest.fixture
def impatient(monkeypatch):
    """Let processes that are connected from now on notice soon that a cluster is gone; Ray ends them then."""
    monkeypatch.setenv(RECONNECT, "5")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class RayProcesses:
    """A head node of two CPUs and two GPUs that do not exist, started by its command."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets need a short name
        self._head = None
        self._children = []
        self._port, self._client_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.client_address = f"127.0.0.1:{self._client_port}"

    def start(self):
        """Start it; workers can be had, and clients are taken, when this returns."""
        ports = ("--port", str(self._port), "--ray-client-server-port", str(self._client_port))
        log_path = self._folder / "head.log"
        with log_path.open("w") as log:
            self._head = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *ports),
                    *("--min-worker-port", "0", "--max-worker-port", "0", "--num-cpus", "2"),
                    *("--num-gpus", "2", "--include-dashboard=false", "--node-ip-address", "127.0.0.1"),
                    *("--temp-dir", str(self._folder)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": str(self._folder), RECONNECT: "300"},
            )
        wait_until(lambda: "Ray runtime started" in log_path.read_text(), patience_s=240.0)
        wait_until(self._takes_clients)

    def _takes_clients(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._client_port)) == 0

    def processes(self):
        """Return all processes of the cluster."""
        return psutil.Process(self._head.pid).children(recursive=True)

    def kill_worker(self):
        """Kill a process of Ray in which something of ours is running."""
        next(each for each in self.processes() if each.name().startswith("ray::") and each.children()).kill()

    def lose(self):
        """Kill what the whole cluster depends on."""
        self._children = self.processes()
        next(each for each in self._children if each.name() == "gcs_server").kill()

    def stop_head(self):
        """Ask the head to end; it ends what runs on it first."""
        self._children = self.processes()
        self._head.terminate()

    @staticmethod
    def wait_for_finished(name, count):
        """Wait until so many experiments of a research are done."""

        def are_done():
            with contextlib.suppress(StorageAccessError):  # the folder may just be being made
                statuses = Research.load(name).results.experiments["status"]
                return list(statuses).count("done") >= count

        wait_until(lambda: Path(name, "research.db").exists() and are_done())

    def stop(self):
        """End everything."""
        self._children += self.processes() if self._head.poll() is None else []
        for process in self._children:
            if process.is_running():
                process.kill()
        self._head.send_signal(signal.SIGKILL)
        self._head.wait()

    def remove(self):
        """End everything, and leave nothing."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def ray_processes():
    """A running cluster."""
    processes = RayProcesses()
    processes.start()
    yield processes
    processes.remove()


@pytest.fixture
def ray_of_one_test():
    """A running cluster that nobody needs afterwards."""
    processes = RayProcesses()
    processes.start()
    yield processes
    processes.remove()


@pytest.fixture(scope="class")
def ray_connected(ray_processes):
    """A running cluster to which this process is connected."""
    import ray

    ray.init(address=ray_processes.address, log_to_driver=False)
    yield ray_processes
    ray.shutdown()
