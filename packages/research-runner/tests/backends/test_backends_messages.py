"""Bytes, files and names of backends."""

import pickle

import pytest

from research_runner import MissingPackageError, OptionError
from research_runner.backends import registry
from research_runner.backends.cluster.files import FileChunk, FileSync, Probe, write_chunk
from research_runner.backends.cluster.messages import CHUNK_BYTES, Deferred, Reassembler, split_message
from research_runner.backends.cluster.remote import AgentState, _translated
from research_runner.backends.inline import InlineFactory
from research_runner.backends.processes import ProcessFactory
from research_runner.backends.protocol import Capabilities
from research_runner.backends.registry import parse_backend
from research_runner.pool import wire
from research_runner.scheduling.events import TaskEnded, TaskStarted, UnitStarted


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_split_messages_are_joined(size):
    message = bytes(size)
    chunks = list(split_message(message, 1, bytes(16), 0))
    reassembler = Reassembler()
    assert [reassembler.add(chunk) for chunk in chunks] == [None] * (len(chunks) - 1) + [message]


def test_reassembler_takes_each_chunk_once():
    reassembler = Reassembler()
    first, second = [*split_message(b"a", 1, bytes(16), 0), *split_message(b"b", 1, bytes(16), 1)]
    assert [reassembler.add(each) for each in (first, first, second, first)] == [b"a", None, b"b", None]


def test_deferred_value_is_loaded_after_its_hops():
    deferred = Deferred(wire.dumps({"x": 1}), hops=2)
    for _ in range(2):
        deferred = pickle.loads(pickle.dumps(deferred))
        assert isinstance(deferred, Deferred)
    assert pickle.loads(pickle.dumps(deferred)) == {"x": 1}


def test_times_of_another_clock_are_translated_and_durations_are_not():
    agent = AgentState(0, 0, True, offset_s=5.0)
    assert _translated(TaskStarted(1, 100.0), agent) == TaskStarted(1, 105.0)
    for duration in (UnitStarted("a", "unit", 100.0), TaskEnded(1, 100.0)):
        assert _translated(duration, agent) == duration


def test_file_sync_sends_each_file_once(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    own = here / "experiments" / "a-0"
    (own / "deep").mkdir(parents=True)
    (own / "deep" / "file").write_bytes(b"x" * (CHUNK_BYTES + 1))
    (own / "empty").touch()
    (here / "stdout.txt").write_text("one\n")
    sync = FileSync(here)
    for chunk in sync.of_experiment("a-0"):
        write_chunk(there, chunk)
    assert (there / "experiments/a-0/deep/file").stat().st_size == CHUNK_BYTES + 1
    assert (there / "experiments/a-0/empty").read_bytes() == b""
    assert list(sync.of_experiment("a-0")) == []
    (own / "empty").write_text("no longer")
    for _ in range(2):
        for chunk in sync.everything():
            write_chunk(there, chunk)
        with (here / "stdout.txt").open("a") as file:
            file.write("two\n")
    assert (there / "experiments/a-0/empty").read_text() == "no longer"
    assert (there / "stdout.txt").read_text() == "one\ntwo\n"
    assert not own.exists()


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "experiments/../../outside"])
def test_file_outside_of_the_research_is_refused(path, tmp_path):
    with pytest.raises(ValueError, match="outside of the research"):
        write_chunk(tmp_path / "research", FileChunk(path, True, b""))
    assert list(tmp_path.iterdir()) == []


def test_probe_is_seen_where_the_folder_is(tmp_path):
    probe = Probe(tmp_path / "folder", "token")
    assert not probe.is_seen()
    probe.write()
    assert probe.is_seen()
    assert not Probe(tmp_path / "elsewhere", "token").is_seen()
    probe.remove()
    assert list((tmp_path / "folder").iterdir()) == []


class Engine:
    capabilities = Capabilities()

    def make(self, plan, environment):
        raise NotImplementedError


def test_names_of_backends():
    engine = Engine()
    assert parse_backend("backend", None) is None
    assert parse_backend("backend", "inline") == InlineFactory()
    assert parse_backend("backend", "processes") == ProcessFactory()
    assert parse_backend("backend", engine) is engine


@pytest.mark.parametrize(
    "backend", ["nowhere", "nowhere://host:1", "inline://host:1", "processes://host:1", 3, Engine, object()]
)
def test_unknown_backends_are_refused(backend):
    with pytest.raises(OptionError, match="backend"):
        parse_backend("backend", backend)


def test_backends_of_other_packages_are_found(monkeypatch):
    class Moon(Engine):
        def __init__(self, address):
            self.address = address

    class Entry:
        name = "moon"

        def load(self):
            return Moon

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry()])
    assert parse_backend("backend", "moon://crater:9").address == "crater:9"
    assert parse_backend("backend", "moon").address is None


def test_missing_engine_names_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("dask", "ray"):
        with pytest.raises(MissingPackageError, match=rf"pip install research-runner\[{name}\]"):
            parse_backend("backend", name)
