"""Workers, their children and coordinators that die in every way there is."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

import research_runner.pool.worker_pool
from research_runner.system.death import DeathExaminer
from research_stack import Research

METHODS = ["fork", "forkserver", "spawn"]


def hold(x, marks):
    """Say who is here, and wait."""
    marks.set(f"here-{x}", os.getpid())
    marks.wait("go on")


def hold_with_child(x, marks):
    """Have a child that left the session, and a grandchild; wait."""
    script = f"{sys.executable} -c 'import time; time.sleep(1000)' & sleep 1000"
    child = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    marks.set(f"child-{x}", child.pid)
    hold(x, marks)


def run_child(x, marks):
    """Depend on a child process."""
    child = subprocess.Popen(["sleep", "1000"])
    marks.set(f"child-{x}", child.pid)
    if child.wait():
        raise ChildProcessError(f"my child ended with {child.returncode}")


def segfault(x, marks):
    ctypes.string_at(0)


def abort(x, marks):
    os.abort()


def leave(x, marks):
    os._exit(0)


def sys_exit(x, marks):
    sys.exit(3)


def keyboard_interrupt(x, marks):
    raise KeyboardInterrupt("not from a keyboard")


def kill(pid):
    os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
def test_a_busy_worker_is_killed(study, once, method):
    study.fault = once(hold)
    coordinator = study.start(start_method=method)
    kill(study.marks.wait("here-2"))
    assert coordinator.wait() == 0
    assert set(study.states().values()) == {"done"}
    assert study.runs(2) == 2
    assert {x: study.runs(x) for x in range(6) if x != 2} == dict.fromkeys([0, 1, 3, 4, 5], 1)


def test_an_idle_worker_is_killed(study, always, soon):
    study.fault = always(hold, at=0)
    coordinator = study.start()
    busy = study.marks.wait("here-0")
    soon(lambda: all(study.state(x) == "done" for x in range(1, 6)), "the others end")
    kill(study.marks.wait("pid-5"))
    study.marks.take("here-0")
    kill(busy)  # so that a worker is needed again
    study.marks.wait("here-0")
    study.marks.set("go on")
    assert coordinator.wait() == 0
    assert set(study.states().values()) == {"done"}
    assert study.runs(0) == 2


@pytest.mark.parametrize("method", METHODS)
def test_the_coordinator_is_killed(study, once, method):
    study.fault = once(hold_with_child)
    coordinator = study.start(start_method=method)
    study.reach_the_middle()
    assert coordinator.kill() == -signal.SIGKILL


def test_the_only_process_is_killed(study, once):
    study.fault = once(hold)
    coordinator = study.start(parallel=False, workers=1, start_method="auto")
    study.marks.wait("here-2")
    coordinator.kill()


def test_a_detached_coordinator_is_killed(study, always, soon):
    study.fault = always(hold)
    starter = study.start(detach=True)
    assert starter.wait() == 0, starter.text
    study.reach_the_middle()
    far = Research.load("study")
    assert not far.is_finished
    kill(far.meta["owner"]["pid"])
    starter.exit_code = -signal.SIGKILL  # that of the one it started, which is nobody's child
    study.check()
    soon(lambda: far.is_finished, "it is known to be gone")


def test_the_supervisor_of_the_workers_is_killed(study, always):
    study.fault = always(hold)
    coordinator = study.start()
    study.reach_the_middle()
    study.marks.take("here-2")
    (supervisor,) = psutil.Process(coordinator.pid).children()
    supervisor.kill()
    study.marks.wait("here-2")
    study.marks.set("go on")
    assert coordinator.wait() == 0, coordinator.text
    assert set(study.states().values()) == {"done"}
    assert study.runs(2) == 2


def take_a_while(x, marks):
    """Let one branch take longer than anybody may lose, and the next one wait."""
    if x == 3:
        time.sleep(0.15)
    elif x == 4:
        hold(x, marks)


def test_the_coordinator_is_killed_when_one_branch_of_a_task_has_ended(study, soon):
    study.options.update(branches=3, executor_target="for")
    study.fault = take_a_while
    coordinator = study.start()
    study.marks.wait("here-4")
    soon(lambda: study.state(3) == "done", "a branch of the same task has ended")
    coordinator.kill()
    study.check()
    study.resume()
    assert (study.runs(3), study.runs(4)) == (1, 2)


def test_the_coordinator_is_killed_after_an_update_of_its_domain(study, always):
    study.more = [10, 11, 12, 13]
    study.marks.set("fickle")  # another answer would be given now
    study.fault = always(hold, at=11)
    coordinator = study.start()
    study.reach_the_middle(11)
    coordinator.kill()
    study.resume()
    assert study.marks.counted("asked") == 1


def test_the_coordinator_is_killed_that_drew_its_seed(study, always, tmp_path_factory):
    del study.options["seed"]
    study.fault, study.whole = always(hold), False
    coordinator = study.start()
    study.reach_the_middle()
    coordinator.kill()
    entropy = study.results.meta["entropy"]
    study.resume()
    twin = study.undisturbed(tmp_path_factory.mktemp("twin"))
    assert twin.run(seed=entropy).exit_code == 0
    study.check_whole(twin.table())


def test_the_coordinator_is_killed_when_branches_share_a_root(study, always):
    study.parts |= {"root"}
    study.options.update(branches=3)
    study.fault = always(hold, at=4)
    coordinator = study.start()
    study.marks.wait("here-4")
    coordinator.kill()


def test_the_coordinator_is_killed_while_it_resumes(study, always):
    study.fault = always(hold)
    coordinator = study.start()
    study.reach_the_middle()
    coordinator.kill()
    study.check()
    for _ in range(2):
        study.marks.take("here-2")
        again = study.start(resume=True)
        study.reach_the_middle()
        again.kill()
        study.check()


def test_a_child_of_a_worker_is_killed(study, once):
    study.fault = once(run_child)
    coordinator = study.start()
    kill(study.marks.wait("child-2"))
    assert coordinator.wait() == 0
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: "failed"}
    failure = study.failure(2)
    assert (failure["cause"], failure["type"], failure["unit"]) == ("exception", "ChildProcessError", "work")
    assert "my child ended with -9" in failure["message"]


@pytest.mark.parametrize(
    ("death", "cause", "words"),
    [(segfault, "signal", "SIGSEGV"), (abort, "signal", "SIGABRT"), (leave, "exit", "code 0")],
)
def test_a_unit_takes_its_worker_with_it(study, always, death, cause, words):
    study.fault = always(death)
    coordinator = study.run()
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: "failed"}
    failure = study.failure(2)
    assert failure["cause"] == cause
    assert words in failure["message"]
    assert study.runs(2) == 2


def test_a_worker_that_the_kernel_killed_for_its_memory_is_failed_with_its_peak(study, always, own_folder):
    counter = own_folder / "kernel" / "proc" / "vmstat"
    counter.parent.mkdir(parents=True)
    counter.write_text("oom_kill 4\n")

    def run_out_of_memory(x, marks):
        counter.write_text(f"oom_kill {5 + marks.counted('deaths')}\n")
        marks.count("deaths")
        os.kill(os.getpid(), signal.SIGKILL)

    def read_our_counter():
        research_runner.pool.worker_pool.DeathExaminer = partial(DeathExaminer, own_folder / "kernel")

    study.fault = always(run_out_of_memory)
    coordinator = study.start(before=read_our_counter)
    assert coordinator.wait() == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: "failed"}
    failure = study.failure(2)
    assert failure["cause"] == "memory"
    assert re.search(r"out-of-memory killer.*; peak memory \d+ MiB$", failure["message"])
    assert study.runs(2) == 2


@pytest.mark.parametrize(
    ("fault", "name"), [(sys_exit, "SystemExit"), (keyboard_interrupt, "KeyboardInterrupt")]
)
def test_a_unit_raises_what_ends_other_programs(study, always, fault, name):
    study.fault = always(fault)
    coordinator = study.run()
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: "failed"}
    failure = study.failure(2)
    assert (failure["cause"], failure["type"], failure["unit"]) == ("exception", name, "work")
    assert study.runs(2) == 1


def test_a_keyboard_interrupt_of_a_unit_in_this_process_ends_the_run(study, always):
    study.fault = always(keyboard_interrupt)
    coordinator = study.run(parallel=False, workers=1, start_method="auto")
    assert coordinator.exit_code == 130, coordinator.text
    assert study.states() == {0: "done", 1: "done", 2: "lost"}


def test_a_death_costs_the_branches_of_the_task_an_attempt(study, once):
    study.fault = once(segfault)
    coordinator = study.run(branches=3, executor_target="for", workers=1)
    assert coordinator.exit_code == 0, coordinator.text
    assert set(study.states().values()) == {"done"}


@pytest.mark.parametrize("target", ["for", "threads"])
def test_a_branch_that_always_takes_its_worker_with_it_fails_alone(study, always, target):
    study.fault = always(segfault)
    coordinator = study.run(branches=3, executor_target=target, workers=1)
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: "failed"}


def test_everything_of_a_killed_worker_is_gone_while_the_run_goes_on(study, once, soon):
    study.fault = once(hold_with_child)
    coordinator = study.start()
    child = int(study.marks.wait("child-2"))
    kill(study.marks.wait("here-2"))
    soon(lambda: not psutil.pid_exists(child), "the child goes with its worker")
    assert coordinator.wait() == 0
    assert set(study.states().values()) == {"done"}


def fail_to_connect(x, marks):
    raise ConnectionError("busy")


@pytest.mark.parametrize(("errors", "status", "runs"), [(ConnectionError, "done", 2), ((), "failed", 1)])
def test_an_exception_is_tried_again_only_if_that_was_asked_for(study, once, errors, status, runs):
    study.fault = once(fail_to_connect)
    coordinator = study.run(retry_on=errors)
    assert coordinator.exit_code == 0, coordinator.text
    assert study.states() == {**dict.fromkeys(range(6), "done"), 2: status}
    assert study.runs(2) == runs


def test_what_an_interrupted_attempt_left_is_moved_aside(study, always, soon):
    study.fault = always(hold)
    coordinator = study.start()
    study.marks.wait("here-2")
    soon(lambda: study.state(2) == "running", "it is known to run")
    (who,) = study.results.load_configs(config={"x": 2})
    study.path.joinpath("experiments", who, "half").write_text("of an artifact")
    coordinator.kill()
    study.resume()
    assert study.path.joinpath("interrupted", f"{who}-1", "half").read_text() == "of an artifact"
    assert not study.path.joinpath("experiments", who, "half").exists()


def speak(x, marks):
    """Print which attempt this is, also from a child; hang in the first one of an experiment."""
    print(f"attempt of {x}, calm: {'calm' in marks}", flush=True)
    os.system(f"echo child of {x}")
    if x == 2 and "calm" not in marks:
        hold(x, marks)


def test_what_an_interrupted_attempt_printed_is_not_taken_for_that_of_another(study):
    study.value, study.parts = lambda x, marks: speak(x, marks) or x, set()
    coordinator = study.start(redirect_stdout=2)
    study.marks.wait("here-2")
    coordinator.kill()
    study.resume(redirect_stdout=2, workers=1)  # so that nobody uses what the second worker has left
    outputs = [path.read_text() for path in sorted(study.path.glob("experiments/*/stdout.txt"))]
    texts = {x: [f"attempt of {x}, calm: {calm}\nchild of {x}\n" for calm in (False, True)] for x in range(6)}
    for x, allowed in texts.items():
        (output,) = (each for each in outputs if f"of {x}" in each)
        assert output in allowed[x == 2 :]
    assert not study.path.joinpath("spool").exists()
