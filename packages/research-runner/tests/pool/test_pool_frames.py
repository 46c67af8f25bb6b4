"""Frames on the connection of a worker, and what is done about bytes that are none."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_runner.pool import frames as framing
from research_runner.pool.frames import BrokenStreamError, FrameReader, Kind, frames


def read_all(reader: FrameReader) -> list[tuple[Kind, bytes]]:
    return list(iter(reader.take, None))


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=40))), st.integers(1, 30))
def test_messages_come_back_however_the_stream_is_cut(messages, chunk_bytes):
    stream = b"".join(bytes(data) for kind, payload in messages for data in frames(kind, payload))
    reader, found = FrameReader(), []
    for start in range(0, len(stream), chunk_bytes):
        reader.feed(stream[start : start + chunk_bytes])
        found += read_all(reader)
    assert found == messages
    assert reader.missing_bytes == 18


def test_large_payloads_travel_in_pieces(monkeypatch):
    monkeypatch.setattr(framing, "PIECE_BYTES", 10)
    payload = bytes(range(35))
    pieces = list(frames(Kind.MESSAGE, payload))
    assert max(map(len, pieces)) <= 18
    reader = FrameReader()
    for piece in pieces:
        assert reader.take() is None
        reader.feed(bytes(piece))
    assert read_all(reader) == [(Kind.MESSAGE, payload)]


@given(st.binary(min_size=18, max_size=200))
def test_no_bytes_are_taken_for_a_message(noise):
    whole = b"".join(map(bytes, frames(Kind.MESSAGE, b"before")))
    reader = FrameReader()
    reader.feed(whole + noise)
    assert reader.take() == (Kind.MESSAGE, b"before")
    with pytest.raises(BrokenStreamError):
        reader.take()


@pytest.mark.parametrize("position", range(18 + 7))
def test_a_changed_byte_is_noticed(position):
    stream = bytearray(b"".join(map(bytes, frames(Kind.MESSAGE, b"payload"))))
    stream[position] ^= 0x40
    reader = FrameReader()
    reader.feed(bytes(stream) + bytes(64))
    with pytest.raises(BrokenStreamError):
        reader.take()


def spoil(data: bytes) -> None:
    """Write to every socket of this process."""
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, data)
        except OSError:
            pass


NOISE = {
    "text": b"hello world, hello world\n",
    "zeros": bytes(100),
    "half a header": b"\xf5rs\x01\x00",
    "another kind": b"\xf5rs\x01\x09" + bytes(13),
    "a frame that is no pickle": b"".join(map(bytes, frames(Kind.MESSAGE, b"no pickle"))),
    "an endless frame": b"\xf5rs\x01\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_a_worker_that_sends_noise_costs_itself(driver, noise):
    driver.start()
    driver.pool.submit(0, lambda noise=noise: spoil(noise))
    if noise == NOISE["a frame that is no pickle"]:  # who knows what messages mean has to say so
        driver.until(lambda event: isinstance(getattr(event, "payload", None), Exception))
        driver.pool.distrust(0, "not a message")
    death = driver.death().death
    assert death.cause == "protocol"
    assert death.detail
    assert driver.start() > 0
    assert driver.call(lambda: "well") == "well"


@pytest.fixture
def default_timeout():
    socket.setdefaulttimeout(30)
    yield
    socket.setdefaulttimeout(None)


@pytest.mark.usefixtures("default_timeout")
def test_the_default_timeout_of_sockets_does_not_reach_ours(driver):
    driver.start()
    assert driver.call(lambda: "well") == "well"
