"""Results are read while they are written, from anywhere, and whatever state their folder is in."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from research_results import FolderStorage, MemoryStorage, ResearchResults, ResearchStorage
from research_results.disk import file_watch, schema
from research_results.errors import (
    DamagedError,
    ExistsError,
    FormatError,
    NameRefusedError,
    NotAResearchError,
    StorageAccessError,
    StorageFullError,
)
from research_results.writing import opened

WATCH = """
import sys
from research_results import storage
from research_results import ResearchResults
results = ResearchResults(sys.argv[1])
for _ in sys.stdin:
    print(sum(len(v['x']) for v in results.load_results().values()), flush=True)
"""


def test_another_process_sees_what_was_put_just_before(folder):
    with subprocess.Popen(
        [sys.executable, "-c", WATCH, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        for number in range(1, 30):
            folder.put(str(number % 4), {"x": {number: float(number)}})
            reader.stdin.write("look\n")
            reader.stdin.flush()
            assert reader.stdout.readline() == f"{number}\n"
        reader.stdin.close()


def test_a_reader_in_the_middle_of_reading_sees_one_moment_and_stops_nobody(folder):
    folder.put("a", {"x": {0: 1.0}})
    with folder.results._reader.source.reading() as connection:
        count = "SELECT count(*) FROM chunks"
        assert connection.execute(count).fetchone() == (1,)
        for number in range(50):
            folder.put("a", {"x": {number: 2.0}})
        assert connection.execute(count).fetchone() == (1,)
    assert folder.results.df["x"].tolist() == [2.0] * 50


def test_a_transaction_is_seen_as_a_whole(folder):
    with folder.transaction():
        folder.put("a", {"x": {0: 1.0}})
        assert len(folder.results.df) == 0
        folder.put("a", {"x": {1: 1.0}})
    assert len(folder.results.df) == 2


def test_readers_of_many_threads_do_not_disturb_the_writer(storage):
    stop, problems = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                values = storage.results.load_results().get("a", {}).get("x", {})
                assert list(values) == list(range(len(values)))
            except Exception as error:
                problems.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(200):
        storage.put("a", {"x": {number: float(number)}})
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(storage.results.df) == 200


@pytest.mark.parametrize("journal", ["wal", "truncate"])
def test_a_closed_research_is_one_file_of_data(tmp_path, journal):
    with FolderStorage.create(tmp_path / "a", journal=journal) as storage:
        storage.put("x", {"v": {0: 1.0}})
        assert storage.results.df["v"].tolist() == [1.0]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        *("research.db", "research.json", "research.txt"),
    ]
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert ResearchResults(tmp_path / "b").df["v"].tolist() == [1.0]


def test_a_network_file_system_gets_a_rollback_journal(tmp_path, monkeypatch):
    monkeypatch.setattr("research_results.disk.connections.on_network", lambda path: True)
    with FolderStorage.create(tmp_path / "a") as storage:
        storage.put("x", {"v": {0: 1.0}})
        assert not (storage.path / "research.db-wal").exists()
        assert ResearchResults(storage.path).df["v"].tolist() == [1.0]


def test_where_the_log_cannot_be_made_a_rollback_journal_is(tmp_path, monkeypatch):
    monkeypatch.setattr("research_results.disk.connections._try_log", lambda connection: False)
    with FolderStorage.create(tmp_path / "a") as storage:
        storage.put("x", {"v": {0: 1.0}})
        assert not (storage.path / "research.db-wal").exists()


@contextlib.contextmanager
def read_only(path):
    """Make a folder read-only, also for root."""
    if os.geteuid() == 0:
        try:
            subprocess.run(["mount", "--bind", path, path], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("root that may not mount")
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True, capture_output=True)
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", path], check=True, capture_output=True)
    else:
        for folder, _, files in os.walk(path, topdown=False):
            for file in files:
                Path(folder, file).chmod(0o444)
            Path(folder).chmod(0o555)
        try:
            yield
        finally:
            for folder, _, _ in os.walk(path):
                Path(folder).chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Windows are not read-only")
@pytest.mark.parametrize("ended", ["closed", "open", "killed"])
@pytest.mark.parametrize("journal", ["wal", "truncate"])
def test_a_read_only_folder_is_read_whatever_its_writer_did(tmp_path, ended, journal):
    storage = FolderStorage.create(tmp_path / "a", journal=journal)
    storage.put("x", {"v": {0: 1.0}, "w": {0: np.arange(10_000)}})
    path = tmp_path / "b"
    if ended == "closed":
        storage.close()
    elif ended == "open":
        path = tmp_path / "a"
    if path == tmp_path / "b":
        shutil.copytree(tmp_path / "a", path)
        (path / "research.db-shm").unlink(missing_ok=True)
    with read_only(path):
        results = ResearchResults(path)
        assert results.df["v"].tolist() == [1.0]
        assert results.load_results()["x"]["w"][0].sum() == 49_995_000
        with pytest.raises((StorageAccessError, Exception), match=r"check its permissions|open for writing"):
            FolderStorage.open(path)
        with pytest.raises(StorageAccessError, match="check its permissions"):
            FolderStorage.create(path / "new")
    storage.close()


FULL = """
import os, sys
from research_results import storage
from research_results import FolderStorage, ResearchResults
from research_results.errors import StorageFullError
folder, kind = sys.argv[1:]
storage = FolderStorage.create(folder)
stored = 0
try:
    while True:
        value = 'x' * 20_000 if kind == 'rows' else os.urandom(100_000)
        storage.put('a', {'x': {stored: value}})
        stored += 1
except StorageFullError as error:
    print(error)
assert stored > 3
assert len(ResearchResults(folder).load_results()['a']['x']) == stored
try:
    storage.close()
except StorageFullError:
    pass
assert len(ResearchResults(folder).load_results()['a']['x']) == stored
os.unlink(folder + '/../ballast')
with FolderStorage.open(folder) as storage:
    storage.put('a', {'x': {stored: 1.0}})
    assert len(storage.results.load_results()['a']['x']) == stored + 1
print('kept', stored)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("kind", ["rows", "blobs"])
def test_a_full_disk_is_a_clear_error_and_keeps_what_was_committed(tmp_path, kind):
    script = f"mount -t tmpfs -o size=3m none {tmp_path} && head -c 1000000 /dev/zero > {tmp_path}/ballast"
    run = f'{sys.executable} -c "$CODE" {tmp_path}/research {kind}'
    own_namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    try:
        subprocess.run([*own_namespace, "sh", "-c", script], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount a small tmpfs")
    ended = subprocess.run(
        [*own_namespace, "sh", "-c", f"{script} && {run}"],
        capture_output=True,
        text=True,
        env=os.environ | {"CODE": FULL},
    )
    assert ended.returncode == 0, ended.stderr
    assert "no room left" in ended.stdout and "kept" in ended.stdout


def test_a_full_database_fails_the_transaction_and_nothing_else(folder):
    folder.put("a", {"x": {0: 1.0}})
    connection = folder._writer.database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageFullError, match="free some space"), folder.transaction():
        folder.put("b", {"x": {0: 1.0}})
        folder.put("b", {"x": {1: "y" * 60_000}})
    assert list(folder.statuses()) == ["a"]
    connection.execute("PRAGMA max_page_count = 100000")
    folder.put("b", {"x": {1: "y" * 60_000}})
    assert list(folder.results.load_results()) == ["a", "b"]


def test_a_swallowed_failure_still_fails_its_transaction(folder):
    folder.put("a", {"x": {0: 1.0}})
    connection = folder._writer.database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageFullError), folder.transaction():
        with contextlib.suppress(StorageFullError):
            folder.put("b", {"x": {1: "y" * 60_000}})
        with contextlib.suppress(StorageFullError):
            folder.put("c", {"x": {0: 1.0}})
    assert list(folder.statuses()) == ["a"]


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("no", NotAResearchError, "nothing is there"),
        ("", NameRefusedError, "not empty"),
        ("a\0b", NameRefusedError, "NUL"),
        (".", NotAResearchError, "no research.json"),
        ("file", NotAResearchError, "no research.json"),
    ],
)
@pytest.mark.parametrize("open_it", [ResearchResults, FolderStorage.open, FolderStorage.read])
def test_what_is_no_research_says_so(tmp_path, monkeypatch, name, error, text, open_it):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(error, match=text):
        open_it(name)


def test_an_existing_path_is_never_overwritten(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("file", "."):
        with pytest.raises(ExistsError, match="never overwritten"):
            FolderStorage.create(tmp_path / name)
    assert (tmp_path / "file").read_text() == "x"


def test_a_newer_format_says_what_to_upgrade(folder):
    folder.close()
    description = folder.path / "research.json"
    description.write_text(description.read_text().replace('"minimum_reader": 1', '"minimum_reader": 99'))
    for open_it in (ResearchResults, FolderStorage.open, ResearchStorage):
        with pytest.raises(FormatError, match=r"format 99.*pip install --upgrade research-results"):
            open_it(folder.path)


def test_a_newer_format_that_old_readers_know_is_read(folder):
    folder.put("a", {"x": {0: 1.0}})
    folder.close()
    with contextlib.closing(sqlite3.connect(folder.path / "research.db")) as connection:
        connection.execute("ALTER TABLE experiments ADD COLUMN mood TEXT")
        connection.execute("CREATE TABLE news (text TEXT)")
        connection.execute("PRAGMA user_version = 7")
        connection.commit()
    assert ResearchResults(folder.path).df["x"].tolist() == [1.0]
    with FolderStorage.open(folder.path) as storage:
        storage.put("a", {"x": {1: 2.0}})
    assert ResearchResults(folder.path).df["x"].tolist() == [1.0, 2.0]


@pytest.fixture
def tomorrow(monkeypatch):
    """Return a function that makes the next format today's: this one with a column and a table more."""

    def make(column):
        schema._tables.cache_clear()
        monkeypatch.setattr(schema, "SCHEMA", f"{schema.SCHEMA} ALTER TABLE {column}; CREATE TABLE news (a);")
        for module in (schema, file_watch):
            monkeypatch.setattr(module, "FORMAT", schema.FORMAT + 1)

    yield make
    monkeypatch.undo()
    schema._tables.cache_clear()


def test_what_an_older_file_lacks_is_empty_and_the_rest_is_read(folder, tomorrow):
    folder.put("a", {"x": {0: 1.0}})
    folder.close()
    tomorrow("chunks ADD COLUMN mood TEXT")
    results = ResearchResults(folder.path)
    assert results.df["x"].tolist() == [1.0]
    with results._reader.source.reading() as connection:
        assert connection.execute("SELECT mood, variable FROM chunks WHERE chunk > 0").fetchall() == [
            (None, 1)
        ]
        assert connection.execute("SELECT a FROM news").fetchall() == []


def test_a_column_of_failures_is_one_definition_and_older_files_have_none(folder, monkeypatch, tomorrow):
    def fail(storage, name):
        storage.add(name, {})
        failure = SimpleNamespace(cause="exit", message="gone", iteration=3, node="a.example", load=0.5)
        storage.mark(name, "failed", failure=failure)

    fail(folder, "old")
    folder.close()
    monkeypatch.setitem(schema.FAILURE_COLUMNS, "node", str)
    tomorrow("failures ADD COLUMN node TEXT")
    failures = ResearchResults(folder.path).failures
    assert failures["cause"].tolist() == ["exit"] and failures["node"].isna().tolist() == [True]
    newer = MemoryStorage.create()
    fail(newer, "new")
    failures = newer.results.failures
    assert failures["iteration"].tolist() == [3] and failures["node"].tolist() == ["a.example"]


def test_experiments_and_failures_say_on_which_host_and_device(folder):
    folder.add("a", {})
    folder.mark("a", "running", attempt=1, host="node1", device="4")
    folder.mark("a", "queued", failure=SimpleNamespace(cause="exit", host="node1", device="4"))
    folder.mark("a", "running", attempt=2, host="node\ud800", device="5, 7")
    folder.mark("a", "failed", failure=SimpleNamespace(cause="exit", host="node2", device="5, 7"))
    results = folder.results
    (row,) = results.experiments.to_dict("records")
    assert (row["host"], row["device"]) == ("node\\ud800", "5, 7")
    failures = results.load_failures(every_attempt=True)
    assert list(zip(failures["host"], failures["device"], strict=True)) == [("node1", "4"), ("node2", "5, 7")]
    assert results.failures["host"].tolist() == ["node2"]


def test_the_table_of_failures_has_the_columns_that_are_defined(folder):
    from research_results.disk.schema import FAILURE_COLUMNS

    rows = folder._writer.database.execute("PRAGMA table_info(failures)").fetchall()
    kinds = {name: {"TEXT": str, "INTEGER": int}[kind] for _, name, kind, *_ in rows}
    assert kinds == {"number": int, "experiment": int, "attempt": int, **FAILURE_COLUMNS}


def test_large_values_are_blobs_once_each_and_checked(folder):
    large = np.arange(20_000)
    folder.put("a", {"x": {0: large, 1: large, 2: large + 1}})
    blobs = [path for path in (folder.path / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == 2
    assert (folder.path / "research.db").stat().st_size < 150_000
    found = folder.results.load_results()["a"]["x"]
    assert all(np.array_equal(found[i], large + (i == 2)) for i in range(3))
    blobs[0].write_bytes(b"changed")
    with pytest.raises(DamagedError, match="content"):
        folder.results.load_results()
    blobs[0].unlink()
    with pytest.raises(DamagedError, match="cannot be read"):
        folder.results.df


def test_blobs_of_dropped_values_are_swept_at_the_end(folder):
    folder.add("a", {})
    folder.mark("a", "running", attempt=1)
    folder.put("a", {"x": {0: np.arange(20_000)}, "y": {0: np.arange(30_000)}})
    folder.mark("a", "running", attempt=2)
    folder.put("a", {"x": {0: np.arange(20_000)}})
    folder.close()
    assert len([path for path in (folder.path / "blobs").rglob("*") if path.is_file()]) == 1
    assert len(folder.results.load_results()["a"]["x"][0]) == 20_000


def test_what_a_killed_writer_left_half_written_is_removed(folder):
    folder.put("a", {"x": {0: np.arange(20_000)}})
    folder.close()
    (blob,) = (folder.path / "blobs").glob("*/*")
    halves = [blob.with_name("half.1.tmp"), folder.path / "research.json.1.tmp"]
    for half in halves:
        half.write_bytes(b"x")
    FolderStorage.open(folder.path).close()
    assert blob.exists() and not any(half.exists() for half in halves)


def test_what_is_written_about_the_whole_waits_for_the_disk_only_if_it_changes(folder, monkeypatch):
    folder.update_meta(a=1)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    folder.update_meta(a=1)
    assert not synced
    folder.update_meta(a=True)  # equal, and another value
    assert len(synced) == 2  # the file, and its folder
    assert ResearchResults(folder.path).meta["a"] is True
    assert "a            true" in (folder.path / "research.txt").read_text()


def test_people_find_out_what_a_folder_is(folder):
    folder.update_meta(options={"workers": 4})
    folder.put("a", {"x": {0: 1.0}})
    folder.put_environment("packages.txt", "numpy 2\n")
    folder.close()
    text = (folder.path / "research.txt").read_text()
    assert "1 queued" in text and '"workers": 4' in text and "ResearchResults" in text
    assert (folder.path / "env" / "packages.txt").read_text() == "numpy 2\n"


def test_a_reader_finds_an_empty_research_from_its_first_moment_on(tmp_path, monkeypatch):
    class Watched(opened.WriteLock):
        """Acquired as soon as there is a folder, before anything is opened for writing."""

        def acquire(self, **options):
            seen.append(ResearchResults(tmp_path / "new").experiments)
            super().acquire(**options)

    seen = []
    monkeypatch.setattr(opened, "WriteLock", Watched)
    FolderStorage.create(tmp_path / "new").close()
    assert [len(frame) for frame in seen] == [0]
