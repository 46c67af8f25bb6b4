"""Ctrl-C, SIGTERM, and units that never end."""

import ctypes
import os
import signal
import time
from itertools import cycle

import pytest

import research_runner.running.preparing
from research_runner.pool.worker_pool import WorkerPool


def hold(x, marks):
    """Say who is here, and wait."""
    marks.set(f"here-{x}", os.getpid())
    marks.wait("go on")


def hang(x, marks):
    """Hang in three ways: asleep, with the interpreter's lock held in C, deaf to every signal there is."""
    if x == 1:
        time.sleep(1000)
    elif x == 3:
        ctypes.PyDLL(None).sleep(1000)
    elif x == 5:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            pass


def jump(x=None, marks=None):
    """Let the clock of this process be an hour ahead, right, and an hour behind, in turn."""
    real, offsets = time.time, cycle([3600.0, 0.0, -3600.0])
    time.time = lambda: real() + next(offsets)


def test_ctrl_c_lets_what_runs_end_and_begins_nothing_new(study, always, soon):
    study.parts, study.values = {"noise"}, list(range(60))
    study.fault, marks, stop = always(hold, at=20), study.marks, WorkerPool.stop

    def tell_when_it_stops():
        def stop_and_tell(pool, slot):
            stop(pool, slot)
            marks.set("told to stop")

        WorkerPool.stop = stop_and_tell

    coordinator = study.start(workers=1, before=tell_when_it_stops)
    study.marks.wait("here-20")
    coordinator.send(signal.SIGINT)
    soon(lambda: "SIGINT: nothing new is started" in coordinator.text, "the first Ctrl-C is answered")
    study.marks.wait("told to stop")
    study.marks.set("go on")
    assert coordinator.wait() == 130
    states = study.states()
    assert [x for x in range(60) if states.get(x) == "done"] == list(range(21))
    assert set(states.values()) <= {"done", "queued"}  # some were sent ahead
    assert len(list(study.marks.folder.glob("pid-*"))) == 21
    assert "research resume study" in coordinator.text


def test_a_second_ctrl_c_kills_what_runs(study, always, soon):
    study.fault = always(hold)
    coordinator = study.start()
    soon(lambda: study.state(2) == "running", "it is known to run")
    study.marks.wait("here-2")
    coordinator.send(signal.SIGINT)
    soon(lambda: "SIGINT: nothing new is started" in coordinator.text, "the first Ctrl-C is answered")
    coordinator.send(signal.SIGINT)
    assert coordinator.wait() == 130
    assert study.states()[2] == "lost"
    assert "research resume study" in coordinator.text


def test_ctrl_c_in_one_process_waits_for_the_unit_and_a_second_one_does_not(study, always, soon):
    study.fault = always(hold)
    options = {"parallel": False, "start_method": "auto", "workers": 1}
    coordinator = study.start(**options)
    study.marks.wait("here-2")
    coordinator.send(signal.SIGINT)
    soon(lambda: "SIGINT: nothing new is started" in coordinator.text, "the first Ctrl-C is answered")
    coordinator.send(signal.SIGINT)
    assert coordinator.wait() == 130
    assert study.states()[2] == "lost"


def test_sigterm_lets_what_runs_end(study, always, soon):
    study.fault = always(hold)
    coordinator = study.start()
    study.marks.wait("here-2")
    coordinator.send(signal.SIGTERM)
    soon(lambda: "SIGTERM: nothing new is started" in coordinator.text, "SIGTERM is answered")
    study.marks.set("go on")
    assert coordinator.wait() == 130
    assert study.states()[2] == "done"


def test_sigterm_kills_what_runs_after_the_time_of_grace(study, always, short_grace, soon):
    study.fault = always(hold)
    coordinator = study.start(before=short_grace)
    soon(lambda: study.state(2) == "running", "it is known to run")
    study.marks.wait("here-2")
    coordinator.send(signal.SIGTERM)
    assert coordinator.wait() == 130
    assert study.states()[2] == "lost"


def test_a_second_sigterm_does_not_wait_for_the_time_of_grace(study, always, soon):
    study.fault = always(hold)
    coordinator = study.start()
    soon(lambda: study.state(2) == "running", "it is known to run")
    study.marks.wait("here-2")
    coordinator.send(signal.SIGTERM)
    soon(lambda: "SIGTERM: nothing new is started" in coordinator.text, "SIGTERM is answered")
    coordinator.send(signal.SIGTERM)
    assert coordinator.wait() == 130
    assert study.states()[2] == "lost"


@pytest.mark.parametrize(("unit_s", "experiment_s", "blamed"), [(1.0, None, "work"), (None, 1.0, None)])
def test_units_that_hang_are_killed_in_time(study, unit_s, experiment_s, blamed):
    study.fault, study.timeout = hang, unit_s
    coordinator = study.run(workers=4, timeout=experiment_s, max_attempts=1)
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {0: "done", 1: "failed", 2: "done", 3: "failed", 4: "done", 5: "failed"}
    for x in (1, 3, 5):
        failure = study.failure(x)
        assert (failure["cause"], failure["unit"]) == ("timeout", blamed)
        assert "longer than its timeout" in failure["message"]


def test_a_clock_that_jumps_changes_no_time_limit(study):
    study.fault, study.timeout = jump, 30.0
    coordinator = study.run(before=jump, timeout=60.0)
    assert coordinator.exit_code == 0, coordinator.text
    assert set(study.states().values()) == {"done"}
    assert [study.runs(x) for x in range(6)] == [1] * 6


def test_a_clock_that_jumps_saves_no_unit_that_hangs(study):
    study.fault, study.timeout = hang, 1.0
    study.values = [0, 1, 2]
    coordinator = study.run(before=jump, max_attempts=1)
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {0: "done", 1: "failed", 2: "done"}
    assert study.failure(1)["cause"] == "timeout"


def hold_the_last(x, marks):
    """Let the last two experiments wait."""
    if x >= 4:
        hold(x, marks)


def test_what_ran_at_a_kill_does_not_look_as_if_it_ran_after_an_interrupted_resume(study, soon):
    study.fault = hold_the_last
    killed = study.start(tasks_per_worker=1)
    study.marks.wait("here-4")
    study.marks.wait("here-5")
    soon(lambda: study.state(4) == study.state(5) == "running", "both are known to run")
    killed.kill()
    study.check()
    study.marks.take("here-4")
    resumed = study.start(resume=True, workers=1)
    study.marks.wait("here-4")
    soon(lambda: study.state(4) == "running", "it is known to run")
    resumed.send(signal.SIGINT)
    soon(lambda: "SIGINT: nothing new is started" in resumed.text, "the first Ctrl-C is answered")
    resumed.send(signal.SIGINT)
    assert resumed.wait() == 130
    assert study.states() == {**dict.fromkeys(range(4), "done"), 4: "lost", 5: "queued"}


@pytest.mark.parametrize("point", ["workers-there", "settings-kept", "cleared-up"])
def test_ctrl_c_before_it_has_begun_leaves_nothing_half_done(study, point):
    def interrupt_at_the_point():
        def raise_there(name):
            if name == point:
                raise KeyboardInterrupt

        research_runner.running.preparing.fail_point = raise_there

    coordinator = study.start(before=interrupt_at_the_point)
    assert coordinator.wait() == 130
    assert not study.path.joinpath("research.lock").exists()
    assert study.path.exists() == (point != "workers-there")
