"""Files, processes, proxies and signals between threads, inside what travels to a worker."""

from __future__ import annotations

import functools
import logging
import queue
import subprocess
import sys
import threading

import pytest

from research_runner.pool import wire
from research_runner.pool.errors import TravelError, WireError
from research_runner.pool.travel import refuse_signals


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "precious.txt"
    file.write_text("first line\nsecond line\n")
    return file


class Holder:
    """An object that keeps something."""

    def __init__(self, thing):
        self.thing = thing

    def unit(self):
        return self.thing


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("mode", ["w", "w+", "a", "r+", "wb", "ab", "r+b", "x"])
def test_files_opened_for_writing_are_refused_and_keep_what_is_in_them(mode, closed, path):
    if mode == "x":
        path.unlink()
    file = path.open(mode)
    file.write("more" if "b" not in mode else b"more")
    file.flush()
    before = path.read_bytes()
    if closed:
        file.close()
    with pytest.raises(WireError, match=r"thing.* opened for writing"):
        wire.dumps([Holder(file), lambda: None])
    file.close()
    assert path.read_bytes() == before


def test_a_log_file_inside_an_object_is_refused(path):
    handler = logging.FileHandler(path, mode="w")
    with pytest.raises(WireError, match=r"thing\.stream"):
        wire.dumps(Holder(handler))
    handler.close()


@pytest.mark.parametrize("options", [{}, {"mode": "rb"}, {"mode": "rb", "buffering": 0}], ids=str)
def test_files_opened_for_reading_travel_with_their_position(options, path):
    with path.open(**options) as file:
        file.readline()
        copy = wire.loads(wire.dumps(Holder(file))).thing
        with copy:
            assert copy.read() == file.read()
            assert (copy.name, copy.mode) == (str(path), file.mode)


def test_a_closed_file_travels_closed(path):
    with path.open() as file:
        pass
    path.unlink()
    assert wire.loads(wire.dumps(Holder(file))).thing.closed


def test_pipes_and_processes_are_refused():
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        for thing in (process, process.stdout):
            with pytest.raises(WireError, match="thing"):
                wire.dumps(Holder(thing))


def test_a_thread_is_refused():
    with pytest.raises(WireError, match="nobody"):
        wire.dumps(Holder(threading.Thread()))


def test_streams_of_the_process_travel_by_name():
    assert wire.loads(wire.dumps(Holder(sys.stdout))).thing is sys.stdout


@pytest.mark.parametrize(
    "make", [threading.Event, threading.Condition, queue.Queue, lambda: threading.Barrier(2)]
)
def test_signals_between_threads_are_refused_wherever_a_unit_gets_a_copy(make):
    signal = make()
    for part in (
        signal,
        {"args": (1, [signal])},
        lambda: signal,
        functools.partial(print, signal),
        lambda stop=signal: stop,
    ):
        with pytest.raises(TravelError, match=r"unit 'wait'.* copy"):
            refuse_signals({"unit 'wait'": part})


def test_signals_inside_other_objects_travel_as_they_are():
    holder = Holder(threading.Event())
    holder.thing.set()
    refuse_signals({"unit 'fit'": holder.unit, "an object": holder})
    copy = wire.loads(wire.dumps(holder)).thing
    holder.thing.clear()
    assert copy.is_set()
