"""Workers that die in every way; real processes, real signals, every start method."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from research_runner.pool.events import Message
from research_runner.pool.frames import Kind, frames
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerDied, WorkerReady


def test_kill_of_an_idle_worker_is_reported_with_its_signal(driver):
    pid = driver.start()
    os.kill(pid, signal.SIGKILL)
    died = driver.death()
    assert (died.pid, died.death.cause, died.death.signal) == (pid, "signal", "SIGKILL")
    assert died.death.exit_code is None
    assert died.death.peak_memory_bytes > 1_000_000


def test_kill_of_a_busy_worker_delivers_its_messages_first(driver):
    def busy():
        return os.getpid()

    pid = driver.start()
    for _ in range(100):
        driver.pool.submit(0, busy)
    driver.pool.submit(0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    driver.death()
    payloads = [event.payload for event in driver.seen if isinstance(event, Message)]
    assert payloads == [pid] * 100
    assert isinstance(driver.seen[-1], WorkerDied)


DEATHS = {
    "segfault": (lambda: ctypes.string_at(0), "signal", None, "SIGSEGV"),
    "abort": (lambda: os.abort(), "signal", None, "SIGABRT"),
    "sigterm": (lambda: os.kill(os.getpid(), signal.SIGTERM), "signal", None, "SIGTERM"),
    "_exit(0)": (lambda: os._exit(0), "exit", 0, None),
    "_exit(3)": (lambda: os._exit(3), "exit", 3, None),
    "sys.exit()": (lambda: sys.exit(), "exit", 0, None),
    "sys.exit(4)": (lambda: sys.exit(4), "exit", 4, None),
    "sys.exit(text)": (lambda: sys.exit("enough"), "exit", 1, None),
}


@pytest.mark.parametrize("way", DEATHS)
def test_death_is_reported_with_its_cause_and_siblings_go_on(driver, way):
    act, cause, code, name = DEATHS[way]
    driver.start(0)
    sibling = driver.start(1)
    driver.pool.submit(0, act)
    death = driver.death(0).death
    assert (death.cause, death.exit_code, death.signal) == (cause, code, name)
    assert driver.call(lambda: os.getpid(), 1) == sibling
    assert driver.pool.alive == (1,)


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt("broken")], ids=repr)
def test_exception_outside_of_a_unit_ends_the_worker_and_its_traceback_arrives(driver, error):
    def fail():
        raise error

    driver.start()
    driver.pool.submit(0, fail)
    death = driver.death().death
    assert (death.cause, death.exit_code) == ("exit", 1)
    assert death.detail.startswith("Traceback")
    assert death.describe().endswith(f"{type(error).__name__}: broken")


def test_slot_of_a_dead_worker_can_be_started_again(driver):
    first = driver.start()
    driver.pool.kill(0)
    driver.death()
    second = driver.start()
    assert second != first
    assert driver.call(lambda: os.getpid()) == second


def test_half_written_message_of_a_dead_worker_is_dropped(method):
    def serve(channel):
        channel.send("whole")
        channel._socket.send(b"".join(frames(Kind.MESSAGE, bytes(1000)))[:500])
        os.kill(os.getpid(), signal.SIGKILL)

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        events = []
        while pool.alive:
            events += pool.poll(30)
    assert [type(event) for event in events] == [WorkerReady, Message, WorkerDied]
    assert events[1].payload == "whole"


def test_half_written_message_of_a_living_worker_blocks_nobody(method):
    def serve(channel):
        if channel.recv() == "half":
            channel._socket.send(b"".join(frames(Kind.MESSAGE, bytes(1000)))[:500])
        channel.send("whole")
        channel.recv()

    with WorkerPool(2, serve, start_method=method) as pool:
        for slot, message in enumerate(("half", "whole")):
            pool.start(slot)
            pool.submit(slot, message)
        messages = []
        while not messages:
            messages = [event for event in pool.poll(30) if isinstance(event, Message)]
        assert messages == [Message(1, "whole")]
        pool.kill(0, "timeout")
        while 0 in pool.alive:
            deaths = [event for event in pool.poll(30) if isinstance(event, WorkerDied)]
        assert deaths[0].death.cause == "timeout"


def test_kill_carries_the_given_cause(driver):
    driver.start()
    driver.pool.submit(0, lambda: time.sleep(1000))
    driver.pool.kill(0, "timeout")
    death = driver.death().death
    assert (death.cause, death.signal) == ("timeout", "SIGKILL")
    assert "timeout" in death.describe()


def test_kill_reaches_a_worker_that_holds_the_interpreter_in_c(driver):
    def hold():
        ctypes.PyDLL(None).sleep(1000)

    def ignore_and_hold():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        hold()

    driver.start()
    driver.pool.submit(0, ignore_and_hold)
    driver.pool.kill(0, "timeout")
    assert driver.death().death.cause == "timeout"


def test_stop_lets_the_current_message_end(driver):
    driver.start()
    driver.pool.submit(0, lambda: "done")
    driver.pool.stop(0)
    death = driver.death().death
    assert (death.cause, death.exit_code) == ("stopped", 0)
    assert Message(0, "done") in driver.seen


def test_crash_after_a_request_to_stop_is_a_crash(driver):
    driver.start()
    driver.pool.submit(0, lambda: os.abort())
    driver.pool.stop(0)
    assert driver.death().death.signal == "SIGABRT"


def test_return_of_the_work_without_a_request_is_a_death(method):
    def serve(channel):
        channel.send("bye")

    with WorkerPool(1, serve, start_method=method) as pool:
        pool.start(0)
        events = []
        while pool.alive:
            events += pool.poll(30)
    assert (events[-1].death.cause, events[-1].death.exit_code) == ("exit", 0)


def test_threads_of_a_unit_do_not_keep_a_stopped_worker_alive(driver):
    def leave_a_thread():
        threading.Thread(target=threading.Event().wait).start()

    driver.start()
    driver.call(leave_a_thread)
    driver.pool.stop(0)
    assert driver.death().death.cause == "stopped"


@pytest.fixture
def descendants():
    """Start a child, a child in a session of its own, and an orphan in a session of its own."""

    def spawn() -> list[int]:
        child = subprocess.Popen(["sleep", "1000"])
        session = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        script = "setsid sleep 1000 > /dev/null 2>&1 & echo $!"
        daemon = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True)
        return [child.pid, session.pid, int(daemon.stdout)]

    return spawn


@pytest.mark.parametrize("way", ["crash", "_exit", "kill", "stop"])
def test_descendants_end_with_their_worker_and_those_of_siblings_stay(driver, descendants, watch, way):
    driver.start(0)
    driver.start(1)
    watch.add(*driver.call(descendants, 0))
    others = driver.call(descendants, 1)
    if way == "kill":
        driver.pool.kill(0, "timeout")
    elif way == "stop":
        driver.pool.stop(0)
    else:
        driver.pool.submit(0, (lambda: os.abort()) if way == "crash" else (lambda: os._exit(0)))
    driver.death(0)
    watch.assert_gone(2.0)
    for pid in others:
        os.kill(pid, 0)


def test_death_of_the_supervisor_ends_all_workers_and_the_pool_recovers(driver, watch):
    pids = [driver.start(slot) for slot in range(3)]
    watch.add(*pids)
    watch.add(driver.pool._supervisor.pid)
    os.kill(driver.pool._supervisor.pid, signal.SIGKILL)
    watch.assert_gone(2.0)
    driver.pool.start(3)  # nobody has noticed yet
    driver.pool.kill(2)
    while driver.pool.alive:
        driver.seen += driver.pool.poll(30)
    causes = [event.death.cause for event in driver.seen if isinstance(event, WorkerDied)]
    assert sorted(causes) == ["lost"] * 4
    assert driver.start(1) not in pids
    assert driver.call(lambda: "again", 1) == "again"
