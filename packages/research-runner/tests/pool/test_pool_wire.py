"""Messages and code as bytes."""

from __future__ import annotations

import importlib.util
import pickle
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_runner.pool import wire
from research_runner.pool.errors import WireError
from research_runner.pool.events import Message
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerDied

SAMPLES_PATH = Path(__file__).with_name("code_samples.py")


def as_main() -> dict:
    """Run the samples the way a notebook runs its cells."""
    cells = {"__name__": "__main__"}
    exec(compile(SAMPLES_PATH.read_text(), "<cell>", "exec", dont_inherit=True), cells)
    return cells


NAMES = sorted(as_main()["SAMPLES"])

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(plain)
def test_plain_values_come_back_equal(value):
    assert wire.loads(wire.dumps(value)) == value


def test_plain_values_and_importable_classes_need_no_code():
    for value in (1, [np.arange(3)], Path("a"), Message(0, {"a": (1, 2)}), pickle.dumps, Path):
        assert wire.dumps(value)[:1] == b"P"


def test_code_of_this_process_travels_as_code():
    class Local:
        pass

    for value in (lambda: 1, Local, Local(), [{"a": Local()}]):
        assert wire.dumps(value)[:1] == b"C"


def test_class_stays_one_class_across_messages():
    class Local:
        pass

    first, second = (wire.loads(wire.dumps(Local())) for _ in range(2))
    assert type(first) is type(second) is Local


@pytest.mark.parametrize("method", ["forkserver"])
def test_every_sample_arrives_in_a_fresh_process(method):
    """One worker for all, as starting them is what takes time."""
    samples = as_main()["SAMPLES"]

    def serve(channel):
        from research_runner.pool import wire

        while True:
            value, check = wire.load_code(channel.recv())
            channel.send(bool(check(value)))

    wrong = []
    with WorkerPool(1, serve, start_method=method) as pool:
        for name in NAMES:
            if not pool.alive:
                pool.start(0)
            pool.submit(0, wire.dump_code(samples[name]))
            answers = []
            while not answers:
                answers = [event for event in pool.poll(30) if isinstance(event, Message | WorkerDied)]
            if answers[0] != Message(0, True):
                wrong.append((name, answers[0]))
    assert wrong == []


def test_objects_of_a_notebook_return_as_objects_of_the_same_class(method):
    cells = as_main()

    def serve(channel):
        point = channel.recv()
        point.tags.append((type(point), channel.recv()))
        channel.send([point])
        channel.recv()

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        pool.submit(0, cells["Point"](1))
        pool.submit(0, cells["Color"].RED)
        payloads = []
        while not payloads:
            payloads = [event.payload for event in pool.poll(30) if isinstance(event, Message)]
    point = payloads[0][0]
    assert type(point) is cells["Point"]
    assert point.tags[0][0] is cells["Point"]
    assert point.tags[0][1] is cells["Color"].RED


def test_imported_modules_travel_by_name_without_their_state(tmp_path, monkeypatch):
    (tmp_path / "module_with_state.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import module_with_state

    blob = wire.dump_code(lambda: module_with_state.VALUE)
    module_with_state.VALUE = 2
    assert wire.load_code(blob)() == 2
    del sys.modules["module_with_state"]


def test_functions_of_a_file_that_nobody_else_can_import_travel_by_value(tmp_path):
    path = tmp_path / "by_path.py"
    path.write_text("FACTOR = 3\ndef scale(x):\n    return x * FACTOR\nclass Model:\n    pass\n")
    spec = importlib.util.spec_from_file_location("by_path_only", path)
    module = sys.modules["by_path_only"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    blobs = [wire.dumps(value) for value in (module.scale, module.Model())]
    del sys.modules["by_path_only"]
    assert [blob[:1] for blob in blobs] == [b"C", b"C"]
    assert wire.loads(blobs[0])(2) == 6
    assert type(wire.loads(blobs[1])).__name__ == "Model"


class Holder:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def culprits():
    generator = (i for i in "ab")

    def closure():
        return generator

    def default(x=generator):
        return x

    return {
        "message[1].model._source": [0, Holder(model=Holder(ok=1, _source=generator))],
        "message['a'][0]": {"a": (generator,)},
        "message.<closure>.generator": closure,
        "message.__defaults__[0]": default,
        "message": generator,
    }


@pytest.mark.parametrize("path", culprits())
def test_what_cannot_be_serialised_is_named_with_its_path(path):
    with pytest.raises(WireError, match="it is a generator") as caught:
        wire.dumps(culprits()[path], "message")
    assert caught.value.path == path


def test_circular_values_are_fine_and_circular_culprits_are_found():
    circle = [1]
    circle.append(circle)
    copy = wire.loads(wire.dumps(circle))
    assert copy[1] is copy
    holder = Holder(source=socket.SocketType.__mro__)
    holder.self = holder
    holder.bad = (i for i in "a")
    with pytest.raises(WireError) as caught:
        wire.dumps(holder)
    assert caught.value.path == "payload.bad"


def test_locks_travel_as_new_locks():
    held = threading.Lock()
    held.acquire()
    assert wire.loads(wire.dumps({"lock": held}))["lock"].acquire(blocking=False)
    assert wire.loads(wire.dumps([threading.Condition()]))[0].acquire(blocking=False)


def test_message_that_cannot_be_loaded_says_why():
    blob = wire.dumps(Path("x")).replace(b"pathlib", b"pathlob")
    with pytest.raises(WireError, match="cannot be loaded on this side: ModuleNotFoundError"):
        wire.loads(blob)


def test_writer_serialises_each_message_by_itself():
    writer, shared = wire.Writer(), ["shared"]
    large, small = ["x" * 100_000, shared], [shared, (1, 2.5, b"\0")]
    for message in (small, large, small, small):
        assert wire.loads(writer.dumps(message)) == message
    assert writer.dumps(small) == wire.dumps(small)


def test_writer_goes_on_after_a_message_that_needs_code_or_cannot_be_serialised():
    writer = wire.Writer()
    assert wire.loads(writer.dumps(["before", lambda: 3]))[1]() == 3
    with pytest.raises(WireError, match="it is a generator") as caught:
        writer.dumps([["kept"] * 3, (i for i in "a")], "message")
    assert caught.value.path == "message[1]"
    assert wire.loads(writer.dumps(["after"])) == ["after"]
