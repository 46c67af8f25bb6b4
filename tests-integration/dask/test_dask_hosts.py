"""Dask workers on hosts of their own: network namespaces with other names, other files and a cable each."""

import json
import os
import socket
import subprocess
import sys
import time
from threading import Thread

import pytest

from research_runner.testing import wait_until
from research_stack import EC, EP, Domain, E, Research


def ip(*arguments):
    """Run `ip`; return whether it worked."""
    try:
        return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Host:
    """A network namespace that is connected to this one, and does not see one of our folders.

    Parameters
    ----------
    number : int
        Distinguishes hosts of one test.
    hidden : Path
        The folder in whose place it has an empty one.
    """

    def __init__(self, number, hidden):
        self.name = f"research{os.getpid()}n{number}"
        self.cable = f"re{os.getpid()}c{number}"
        self.hostname = f"host{number}"
        network = f"10.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}"  # nobody else tests in it
        self.gateway = f"{network}.{4 * number + 1}"
        self._own = f"{network}.{4 * number + 2}"
        self._hidden = hidden
        self._process = None

    def build(self):
        """Make it; return whether this machine allows that."""
        inner = f"{self.cable}i"
        return (
            ip("netns", "add", self.name)
            and ip("link", "add", self.cable, "type", "veth", "peer", "name", inner, "netns", self.name)
            and ip("addr", "add", f"{self.gateway}/30", "dev", self.cable)
            and ip("link", "set", self.cable, "up")
            and ip("-n", self.name, "addr", "add", f"{self._own}/30", "dev", inner)
            and ip("-n", self.name, "link", "set", inner, "up")
            and ip("-n", self.name, "link", "set", "lo", "up")
            and ip("-n", self.name, "route", "add", "default", "via", self.gateway)
        )

    def start_worker(self, address, log):
        """Start a Dask worker there."""
        worker = f"{sys.executable} -m dask worker tcp://{address} --nthreads 1 --no-dashboard"
        script = f"hostname {self.hostname} && mount -t tmpfs none {self._hidden} && cd {self._hidden} && "
        command = ["ip", "netns", "exec", self.name, "unshare", "--mount", "--uts", "sh", "-c"]
        with log.open("w") as file:
            self._process = subprocess.Popen([*command, f"{script} exec {worker}"], stdout=file, stderr=file)

    def unplug(self):
        """Cut the cable."""
        ip("link", "set", self.cable, "down")

    def destroy(self):
        """End everything there."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        ip("link", "del", self.cable)
        ip("netns", "del", self.name)


@pytest.fixture
def hosts(own_folder, tmp_path_factory):
    """Yield the address of a scheduler here, and two hosts with a worker each that do not see our folder."""
    logs = tmp_path_factory.mktemp("logs")
    hosts = [Host(number, own_folder) for number in (1, 2)]
    scheduler = None
    try:
        if not all(host.build() for host in hosts):
            pytest.skip("network namespaces cannot be made here, so Dask was not tested across hosts")
        here = hosts[0].gateway  # the end of a cable: nobody else can connect to it
        with socket.socket() as free:
            free.bind((here, 0))
            port = free.getsockname()[1]
        ready = logs / "scheduler.json"
        options = ["--host", here, "--port", str(port), "--no-dashboard", "--scheduler-file", str(ready)]
        with (logs / "scheduler.log").open("w") as log:
            scheduler = subprocess.Popen(
                [sys.executable, "-m", "dask", "scheduler", *options],
                stdout=log,
                stderr=log,
                env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"},
            )
        wait_until(lambda: ready.exists() and json.loads(ready.read_text() or "{}"))
        for host in hosts:
            host.start_worker(f"{here}:{port}", logs / f"{host.hostname}.log")
        yield f"{here}:{port}", hosts
    finally:
        for host in hosts:
            host.destroy()
        if scheduler is not None:
            scheduler.terminate()
            scheduler.wait(20)


def leave(x, path):
    (path / "file").write_text(f"file of {x}")
    print(f"this is {x}")
    time.sleep(0.3)
    return socket.gethostname()


def make(name="far"):
    return (
        Research(name, Domain(x=list(range(12))))
        .add_callable("leave", leave, x=EC("x"), path=EP(), save_to="host")
        .add_callable("draw", lambda random: random.normal(), random=E().random, save_to="drawn")
    )


def test_results_files_and_output_come_from_hosts_without_a_shared_folder(hosts, own_folder):
    address, _ = hosts
    far = make().run(
        workers=2, seed=5, bar=False, redirect_stdout=3, loglevel="debug", backend=f"dask://{address}"
    )
    table = far.results.df
    assert set(table["host"]) == {"host1", "host2"}
    for experiment_id, x in table.set_index("id")["x"].items():
        folder = own_folder / "far" / "experiments" / experiment_id
        assert (folder / "file").read_text() == f"file of {x}"
        assert (folder / "stdout.txt").read_text() == f"this is {x}\n"
    lines = (own_folder / "far" / "stdout.txt").read_text().splitlines()
    assert sorted(lines) == sorted(f"this is {x}" for x in range(12))
    near = make("near").run(seed=5, bar=False, backend="inline")
    assert table.drop(columns="host").equals(near.results.df.drop(columns="host"))


def test_host_that_is_cut_off_loses_nothing(hosts):
    address, (first, _) = hosts
    research = make()
    run = Thread(target=lambda: research.run(workers=2, seed=5, bar=False, backend=f"dask://{address}"))
    run.start()
    wait_until(lambda: research._last and set(research.results.df.get("host", ())) == {"host1", "host2"})
    first.unplug()
    run.join(120)
    assert list(research.results.experiments["status"]) == ["done"] * 12
