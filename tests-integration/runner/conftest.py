"""What the tests of running a research share."""

import gc
import os
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from research_runner import shutdown
from research_stack import EC, Domain, E, O, Research


@pytest.fixture(params=["fork", "forkserver", "spawn"])
def start_method(request):
    """Each way to start a worker process."""
    return request.param


class Traces:
    """What the processes of a test have and could leave behind.

    Parameters
    ----------
    folder : Path
        The current folder of the test, and so of all of its processes.
    temporary : Path
        Where temporary files go.
    """

    def __init__(self, folder, temporary):
        self._folder = folder
        self._temporary = temporary
        self._process = psutil.Process()
        self._before = self.now()

    def now(self):
        """Return processes, threads, temporary files, and the number of open descriptors."""
        return {
            "processes": self.processes(),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "files": sorted(str(path.relative_to(self._temporary)) for path in self._temporary.rglob("*")),
            "descriptors": self._process.num_fds(),
        }

    def processes(self):
        """Return all other processes whose current folder is that of the test: its children, and orphans."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and Path(process.cwd()).is_relative_to(self._folder):
                    found.append((process.pid, process.name(), process.status()))
            except psutil.Error:
                continue
        return found

    def check(self):
        """Check that nothing is there that was not there at the beginning."""
        shutdown()
        gc.collect()
        assert self.now() == self._before


@pytest.fixture
def traces(own_folder, monkeypatch):
    """What is left behind; temporary files go to a folder of their own."""
    temporary = own_folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    shutdown()
    gc.collect()
    return Traces(own_folder, temporary)


@pytest.fixture(scope="session")
def make_study():
    """Return a function that makes the same small research again and again.

    Its functions are local, so that they travel with their code: workers cannot import the modules of tests.
    """

    def draw(random):
        while True:
            yield random.normal()

    def make(name="study", size=6):
        return (
            Research(name, Domain(x=list(range(size - 1))) + Domain(x=[-1]))
            .add_callable("load", lambda: (3, 4), root=True)
            .add_generator("noise", draw, random=E().random, save_to="noise")
            .add_callable(
                "scale",
                lambda data, x, offset=10: sum(data) * x + offset,
                data=O("load"),
                x=EC("x"),
                save_to="scaled",
            )
            .add_callable("invert", lambda x: 1 / (x + 1), x=EC("x"), when="last", save_to="inverse")
        )

    return make
