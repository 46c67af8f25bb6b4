"""Agents and their coordinator, with threads in the place of an engine."""

import os
import signal
import socket
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from research_domain import Domain
from research_experiment import EC, EP
from research_runner import Research, WorkersDieError
from research_runner.backends.cluster import agent, remote
from research_runner.backends.cluster.messages import split_message
from research_runner.backends.cluster.transport import Arrived, Gone
from research_runner.backends.protocol import Capabilities
from research_runner.errors import EngineLostError
from research_runner.pool import wire
from research_runner.pool.errors import TravelError
from research_runner.scheduling.events import TaskStarted, pack


def run(research, backend, **options):
    return research.run(dump_results=False, bar=False, seed=1, backend=backend, **{"workers": 2, **options})


def values(research, name="y"):
    """Return the value of the last iteration of each experiment, in the order of the domain."""
    results = research.results
    return [list(results.values[each].get(name, {0: None}).values())[-1] for each in results.configs]


def adder(size=10):
    return Research(domain=Domain(x=list(range(size)))).add_callable(
        "add", lambda x: x + 100, x=EC("x"), save_to="y"
    )


@pytest.mark.parametrize("shares_files", [True, False, None])
def test_values_arrive_from_one_agent_per_slot(shares_files, engine, thread_backend):
    research = run(adder(), thread_backend(engine, Capabilities(shares_files=shares_files)))
    assert values(research) == list(range(100, 110))
    assert engine.launched == 2


def test_agents_stay_when_workers_are_replaced(engine, thread_backend):
    research = Research(domain=Domain(x=[1, 2, 3, 4])).add_callable("pid", os.getpid, save_to="y")
    run(research, thread_backend(engine), tasks_per_worker=1, workers=1)
    pids = values(research)
    assert len(set(pids)) == 4
    assert os.getpid() not in pids
    assert engine.launched == 1


def test_death_of_a_worker_costs_an_attempt_and_no_agent(engine, thread_backend, tmp_path):
    def die(x, mark):
        if x == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    research = Research(domain=Domain(x=[0, 1, 2])).add_callable(
        "die", die, x=EC("x"), mark=tmp_path / "mark", save_to="y"
    )
    run(research, thread_backend(engine), workers=1)
    assert values(research) == [0, 1, 2]
    assert engine.launched == 1


def test_agent_that_is_lost_is_replaced(engine, thread_backend, tmp_path):
    def wait_once(x, mark):
        if x == 2 and not mark.exists():
            mark.touch()
            time.sleep(600)
        return x

    research = Research(domain=Domain(x=list(range(6)))).add_callable(
        "wait", wait_once, x=EC("x"), mark=tmp_path / "mark", save_to="y"
    )

    def lose():
        while not (tmp_path / "mark").exists():
            time.sleep(0.01)
        engine.lines[0].wanted = False
        engine.events.put(Gone(0, "its host is gone"))

    thread = threading.Thread(target=lose)
    thread.start()
    run(research, thread_backend(engine), workers=1)
    thread.join()
    assert values(research) == list(range(6))
    assert engine.launched == 2


def test_agent_that_is_begun_anew_counts_as_lost(engine, thread_backend, tmp_path):
    def wait_once(x, mark):
        if not mark.exists():
            mark.touch()
            time.sleep(600)
        return x

    research = Research(domain=Domain(x=[5])).add_callable(
        "wait", wait_once, x=EC("x"), mark=tmp_path / "mark", save_to="y"
    )

    def begin_anew():
        while not (tmp_path / "mark").exists():
            time.sleep(0.01)
        engine.lines[0].wanted = False
        engine.begin_anew(0)

    thread = threading.Thread(target=begin_anew)
    thread.start()
    run(research, thread_backend(engine), workers=1)
    thread.join()
    assert values(research) == [5]


def test_engine_that_is_lost_ends_the_run(engine, thread_backend, tmp_path):
    def hang(mark):
        mark.touch()
        time.sleep(600)

    def lose():
        while not (tmp_path / "mark").exists():
            time.sleep(0.01)
        engine.lost = True

    research = Research(domain=Domain(x=[1])).add_callable("hang", hang, mark=tmp_path / "mark")
    thread = threading.Thread(target=lose)
    thread.start()
    with pytest.raises(EngineLostError, match=r"run\(resume=True\)"):
        run(research, thread_backend(engine))
    thread.join()


def test_engine_that_is_lost_at_once_ends_the_run(engine, thread_backend):
    engine.lost = True
    with pytest.raises(EngineLostError, match="somebody said so"):
        run(adder(), thread_backend(engine))


def test_plan_is_checked_here_where_no_place_is_to_be_had(engine, thread_backend, monkeypatch):
    monkeypatch.setattr(remote, "_SOON_S", 0.05)
    monkeypatch.setattr(engine, "launch", lambda number, slot: None)
    research = Research(domain=Domain(x=[1])).add_callable("use", lambda it: 1, it=Here())
    with pytest.raises(TravelError, match="unit 'use'"):
        run(research, thread_backend(engine))


def test_plan_that_no_worker_can_load_is_named(engine, thread_backend):
    research = Research(domain=Domain(x=[1])).add_callable("use", lambda it: 1, it=Here())
    with pytest.raises(TravelError, match="unit 'use'"):
        run(research, thread_backend(engine))


def test_agents_that_cannot_load_the_plan_end_the_run(engine, thread_backend, monkeypatch):
    monkeypatch.setattr(remote, "_check_here", lambda *_: None)
    research = Research(domain=Domain(x=[1])).add_callable("use", lambda it: 1, it=Here(), save_to="y")
    with pytest.raises(WorkersDieError, match="not here"):
        run(research, thread_backend(engine))


class Here:
    """Something that can be loaded in this process alone."""

    def __reduce__(self):
        return _load_here_alone, (os.getpid(),)


def _load_here_alone(pid):
    if os.getpid() != pid:
        raise RuntimeError("not here")
    return 1


def test_host_with_another_python_is_refused(engine, thread_backend, monkeypatch):
    monkeypatch.setattr(agent, "sys", SimpleNamespace(version_info=(2, 7, 18), executable=sys.executable))
    with pytest.raises(WorkersDieError, match=r"has Python 2\.7 .* code travels only to Python 3"):
        run(adder(), thread_backend(engine))


def test_messages_larger_than_a_chunk_arrive_whole(engine, thread_backend):
    research = Research(domain=Domain(x=[1, 2])).add_callable(
        "make", lambda x: bytes([x]) * 10_000_000, x=EC("x"), save_to="y"
    )
    run(research, thread_backend(engine))
    assert values(research) == [bytes([1]) * 10_000_000, bytes([2]) * 10_000_000]


def test_output_in_memory_arrives(engine, thread_backend):
    research = Research(domain=Domain(x=[1])).add_callable("say", lambda: print("hello"))
    run(research, thread_backend(engine))
    assert list(research.storage.experiments_stdout.values()) == ["hello\n"]


def test_files_of_experiments_are_nowhere_near_ours_while_they_run(engine, thread_backend):
    research = Research(domain=Domain(x=[1])).add_callable(
        "path", lambda path: str(path), path=EP(), save_to="y"
    )
    run(research, thread_backend(engine))
    assert "research-agent-" in values(research)[0]


def test_failures_say_on_which_host_and_device(engine, thread_backend, monkeypatch, caplog):
    def fail(x):
        if x == 1:
            raise ValueError("no")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setattr(socket, "gethostname", lambda: "node3")
    research = Research(domain=Domain(x=[1, 2])).add_callable("fail", fail, x=EC("x"), save_to="y")
    run(research, thread_backend(engine), max_attempts=1, workers=1)
    failures = list(research.results.failures.values())
    assert [(failure.host, failure.device) for failure in failures] == [("node3", "7")] * 2
    texts = [record.getMessage() for record in caplog.records if "node3" in record.getMessage()]
    assert len(texts) == 2
    assert texts[0].splitlines()[0].endswith("; on host node3, device 7")
    assert "killed by SIGKILL" in texts[1]
    assert "; on host node3, device 7" in texts[1]


def environment(root):
    return SimpleNamespace(root=root, start_method="auto")


def test_times_are_those_of_the_clock_of_the_coordinator(tmp_path, monkeypatch):
    setup = SimpleNamespace(token="token", environments=({},))
    monkeypatch.setattr(remote, "_agent_setup", lambda *_: setup)
    monkeypatch.setattr(remote, "_check_here", lambda *_: None)
    sent = time.time() + 3600
    message = wire.dumps((sent, [pack(TaskStarted(0, sent - 1))]))
    arrived = [Arrived(chunk.pack()) for chunk in split_message(message, 0, b"n" * 16, 0)]
    stub = SimpleNamespace(launch=lambda number, slot: None, receive=lambda timeout_s: arrived)
    backend = remote.RemoteBackend(None, environment(tmp_path), stub, None)
    ((slot, event),) = backend.poll(0)
    assert slot == 0
    assert event.started == pytest.approx(time.time() - 1, abs=60)


@pytest.mark.parametrize("skew_s", [3600, -3600])
def test_time_limit_of_a_unit_is_the_same_on_any_clock(engine, thread_backend, monkeypatch, tmp_path, skew_s):
    def hang(x, mark):
        mark.touch()
        if x == 1:
            time.sleep(3600)
        return x

    clock = SimpleNamespace(time=lambda: time.time() + skew_s, monotonic=time.monotonic)
    monkeypatch.setattr(agent, "time", clock)
    research = Research(domain=Domain(x=[0, 1, 2])).add_callable(
        "hang", hang, x=EC("x"), mark=tmp_path / "mark", save_to="y", timeout=2
    )
    run(research, thread_backend(engine), max_attempts=1)
    assert (research.monitor.finished_experiments, research.monitor.failed_experiments) == (3, 1)
    (failure,) = research.results.failures.values()
    assert (failure.cause, failure.unit) == ("timeout", "hang")


def test_long_wait_for_a_place_is_warned_about_once(tmp_path, monkeypatch, caplog):
    setup = SimpleNamespace(token="token", environments=({}, {}))
    monkeypatch.setattr(remote, "_agent_setup", lambda *_: setup)
    monkeypatch.setattr(remote, "_check_here", lambda *_: None)
    monkeypatch.setattr(remote, "_WARN_AFTER_S", -1)
    monkeypatch.setattr(remote, "_SOON_S", 0)
    stub = SimpleNamespace(launch=lambda number, slot: None, receive=lambda timeout_s: [])
    backend = remote.RemoteBackend(None, environment(tmp_path), stub, None)
    backend.start(0)
    for _ in range(3):
        assert backend.poll(0) == []
    assert [record.message for record in caplog.records] == [
        "the engine has given no place for a worker yet; has it got what was asked for?"
    ]


def test_agent_that_does_not_see_the_folder_sends_its_files(engine, thread_backend, monkeypatch, tmp_path):
    monkeypatch.setattr(agent.Probe, "is_seen", lambda self: False)
    research = Research(domain=Domain(x=[1])).add_callable(
        "path", lambda path: str(path), path=EP(), save_to="y"
    )
    run(research, thread_backend(engine, Capabilities(shares_files=None)))
    assert "research-agent-" in values(research)[0]
