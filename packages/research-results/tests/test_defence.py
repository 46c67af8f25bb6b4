"""A storage defends itself: against forks, other programs, lost files, pipes, links and impossible paths."""

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading

import pytest

from research_results import FolderStorage, MemoryStorage, ResearchResults, ResearchStorage, remove_research
from research_results.errors import (
    DamagedError,
    ForkedError,
    NameRefusedError,
    NotAResearchError,
    ResultsError,
    StorageAccessError,
    StorageBusyError,
    StorageLostError,
)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


def in_a_fork(function):
    """Return what a function returns or raises in a forked child, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = repr(function())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        text = lines.read()
    os.waitpid(child, 0)
    return text


WRITES = {
    "add": lambda storage: storage.add("b", {}),
    "mark": lambda storage: storage.mark("a", "done"),
    "put": lambda storage: storage.put("a", {"x": {1: 2.0}}),
    "output": lambda storage: storage.put_output("a", "stdout", "text"),
    "meta": lambda storage: storage.update_meta(a=1),
    "check": lambda storage: storage.check(),
}


@needs_fork
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_forked_child_cannot_write(storage, write):
    storage.put("a", {"x": {0: 1.0}})
    said = in_a_fork(lambda: write(storage))
    assert said.startswith("ForkedError:") and f"process {os.getpid()}" in said
    assert storage.results.load_results() == {"a": {"x": {0: 1.0}}}
    write(storage)


@needs_fork
def test_a_forked_child_cannot_put_to_results_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = ResearchResults("memory", dump_results=False)
    assert in_a_fork(lambda: results.put("a", {"x": {0: 1.0}})).startswith("ForkedError:")
    assert list(tmp_path.iterdir()) == []


@needs_fork
def test_a_forked_child_that_leaves_as_an_interpreter_does_harms_nothing(folder):
    folder.put("a", {"x": {0: 1.0}})

    def leave():
        with contextlib.suppress(ForkedError):
            folder.put("a", {"x": {1: 2.0}})
        folder.close()
        folder.__exit__(None, None, None)

    assert in_a_fork(leave) == "None"
    assert (folder.path / "research.lock").exists()
    folder.put("a", {"x": {1: 3.0}})
    folder.close()
    assert ResearchResults(folder.path).load_results() == {"a": {"x": {0: 1.0, 1: 3.0}}}


@needs_fork
def test_a_fork_while_another_thread_writes_does_not_hang_the_child(folder):
    entered, leave = threading.Event(), threading.Event()

    def write():
        with folder.transaction():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=write)
    thread.start()
    entered.wait()
    assert in_a_fork(lambda: folder.put("a", {"x": {0: 1.0}})).startswith("ForkedError:")
    leave.set()
    thread.join()


@needs_fork
def test_a_forked_child_reads_by_itself(folder):
    folder.put("a", {"x": {0: 1.0}})
    read = f"{sys.executable} -c pass"
    assert read
    assert in_a_fork(lambda: ResearchResults(folder.path).load_results()) == repr({"a": {"x": {0: 1.0}}})


# -- a file that is not there any more ------------------------------------------------------------


def lose_by_removing(path):
    for file in path.glob("research.db*"):
        file.unlink()


def lose_by_replacing(path):
    lose_by_removing(path)
    with contextlib.closing(sqlite3.connect(path / "research.db")) as other:
        other.execute("CREATE TABLE theirs (a)")
        other.commit()


def lose_by_emptying(path):
    (path / "research.db").write_bytes(b"")


LOSSES = {"removed": lose_by_removing, "replaced": lose_by_replacing, "emptied": lose_by_emptying}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_the_next_call_notices_that_the_database_is_gone(folder, lose):
    folder.put("a", {"x": {0: 1.0}})
    lose(folder.path)
    before = files(folder.path)
    for call in (
        lambda: folder.put("a", {"x": {1: 1.0}}),
        lambda: folder.update_meta(a=1),
        folder.check,
        lambda: folder.add("b", {}),
    ):
        with pytest.raises(StorageLostError, match=r"put its own research\.db back"):
            call()
    folder.close()
    assert files(folder.path) == before


def files(path):
    """Return the bytes of all files that do not come and go with a connection."""
    found = {file.name: file.read_bytes() for file in path.glob("research.*")}
    return {name: data for name, data in found.items() if name != "research.lock" and "-" not in name}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_lost_database_is_not_made_anew(folder, lose):
    folder.put("a", {"x": {0: 1.0}})
    folder.close()
    lose(folder.path)
    before = files(folder.path)
    for open_it in (FolderStorage.open, ResearchStorage, lambda path: ResearchResults(path).put("b", {})):
        with pytest.raises(StorageLostError):
            open_it(folder.path)
    assert files(folder.path) == before
    with pytest.raises(ResultsError):
        _ = ResearchResults(folder.path).df
    assert files(folder.path) == before
    assert not (folder.path / "research.lock").exists()


def test_the_database_of_another_research_is_refused(folder, tmp_path):
    folder.put("a", {"x": {0: 1.0}})
    folder.close()
    with ResearchStorage(tmp_path / "other") as other:
        other.put("b", {"x": {0: 1.0}})
    shutil.copy(tmp_path / "other" / "research.db", folder.path / "research.db")
    with pytest.raises(StorageLostError, match="that of another research"):
        FolderStorage.open(folder.path)


def test_a_copy_of_a_folder_is_a_research_of_its_own(folder, tmp_path):
    folder.put("a", {"x": {0: 1.0}})
    folder.close()
    shutil.copytree(folder.path, tmp_path / "copy")
    for name, path in (("b", folder.path), ("c", tmp_path / "copy")):
        with FolderStorage.open(path) as storage:
            storage.put(name, {"x": {0: 1.0}})
            assert list(storage.results.configs) == ["a", name]


def test_the_lock_of_somebody_else_is_left_alone(folder):
    lock = folder.path / "research.lock"
    lock.unlink()
    lock.write_text("theirs")
    folder.close()
    assert lock.read_text() == "theirs"


# -- another program holds it ---------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["wal", "truncate"])
def test_a_locked_database_is_busy_and_free_again(tmp_path, journal, monkeypatch):
    monkeypatch.setattr(FolderStorage, "_busy_s", 0.05)
    with FolderStorage.create(tmp_path / "study", journal=journal) as storage:
        storage.put("a", {"x": {0: 1.0}})
        with contextlib.closing(sqlite3.connect(storage.path / "research.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageBusyError, match="another program") as caught:
                storage.put("a", {"x": {1: 1.0}})
            assert caught.value.passes_when
            storage.check()
            other.execute("ROLLBACK")
        storage.put("a", {"x": {1: 2.0}})
        assert storage.results.load_results() == {"a": {"x": {0: 1.0, 1: 2.0}}}


# -- pipes, links and devices ---------------------------------------------------------------------


def make_pipe(path):
    os.mkfifo(path)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_socket(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


def make_loop(path):
    path.symlink_to(path.name)


def make_link(path):
    outside = path.parent.parent.parent / f"outside-{path.name}"
    shutil.move(path, outside) if path.exists() else outside.write_text("secret")
    path.symlink_to(outside)


def make_folder(path):
    path.mkdir()


STRANGE = {
    "pipe": make_pipe,
    "device": make_device,
    "socket": make_socket,
    "loop": make_loop,
    "link": make_link,
    "folder": make_folder,
}


@pytest.fixture
def nested(tmp_path):
    """A research with one of everything, two folders down."""
    path = tmp_path / "a" / "study"
    with ResearchStorage(path) as storage:
        storage.put("e", {"large": {0: b"x" * 100_000}, "x": {0: 1.0}})
        storage.put_output("e", "stdout", "said\n")
        (storage.experiment_path("e") / "model.txt").write_text("weights")
    return path


@needs_pipes
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", ["research.db", "research.json", "research.db-journal", "research.db-wal"])
def test_what_is_no_file_in_our_place_is_neither_waited_for_nor_followed(nested, make, name):
    file = nested / name
    if make is not make_link or not file.exists():
        file.unlink(missing_ok=True)
    make(file)
    for look in (ResearchResults.summary, lambda results: results.df):
        with pytest.raises((DamagedError, NotAResearchError, StorageAccessError)):
            look(ResearchResults(nested))
    for write in (FolderStorage.open, ResearchStorage):
        with pytest.raises((StorageLostError, NotAResearchError, StorageAccessError)):
            write(nested)


@needs_pipes
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_blob_that_is_no_file_is_damage_of_one_value(nested, make):
    (blob,) = (path for path in (nested / "blobs").rglob("*") if path.is_file())
    if make is not make_link:
        blob.unlink()
    make(blob)
    results = ResearchResults(nested)
    with pytest.raises(DamagedError, match="blobs/"):
        results.load_results()
    assert results.load_results(name="x") == {"e": {"x": {0: 1.0}}}


@needs_pipes
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_output_that_is_no_file_is_not_there(nested, make):
    output = nested / "experiments" / "e" / "stdout.txt"
    if make is not make_link:
        output.unlink()
    make(output)
    with FolderStorage.open(nested) as storage:
        assert dict(storage.experiments_stdout) == {}
        with pytest.raises(StorageAccessError, match=r"stdout\.txt"):
            storage.put_output("e", "stdout", "more")


@needs_pipes
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_lock_that_is_no_file_is_refused(nested, make):
    make(nested / "research.lock")
    with pytest.raises(StorageAccessError, match=r"research\.lock"):
        FolderStorage.open(nested)


def test_a_folder_of_an_experiment_that_is_a_link_out_is_not_looked_into(nested, tmp_path):
    outside = tmp_path / "outside"
    shutil.move(nested / "experiments" / "e", outside)
    (nested / "experiments" / "e").symlink_to(outside)
    with FolderStorage.open(nested) as storage:
        assert dict(storage.experiments_stdout) == {}
        assert storage.results.load_artifacts() == {"e": []}


@needs_pipes
def test_what_an_experiment_left_is_listed_without_what_nobody_can_open(nested):
    folder = nested / "experiments" / "e"
    (folder / "latest").symlink_to("model.txt")
    (folder / "loop").symlink_to("loop")
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    (folder / "nowhere").symlink_to("missing")
    (folder / "out").symlink_to("/dev/zero")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    results = ResearchResults(nested)
    assert [file.name for file in results.load_artifacts()["e"]] == [
        "latest",
        "model.txt",
        "stdout.txt",
        "sub",
    ]
    assert len(results.artifacts_to_df()) == 4
    assert results.summary().size_bytes > 100_000


# -- paths ----------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are no UTF-8")
def test_a_path_that_is_not_utf8_is_written_and_read(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9") / os.fsdecode(b"st\xff?#%dy")
    with ResearchStorage(path, {"where": str(path)}) as storage:
        storage.put("a", {"x": {0: 1.0}})
        assert storage.results.df["x"].tolist() == [1.0]
        storage.check()
    with FolderStorage.open(path) as storage:
        storage.put("a", {"x": {1: 2.0}})
        assert storage.meta == {"where": str(path)}
    results = ResearchResults(path)
    assert results.df["x"].tolist() == [1.0, 2.0] and results.meta == {"where": str(path)}
    assert json.loads((path / "research.json").read_bytes())["meta"] == {"where": str(path)}
    assert "caf" in (path / "research.txt").read_text("utf-8")
    remove_research(path)


@pytest.mark.parametrize("length", [255, 256, 300, 2000])
def test_a_name_that_is_too_long_is_refused(tmp_path, length):
    path = tmp_path / ("n" * length)
    fits = length <= 255
    for make in (ResearchStorage, FolderStorage.create):
        with contextlib.nullcontext() if fits else pytest.raises(NameRefusedError, match="255"):
            make(path).close()
            remove_research(path)
    if not fits:
        with pytest.raises(NameRefusedError):
            ResearchResults(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are UTF-8 whatever the locale")
def test_a_name_that_file_names_cannot_express_is_refused_with_the_way_out(tmp_path):
    script = """
from research_results import ResearchStorage
from research_results.errors import NameRefusedError
try:
    ResearchStorage("\\xe9t\\xe9")
except NameRefusedError as error:
    print(ascii(str(error)))
"""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **ascii_only},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "ascii" in done.stdout, done.stderr
    assert "PYTHONUTF8=1" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_longest_path_that_is_not_refused_works(tmp_path):
    parent = tmp_path
    while len(os.fsencode(parent)) < 380:
        parent /= "p" * 40
    parent.mkdir(parents=True)
    refused = 0
    for length in range(1, 130, 3):
        path = parent / ("n" * length)
        try:
            with ResearchStorage(path) as storage:
                storage.put("a", {"x": {0: 1.0}})
            assert ResearchResults(path).df["x"].tolist() == [1.0]
            assert not refused
        except NameRefusedError as error:
            assert "with which SQLite works" in str(error)
            refused += 1
    assert 0 < refused < 40 or len(os.fsencode(tmp_path)) > 380


def test_memory_has_nothing_to_lose():
    storage = MemoryStorage.create()
    storage.put("a", {"x": {0: 1.0}})
    storage.check()
    assert storage.counts() == {"queued": 1}


def test_a_folder_without_its_database_is_read_with_a_sentence(tmp_path):
    with ResearchStorage(tmp_path / "study") as storage:
        storage.put("a", {"x": {0: 1.0}})
    (tmp_path / "study" / "research.db").unlink()
    with pytest.raises(StorageLostError, match=r"research\.db is missing"):
        ResearchResults(tmp_path / "study").summary()
