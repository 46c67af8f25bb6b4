"""Ray clusters: with a token of their own, and one of them of real processes."""

import os
import secrets
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from research_runner.testing import wait_until


@pytest.fixture(scope="session", autouse=True)
def ray_environment(tmp_path_factory):
    """Let everything that is started here know one token, and notice soon that a cluster is gone."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


class RayProcesses:
    """A head node of two CPUs, started by its command; ended by the ids of its processes.

    Parameters
    ----------
    folder : Path
        Where it logs.
    """

    def __init__(self, folder):
        self._folder = folder
        self._head = None
        self._children = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"

    def start(self):
        """Start it; workers can be had when this returns."""
        ports = ("--port", str(self._port), "--min-worker-port", "0", "--max-worker-port", "0")
        with (self._folder / "head.log").open("w") as log:
            self._head = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *ports),
                    *("--num-cpus", "2", "--include-dashboard=false", "--node-ip-address", "127.0.0.1"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ},
            )
        wait_until(lambda: "Ray runtime started" in (self._folder / "head.log").read_text())

    def processes(self):
        """Return all processes of the cluster."""
        return psutil.Process(self._head.pid).children(recursive=True)

    def lose(self):
        """Kill what the whole cluster depends on."""
        self._children = self.processes()
        next(each for each in self._children if each.name() == "gcs_server").kill()

    def stop(self):
        """End everything."""
        self._children += self.processes() if self._head.poll() is None else []
        self._head.send_signal(signal.SIGTERM)
        try:
            self._head.wait(20)
        except subprocess.TimeoutExpired:
            self._head.kill()
            self._head.wait()
        for child in self._children:
            if child.is_running():
                child.kill()


@pytest.fixture(scope="module")
def ray_processes(tmp_path_factory):
    """A running cluster."""
    processes = RayProcesses(tmp_path_factory.mktemp("ray"))
    processes.start()
    yield processes
    processes.stop()
