"""The coordinator is a script that gets killed: nothing below it may stay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerReady
from research_runner.testing import wait_until

# Not guarded by `if __name__ == "__main__"`, on purpose. One worker idles, one holds the interpreter in C,
# one is busy and has a child, a child in a session of its own, and an orphan in a session of its own.
SCRIPT = """
import ctypes, json, os, signal, subprocess, sys
from research_runner.pool.events import Message
from research_runner.pool.worker_pool import WorkerPool
from research_runner.system.worker_events import WorkerReady

def descendants():
    sleep = ["sleep", "1000"]
    children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
    script = "setsid sleep 1000 >/dev/null 2>&1 & echo $!"
    orphan = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE)
    return [child.pid for child in children] + [int(orphan.stdout)]

class Work:
    def __call__(self, channel):
        task = channel.recv()
        channel.send(descendants() if task == "busy" else [])
        if task == "hold":
            ctypes.PyDLL(None).sleep(1000)
        while task == "busy":
            pass
        channel.recv()

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for what runs in the background
pool = WorkerPool(3, Work(), start_method=sys.argv[1])
workers, others = [], []
for slot, task in enumerate(["idle", "hold", "busy"]):
    pool.start(slot)
    pool.submit(slot, task)
messages = 0
while messages < 3:
    for event in pool.poll(30):
        if isinstance(event, WorkerReady):
            workers.append(event.pid)
        elif isinstance(event, Message):
            others += event.payload
            messages += 1
        else:
            sys.exit(event.death.describe())
print(json.dumps({"supervisor": pool._supervisor.pid, "workers": workers, "others": others}), flush=True)
pool.poll()
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "unguarded.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def coordinator(script, method):
    process = subprocess.Popen(
        [sys.executable, str(script), method], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the script ended before it was ready"
    yield process, json.loads(line)
    process.kill()
    process.wait()
    process.stdout.close()


def wait_for_stop(pid):
    """Wait until a child of another process has stopped."""
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)


def test_kill_of_the_coordinator_ends_its_whole_tree(coordinator, watch):
    process, started = coordinator
    assert (len(started["workers"]), len(started["others"])) == (3, 3)
    watch.add(started["supervisor"], *started["workers"], *started["others"])
    process.kill()
    watch.assert_gone(2.0)


def test_kill_of_the_coordinators_process_group_ends_its_whole_tree(coordinator, watch):
    process, started = coordinator
    watch.add(started["supervisor"], *started["workers"], *started["others"])
    os.killpg(process.pid, signal.SIGKILL)
    watch.assert_gone(2.0)


def test_kill_of_the_coordinator_ends_a_stopped_supervisor_and_its_tree(coordinator, watch):
    process, started = coordinator
    watch.add(started["supervisor"], *started["workers"], *started["others"])
    os.kill(started["supervisor"], signal.SIGSTOP)
    wait_for_stop(started["supervisor"])
    process.kill()
    watch.assert_gone(2.0)


def test_kill_of_coordinator_and_supervisor_together_ends_the_workers(coordinator, watch):
    process, started = coordinator
    watch.add(started["supervisor"], *started["workers"])
    process.send_signal(signal.SIGSTOP)
    os.kill(started["supervisor"], signal.SIGKILL)
    process.kill()
    watch.assert_gone(2.0)
    for pid in started["others"]:
        os.kill(pid, signal.SIGKILL)


def test_workers_and_supervisor_are_out_of_reach_of_the_terminal(driver):
    pid = driver.start()
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert os.getsid(driver.pool._supervisor.pid) != os.getsid(0)


def test_interrupt_from_the_terminal_reaches_the_coordinator_alone(coordinator, watch):
    process, started = coordinator
    os.killpg(process.pid, signal.SIGSTOP)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal sends to the group in its foreground
    everything = (started["supervisor"], *started["workers"], *started["others"])
    for pid in everything:
        os.kill(pid, 0)
    watch.add(*everything)
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(30) == -signal.SIGINT
    watch.assert_gone(2.0)


def test_signals_to_the_supervisor_alone_change_nothing(driver):
    driver.start()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
        os.kill(driver.pool._supervisor.pid, number)
    assert driver.call(lambda: "still here") == "still here"


def test_forgotten_pool_ends_with_its_last_reference(method, obey, watch):
    pool = WorkerPool(1, obey, start_method=method)
    pool.start(0)
    events = []
    while not events:
        events = pool.poll(30)
    assert isinstance(events[0], WorkerReady)
    watch.add(events[0].pid)
    pool._links[0].connection.close()
    pool._selector.close()
    del pool
    watch.assert_gone(2.0)
