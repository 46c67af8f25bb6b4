"""Every parameter of Research(...) and run() does something: a test for each that fails if it is ignored."""

import inspect
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from research_runner.errors import HopelessError
from research_runner.settings.parameters import PARAMETERS
from research_stack import EC, Domain, E, Executor, Research

TESTED = set()


def parameter(*names):
    """Note that a test is about some parameters."""
    TESTED.update(names)
    return lambda function: function


def study(**options):
    research = Research(**{"domain": Domain(x=[1, 2, 3, 4]), **options})
    return research.add_callable("square", lambda x: x * x, x=EC("x"), save_to="y")


def run(research, **options):
    return research.run(**{"bar": False, "dump_results": False, **options})


def pids(research):
    return research.results.df["pid"].tolist()


def with_pids(**options):
    research = Research(**{"domain": Domain(x=list(range(6))), **options})
    return research.add_callable("pid", lambda: __import__("os").getpid(), save_to="pid")


def meet(here, count):
    """Wait until so many processes have been here."""
    (here / str(os.getpid())).touch()
    deadline = time.monotonic() + 60
    while len(list(here.iterdir())) < count and time.monotonic() < deadline:
        time.sleep(0.01)


@parameter("self.name", "name", "dump_results")
def test_name_is_that_of_the_folder():
    research = study(name="first")
    research.run(bar=False)
    research.run("second", bar=False)
    assert research.name == "second"
    assert {path.name for path in Path.cwd().iterdir()} == {"first", "second"}


@parameter("dump_results")
def test_without_dump_results_there_is_no_folder(own_folder):
    assert len(run(study()).results.df) == 4
    assert not list(own_folder.iterdir())


@parameter("self.domain")
def test_domain_gives_the_configs():
    assert sorted(run(study(domain=Domain(x=[5, 6]))).results.df["y"]) == [25, 36]


@parameter("self.experiment")
def test_experiment_gives_the_units():
    base = study()
    assert run(Research(domain=Domain(x=[3]), experiment=base)).results.df["y"].tolist() == [9]


@parameter("self.n_configs")
def test_n_configs_is_the_number_of_configs():
    assert run(study(n_configs=2)).results.df["x"].tolist() == [1, 2]
    assert run(study(n_configs=6)).results.df["x"].tolist() == [1, 2, 3, 4, 1, 2]


@parameter("self.n_reps", "self.repeat_each")
def test_n_reps_repeats_blocks_of_repeat_each():
    assert run(study(n_reps=2)).results.df["x"].tolist() == [1, 2, 3, 4, 1, 2, 3, 4]
    assert run(study(n_reps=2, repeat_each=2)).results.df["x"].tolist() == [1, 2, 1, 2, 3, 4, 3, 4]


@parameter("self.namespaces")
def test_namespaces_are_searched_for_units():
    import math

    research = Research(domain=Domain(x=[4.0]), namespaces=[math]).sqrt(EC("x"), save_to="root")
    assert run(research).results.df["root"].tolist() == [2.0]


@parameter("workers")
def test_workers_is_the_number_of_processes(tmp_path):
    for workers in (1, 3):
        here = tmp_path / str(workers)
        here.mkdir()
        research = with_pids().add_callable("meet", meet, here=here, count=workers)
        assert len(set(pids(run(research, workers=workers)))) == workers


@parameter("workers", "branches")
def test_configs_of_workers_and_branches_reach_every_experiment():
    research = Research(domain=Domain(x=list(range(6)))).add_callable(
        "pair", lambda w, b: (w, b), w=EC("w"), b=EC("b"), save_to=["w_seen", "b_seen"]
    )
    frame = run(research, workers=[{"w": 1}, {"w": 2}], branches=[{"b": "l"}, {"b": "r"}]).results.df
    assert set(frame["w_seen"]) <= {1, 2}
    assert (frame["w"] == frame["w_seen"]).all()
    assert (frame["b"] == frame["b_seen"]).all()
    assert frame["b_seen"].tolist() == ["l", "r"] * 3


@parameter("branches", "executor_target")
def test_branches_run_together_in_threads_or_in_turn():
    def note(branches):
        import threading

        return threading.current_thread().name.partition("_")[0], len(branches)

    for target, name in (("threads", "branch"), ("t", "branch"), ("for", "MainThread"), ("f", "MainThread")):
        research = Research(domain=Domain(x=[1, 2])).add_callable(
            "note", note, branches=E(all=True), save_to=["thread", "n"]
        )
        frame = run(research, branches=2, executor_target=target).results.df
        assert frame["n"].tolist() == [2, 2]
        assert set(frame["thread"]) == {name}


@parameter("n_iters")
def test_n_iters_is_the_number_of_iterations():
    assert run(study(), n_iters=3).results.df["iteration"].tolist() == [0, 1, 2] * 4


@parameter("executor_class")
def test_executor_class_runs_the_tasks():
    class Doubling(Executor):
        def run(self):
            os.environ["DOUBLED"] = "yes"
            return super().run()

    research = Research().add_callable("look", lambda: __import__("os").environ.get("DOUBLED"), save_to="y")
    assert run(research, executor_class=Doubling).results.df["y"].tolist() == ["yes"]


@parameter("parallel")
def test_parallel_decides_about_the_process():
    assert set(pids(run(with_pids(), parallel=False))) == {os.getpid()}
    assert os.getpid() not in pids(run(with_pids()))


@parameter("backend")
def test_backend_decides_about_the_place():
    assert set(pids(run(with_pids(), backend="inline"))) == {os.getpid()}
    assert os.getpid() not in pids(run(with_pids(), backend="processes"))


@parameter("debug")
def test_debug_raises_to_the_caller():
    research = Research(domain=Domain(x=[0])).add_callable("invert", lambda x: 1 / x, x=EC("x"))
    with pytest.raises(ZeroDivisionError):
        run(research, debug=True, parallel=False, executor_target="for")
    run(research, parallel=False, executor_target="for")


@parameter("finalize")
@pytest.mark.parametrize("parallel", [True, False])
def test_finalize_decides_about_the_rest_of_an_iteration(parallel):
    for finalize in (True, False):
        research = Research(domain=Domain(x=[0])).add_callable("invert", lambda x: 1 / x, x=EC("x"))
        research.add_callable("after", lambda: "ran", save_to="after")
        frame = run(research, finalize=finalize, parallel=parallel).results.df
        assert ("after" in frame and frame["after"].tolist() == ["ran"]) is finalize


@parameter("git_meta")
def test_git_meta_is_stored(own_folder):
    for command in (
        ["init", "-q"],
        ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-q", "--allow-empty", "-m", "m"],
    ):
        subprocess.run(["git", *command], check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    study().run("without", bar=False)
    study().run("with", git_meta=True, bar=False)
    study().attach_git_meta().run("attached", bar=False)
    assert not Path("without/env").exists()
    for name in ("with", "attached"):
        texts = {path.stem: path.read_text() for path in Path(name, "env").iterdir()}
        assert texts["commit"].strip() == commit.strip()
        assert "diff" in texts
        assert "without/" in texts["status"]


@parameter("env_meta")
def test_env_meta_is_stored():
    study().run("with", env_meta=True, bar=False)
    study().attach_env_meta().run("attached", bar=False)
    for name in ("with", "attached"):
        texts = {path.stem: path.read_text() for path in Path(name, "env").iterdir()}
        assert "numpy==" + np.__version__ in texts["packages"]
        assert "Python" in texts["python"] or "3." in texts["python"]


@parameter("seed")
def test_seed_decides_about_everything_random():
    def noise(**options):
        research = Research(domain=Domain(x=[1, 2])).add_callable(
            "r", lambda g: g.random(), g=E().random, save_to="r"
        )
        return run(research, **options).results.df["r"].tolist()

    assert noise(seed=1) == noise(seed=1) != noise(seed=2)
    assert noise() != noise()


@parameter("profile")
def test_profile_measures(capsys):
    for level, columns in ((0, None), (1, {"unit"}), (True, {"unit"}), (2, {"unit", "function"})):
        research = run(study(), profile=level, workers=2)
        frame = research.profiler.profile_info
        assert len(frame) == 0 if level == 0 else set(frame["unit"]) == {"square"}
        assert ("function" in frame) == (level == 2)
        if level:
            shown = research.profiler.show_profile_info(per_experiment=True)
            assert len(shown) == 4


@parameter("create_id_prefix")
def test_create_id_prefix_makes_ids_that_sort():
    assert [each[:2] for each in run(study(), create_id_prefix=True).results.df["id"]] == [
        "0_",
        "1_",
        "2_",
        "3_",
    ]
    assert [each[:4] for each in run(study(), create_id_prefix=3).results.df["id"]] == [
        "000_",
        "001_",
        "002_",
        "003_",
    ]
    assert "_" not in run(study()).results.df["id"][0]


@parameter("max_attempts")
def test_max_attempts_is_how_often_a_death_is_survived():
    def die_at_first(x):
        with Path("tries").open("a") as file:
            file.write("x")
        if len(Path("tries").read_text()) < 3:
            os._exit(1)
        return x

    for attempts, status in ((2, "failed"), (3, "done")):
        Path("tries").unlink(missing_ok=True)
        research = Research(domain=Domain(x=[1])).add_callable("die", die_at_first, x=EC("x"))
        run(research, max_attempts=attempts)
        assert set(research.storage.statuses().values()) == {status}


@parameter("timeout")
def test_timeout_ends_a_task_that_takes_too_long():
    research = Research(domain=Domain(x=[0, 600])).add_callable(
        "sleep", lambda x: __import__("time").sleep(x), x=EC("x")
    )
    run(research, timeout=2, max_attempts=1, workers=2)
    assert [each["exception"].cause for each in research.monitor.exceptions] == ["timeout"]
    assert research.monitor.failed_experiments == 1


@parameter("tasks_per_worker")
def test_tasks_per_worker_is_when_a_worker_is_replaced():
    assert len(set(pids(run(with_pids(), tasks_per_worker=1)))) == 6
    assert len(set(pids(run(with_pids(), tasks_per_worker=3)))) == 2
    assert len(set(pids(run(with_pids(), tasks_per_worker=float("inf"))))) == 1


@parameter("start_method")
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_start_method_is_how_workers_are_started():
    def command():
        return Path("/proc/self/cmdline").read_text()

    def commands(method):
        research = Research().add_callable("command", command, save_to="command")
        return run(research, start_method=method).results.df["command"][0]

    ours = Path("/proc/self/cmdline").read_text()
    assert commands("fork") == ours
    assert "supervisor.py" in commands("forkserver")
    assert "spawned.py" in commands("spawn")
    assert commands("auto") != ours


@parameter("infinite")
def test_infinite_allows_a_domain_without_an_end():
    from research_domain import NumpySampler

    research = Research(domain=Domain(x=NumpySampler("normal"))).add_callable(
        "x", lambda x: x, x=EC("x"), save_to="y"
    )
    thread = threading.Thread(target=lambda: _end_after(research, 3))
    thread.start()
    run(research, infinite=True)
    thread.join()
    assert len(research.results.df) >= 3


def _end_after(research, count):
    while research._last is None or research.monitor.finished_experiments < count:
        threading.Event().wait(0.01)
    research.terminate()


@parameter("retry_on")
def test_retry_on_tries_again():
    def fail_once(x):
        first = not Path(f"seen-{x}").exists()
        Path(f"seen-{x}").touch()
        if first:
            raise (ConnectionError if x else ValueError)("once")
        return x

    research = Research(domain=Domain(x=[0, 1])).add_callable("fail", fail_once, x=EC("x"), save_to="y")
    run(research, retry_on=ConnectionError)
    assert research.monitor.failed_experiments == 1
    assert research.results.df["y"].dropna().tolist() == [1]


@parameter("canary")
def test_canary_gives_up_early():
    research = Research(domain=Domain(x=list(range(100)))).add_callable("fail", lambda x: [][x], x=EC("x"))
    with pytest.raises(HopelessError, match="the first 2 experiments all failed"):
        run(research, canary=2)
    assert run(research, canary=0).monitor.failed_experiments == 100


@parameter("resume", "retry_failed")
def test_resume_goes_on_and_retry_failed_runs_failures_again():
    def invert(x):
        with Path("calls").open("a") as file:
            file.write(f"{x} ")
        return 1 / x

    research = Research("resumed", Domain(x=[0, 1, 2])).add_callable("invert", invert, x=EC("x"), save_to="y")
    research.run(bar=False)
    research.run(resume=True, bar=False)
    assert sorted(Path("calls").read_text().split()) == ["0", "1", "2"]
    research.run(resume=True, retry_failed=True, bar=False)
    assert sorted(Path("calls").read_text().split()) == ["0", "0", "1", "2"]


TESTED.update(  # elsewhere
    {
        "detach",  # test_runner_detached
        "loglevel",  # test_runner_output
        "redirect_stdout",
        "redirect_stderr",
        "devices",  # test_runner_devices
        "memory_ratio",
        "n_gpu_checks",
        "gpu_check_delay",
        "bar",  # test_run_watching, beside the package
        "show",
        "quiet",  # test_run_failures, there as well
        "raise_on_failure",
        "threads",  # test_runner_libraries
        "strict_code",  # test_runner_code
        "hooks",  # test_runner_hooks
        "storage",  # test_runner_storages
        "seed_globals",  # test_run_seeds, beside the package
        "overwrite",  # test_runner_names
        "stop",  # test_runner_stopping
        "slots",
        "search",  # test_runner_searching
        "order",
        "budget",
    }
)


def test_no_parameter_is_without_a_test():
    wanted = {f"self.{name}" for name in inspect.signature(Research).parameters}
    wanted |= set(inspect.signature(Research.run).parameters) - {"self"}
    assert wanted == TESTED


def test_the_docs_have_the_table_of_parameters():
    page = Path(__file__).parents[2] / "docs" / "running.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    assert rows[-len(PARAMETERS) :] == [
        f"| `{each.name}` | {each.type} | `{each.default!r}` | {each.sentence.replace('``', '`')} |"
        for each in PARAMETERS
    ]


def test_options_are_recorded_with_the_results():
    study().run("recorded", workers=2, n_iters=2, seed=5, bar=False)
    meta = json.dumps(dict(Research.load("recorded").meta), default=str)
    for part in ('"entropy": 5', '"workers": 2', '"n_iters": 2'):
        assert part in meta
