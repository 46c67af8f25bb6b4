"""One writer at a time, and a dead one holds nothing."""

import json
import os
import pickle
import socket
import subprocess
import sys

import pytest

from research_results import FolderStorage, ResearchResults, ResearchStorage
from research_results.disk import lock
from research_results.errors import LockedError

HOLD = """
import sys
from research_results import FolderStorage
storage = FolderStorage.open(sys.argv[1])
storage.put('a', {'x': {0: 1.0}})
print('open', flush=True)
sys.stdin.readline()
storage.close()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has a research open for writing."""
    path = tmp_path / "research"
    FolderStorage.create(path).close()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "open\n"
    yield process, path
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_who_holds(holder):
    process, path = holder
    with pytest.raises(LockedError) as caught:
        FolderStorage.open(path)
    assert (caught.value.host, caught.value.pid) == (socket.gethostname(), process.pid)
    assert str(process.pid) in str(caught.value) and socket.gethostname() in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).pid == process.pid
    with pytest.raises(LockedError):
        FolderStorage.open(path, take_over=True)


def test_reading_needs_no_lock(holder):
    _, path = holder
    assert ResearchResults(path).df["x"].tolist() == [1.0]


def test_the_lock_of_a_killed_holder_is_taken_over(holder):
    process, path = holder
    process.kill()
    process.wait()
    assert (path / "research.lock").exists()
    with FolderStorage.open(path) as storage:
        storage.put("b", {"x": {0: 2.0}})
        assert storage.results.df["x"].tolist() == [1.0, 2.0]


def test_the_lock_of_a_closed_holder_is_gone(holder):
    process, path = holder
    process.communicate("\n")
    assert process.returncode == 0
    assert not (path / "research.lock").exists()
    FolderStorage.open(path).close()


def test_a_second_storage_of_the_same_process_is_refused(folder):
    with pytest.raises(LockedError) as caught:
        ResearchStorage(folder.path)
    assert caught.value.pid == os.getpid()
    folder.put("a", {"x": {0: 1.0}})
    folder.close()
    ResearchStorage(folder.path).close()


def test_a_failed_open_gives_the_lock_back(folder):
    folder.close()
    (folder.path / "research.db").write_bytes(b"no database" * 100)
    for _ in range(2):
        with pytest.raises(Exception, match="not a database"):
            FolderStorage.open(folder.path)
    assert not (folder.path / "research.lock").exists()


def test_a_holder_on_another_host_is_believed_until_told_otherwise(folder):
    folder.close()
    lock = folder.path / "research.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    with pytest.raises(LockedError, match=r"process 7 on host 'elsewhere'.*take_over=True"):
        FolderStorage.open(folder.path)
    with FolderStorage.open(folder.path, take_over=True):
        assert json.loads(lock.read_text()) == {"host": socket.gethostname(), "pid": os.getpid()}


@pytest.mark.parametrize("content", ["", "x", "[]", "{}", '{"host": 1}', "\0" * 10])
def test_a_lock_file_without_a_holder_holds_nothing(folder, content):
    folder.close()
    lock = folder.path / "research.lock"
    lock.write_text(content)
    with FolderStorage.open(folder.path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert not lock.exists()


def test_threads_of_one_process_exclude_each_other_at_every_moment(tmp_path, monkeypatch):
    refused = []

    class Interleaved(lock.WriteLock):
        """A lock during whose steps another thread would have its turn."""

        def _open(self):
            self._let_others_try()
            return super()._open()

        def _is_current(self, handle):
            self._let_others_try()
            return super()._is_current(handle)

        def _let_others_try(self):
            with pytest.raises(LockedError):
                lock.WriteLock(self.path).acquire()
            refused.append(self)

    mine = Interleaved(tmp_path / "research.lock")
    mine.acquire()
    mine.release()
    assert len(refused) == 3  # while it is opened, looked at, and removed
    other = lock.WriteLock(mine.path)
    other.acquire()
    other.release()
