"""Messages between the coordinator and its workers."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from research_runner.pool.errors import WireError
from research_runner.pool.events import Message
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerDied


def test_large_messages_cross_while_both_sides_write(driver):
    size = 5_000_000

    driver.start()
    for _ in range(4):
        blob = bytes(size)
        driver.pool.submit(0, lambda blob=blob: blob)
    answers = []
    while len(answers) < 4:
        answers += [event.payload for event in driver.pool.poll(30) if isinstance(event, Message)]
    assert [len(answer) for answer in answers] == [size] * 4


def test_send_never_waits_for_a_worker_that_does_not_read(driver, watch):
    pid = driver.start()
    watch.add(pid)
    os.kill(pid, signal.SIGSTOP)
    for _ in range(50):
        driver.pool.submit(0, bytes(1_000_000))
    assert driver.pool.poll(0) == []
    driver.pool.kill(0, "timeout")
    assert driver.death().death.cause == "timeout"


def test_messages_keep_their_order(driver):
    driver.start()
    for index in range(2_000):
        driver.pool.submit(0, lambda index=index: index)
    answers = []
    while len(answers) < 2_000:
        answers += [event.payload for event in driver.pool.poll(30) if isinstance(event, Message)]
    assert answers == list(range(2_000))


def test_messages_sent_before_the_worker_is_ready_arrive(driver):
    driver.pool.start(0)
    assert driver.call(lambda: "early") == "early"


def test_threads_of_a_worker_may_send_at_once(method):
    def serve(channel):
        def send(name):
            for index in range(200):
                channel.send((name, index, bytes(1000)))

        threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        channel.recv()

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        seen = {name: [] for name in range(4)}
        while sum(map(len, seen.values())) < 800:
            for event in pool.poll(30):
                if isinstance(event, Message):
                    seen[event.payload[0]].append(event.payload[1])
    assert all(indices == list(range(200)) for indices in seen.values())


def test_payload_that_cannot_be_loaded_here_arrives_as_the_error(driver):
    def answer():
        class Evil:
            def __reduce__(self):
                return int, ("not a number",)

        return Evil()

    driver.start()
    payload = driver.call(answer)
    assert isinstance(payload, WireError)
    assert "ValueError" in payload.reason
    assert driver.call(lambda: 1) == 1


def test_payload_that_cannot_be_sent_is_an_error_in_the_worker(method):
    def serve(channel):
        try:
            channel.send({"model": (i for i in "ab")})
        except WireError as error:
            channel.send(error)
        channel.recv()

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        payloads = []
        while not payloads:
            payloads = [event.payload for event in pool.poll(30) if isinstance(event, Message)]
    assert payloads[0].path == "payload['model']"


def test_worker_can_ask_whether_a_message_waits(method):
    def serve(channel):
        channel.send(channel.poll(0))
        channel.send(channel.poll(None))
        first = channel.recv()
        channel.send([first, channel.poll(0.0)])
        channel.recv()

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        payloads = []
        while not payloads:
            payloads = [event.payload for event in pool.poll(30) if isinstance(event, Message)]
        pool.submit(0, "now")
        while len(payloads) < 3:
            payloads += [event.payload for event in pool.poll(30) if isinstance(event, Message)]
    assert payloads == [False, True, ["now", False]]


def test_poll_returns_empty_when_its_time_is_over(driver):
    assert driver.pool.poll(0) == []
    assert driver.pool.poll(0.01) == []


def test_watched_descriptor_ends_the_wait(driver):
    read, write = os.pipe()
    try:
        driver.pool.watch(read)
        wake = threading.Thread(target=os.write, args=(write, b"x"))
        wake.start()
        assert driver.pool.poll() == []
        wake.join()
        assert driver.pool.poll() == []
        os.read(read, 1)
        assert driver.pool.poll(0) == []
    finally:
        os.close(read)
        os.close(write)


def test_send_to_a_worker_that_has_just_died_is_not_an_error(driver, watch):
    pid = driver.start()
    watch.add(pid)
    os.kill(pid, signal.SIGKILL)
    watch.assert_gone(30)
    driver.pool.submit(0, "too late")
    driver.pool.submit(0, bytes(10_000_000))
    driver.pool.stop(0)
    assert driver.death().death.signal == "SIGKILL"


@pytest.mark.parametrize("way", ["swallow Exception", "finally"])
def test_stop_passes_through_the_workers_code(method, way):
    def serve(channel):
        try:
            channel.recv()
        except Exception:
            channel.send("swallowed")
        finally:
            if way == "finally":
                channel.send("cleaned up")

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        pool.stop(0)
        events = []
        while pool.alive:
            events += pool.poll(30)
    expected = ["cleaned up"] if way == "finally" else []
    assert [event.payload for event in events if isinstance(event, Message)] == expected
    assert isinstance(events[-1], WorkerDied)
    assert events[-1].death.cause == "stopped"
