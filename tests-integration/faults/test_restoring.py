"""What units leave behind, state, memory or open objects, does not reach the next experiment."""

import ctypes
import gc
import os
import resource
import signal
import socket
import struct
import sys
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest

from research_stack import EC, EP, Domain, O, Research

RUNS = {
    "workers": {"workers": 1},
    "inline": {"parallel": False},
    "fork": {"workers": 1, "start_method": "fork"},
}
every_way = pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)


def look():
    """Return the state of this process that is promised to be as it was."""
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "directory": str(Path.cwd()),
        "environment": sorted(os.environ.items()),
        "umask": umask,
        "recursion": sys.getrecursionlimit(),
        "filters": list(map(str, warnings.filters)),
        "handler": signal.getsignal(signal.SIGUSR1),
        "limit": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "timeout": socket.getdefaulttimeout(),
        "open": (sys.stdout.closed, sys.stderr.closed),
    }


def spoil(x):
    """Return whether the state is that of the first experiment, and spoil it."""
    print("printed")
    before = look()
    Path("sub").mkdir(exist_ok=True)
    os.chdir("sub")
    os.environ["LEFT_BEHIND"] = "1"
    os.environ.pop("HOME", None)
    os.umask(0o77)
    sys.setrecursionlimit(500)
    warnings.simplefilter("error", RuntimeWarning)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    socket.setdefaulttimeout(5)
    sys.stdout.close()
    sys.stderr.close()
    return str(before)


@every_way
def test_an_experiment_finds_the_state_of_the_first(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = look()
    research = Research("study", Domain(x=[1, 2, 3])).add_callable("spoil", spoil, x=EC("x"), save_to="state")
    research.run(bar=False, redirect_stdout=2, **options)
    assert research.results.experiments["status"].tolist() == ["done"] * 3
    assert research.results.df["state"].nunique() == 1
    assert look() == before


def misuse_streams(x):
    """Write to both streams, close what is below them, and put others in their place."""
    print(f"out {x}")
    print(f"err {x}", file=sys.stderr)
    os.close(1)
    os.close(2)
    sys.stdout = None
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - it takes the place of what was closed
    return x


@pytest.mark.parametrize("caught", [{"redirect_stdout": 2}, {"redirect_stderr": 2}, {}])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the unit closes no file
def test_streams_are_open_and_ours_for_the_next_experiment(caught, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"redirect_stdout": False, "redirect_stderr": False, **caught}
    research = Research("study", Domain(x=list(range(5)))).add_callable(
        "misuse", misuse_streams, x=EC("x"), save_to="y"
    )
    research.run(workers=1, bar=False, **options)
    assert research.results.experiments["status"].tolist() == ["done"] * 5
    for option in caught:
        name = option.removeprefix("redirect_")
        paths = (tmp_path / "study" / "experiments").glob(f"*/{name}.txt")
        assert sorted(path.read_text() for path in paths) == [f"{name[3:]} {x}\n" for x in range(5)]


@every_way
def test_what_an_import_changes_stays(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setting_up.py").write_text("import os\nos.environ['SET_BY_IMPORT'] = 'yes'\n")
    monkeypatch.syspath_prepend(tmp_path)

    def unit(x):
        import setting_up  # noqa: F401

        return os.environ.get("SET_BY_IMPORT")

    try:
        research = Research("study", Domain(x=[1, 2, 3])).add_callable("unit", unit, x=EC("x"), save_to="y")
        assert research.run(bar=False, **options).results.df["y"].tolist() == ["yes"] * 3
    finally:
        sys.modules.pop("setting_up", None)
        os.environ.pop("SET_BY_IMPORT", None)


def give_up_root():
    """Let this process no longer raise hard limits, as one that is not root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    assert libc.capget(header, sets) == 0
    effective, permitted, *others = struct.unpack("6I", sets.raw)
    without = ~(1 << 24)  # CAP_SYS_RESOURCE
    assert libc.capset(header, struct.pack("6I", effective & without, permitted & without, *others)) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are those of Linux")
@pytest.mark.parametrize("start_method", ["forkserver", "fork"])
def test_worker_whose_hard_limit_was_lowered_is_replaced_at_no_cost(start_method, tmp_path, monkeypatch):
    def lower(x):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if x % 3 == 1:
            give_up_root()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, soft - 1))
        return (os.getpid(), (soft, hard))

    monkeypatch.chdir(tmp_path)
    research = Research("study", Domain(x=list(range(9)))).add_callable(
        "lower", lower, x=EC("x"), save_to="y"
    )
    research.run(workers=1, bar=False, max_attempts=1, start_method=start_method)
    experiments = research.results.experiments
    assert experiments["status"].tolist() == ["done"] * 9
    assert set(experiments["attempts"]) == {1}
    pids, found = zip(*research.results.df["y"], strict=True)
    assert set(found) == {resource.getrlimit(resource.RLIMIT_NOFILE)}
    assert len(set(pids)) == 4
    log = Path("study", "research.log").read_text()
    assert log.count("a worker is replaced by a fresh one") == 3
    assert "the hard limit of RLIMIT_NOFILE was lowered to" in log


class Large:
    """Data that notes how many of its kind are alive, in a cycle as models are."""

    alive = 0

    def __init__(self):
        self.me = self
        self.data = np.ones(4_000_000)
        Large.alive += 1
        weakref.finalize(self, Large.leave)

    @staticmethod
    def leave():
        Large.alive -= 1


def make_large(x):
    return Large()


def count_large(large):
    return Large.alive


@every_way
def test_cycles_of_users_are_collected_as_memory_grows(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gc.collect()
    Large.alive = 0
    research = (
        Research("study", Domain(x=list(range(30))))
        .add_callable("make", make_large, x=EC("x"))
        .add_callable("count", count_large, large=O("make"), save_to="alive")
    )
    gc.disable()  # only the product collects
    try:
        research.run(bar=False, **options)
    finally:
        gc.enable()
    assert research.results.df["alive"].max() < 12


class Plain:
    """Data that is in no cycle of the user's."""


@pytest.mark.parametrize("branches", [1, 2])
def test_no_cycle_of_ours_keeps_what_an_experiment_made(branches, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []

    def make(x):
        made = Plain()
        seen.append(weakref.ref(made))
        return sum(each() is not None for each in seen)

    def keep(x):
        kept = Plain()
        seen.append(weakref.ref(kept))
        return kept

    research = Research("study", Domain(x=list(range(6))))
    research.add_callable("keep", keep, x=EC("x")).add_callable("count", make, x=EC("x"), save_to="alive")
    gc.collect()
    gc.disable()
    try:
        research.run(bar=False, parallel=False, branches=branches, executor_target="for", dump_results=False)
    finally:
        gc.enable()
    assert research.results.df["alive"].max() <= 2 * branches


class Writer:
    """An instance that writes lines and never closes its file."""

    def __init__(self, path):
        self.file = open(path / "lines.txt", "w")  # noqa: SIM115, PTH123
        self.me = self

    def write(self, x):
        self.file.write(f"{x}\n" * 3)


@every_way
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the unit closes no file
def test_files_of_instances_are_written_to_their_end(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    research = Research("study", Domain(x=[1, 2]))
    research.add_instance("writer", Writer, path=EP()).add_callable("writer.write", x=EC("x")).save(
        EC("x"), "x"
    )
    research.run(bar=False, **options)
    texts = sorted(path.read_text() for path in (tmp_path / "study" / "experiments").glob("*/lines.txt"))
    assert texts == ["1\n" * 3, "2\n" * 3]
    del research
    gc.collect()  # here, where files that nobody closes are expected, and not in the next test


def test_files_that_stay_open_in_this_process_are_written_when_the_run_ends(tmp_path):
    left_open = []

    def write(x, path):
        left_open.append((path / "lines.txt").open("w"))
        left_open[-1].write(f"{x}\n")

    research = Research(tmp_path / "study", Domain(x=[1, 2]))
    research.add_callable("write", write, x=EC("x"), path=EP()).run(bar=False, parallel=False)
    with left_open[0], left_open[1]:
        assert [Path(file.name).read_text() for file in left_open] == ["1\n", "2\n"]
        assert not any(file.closed for file in left_open)


class Closing:
    """An instance that notes when it is closed."""

    def __init__(self, path):
        self.path = path

    def use(self):
        return (self.path / "closed").exists()

    def close(self):
        (self.path / "closed").touch()


@every_way
def test_instances_are_closed_before_their_experiment_is_done(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    research = Research("study", Domain(x=[1, 2]))
    research.add_instance("thing", Closing, path=EP()).add_callable("thing.use", save_to="closed")
    research.run(bar=False, **options)
    assert not research.results.df["closed"].any()
    assert len(list((tmp_path / "study" / "experiments").glob("*/closed"))) == 2


def test_a_forked_worker_does_not_know_of_resource_limits_before_a_unit_does(tmp_path, monkeypatch):
    """So that it needs not look at them after each task."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "resource")
    research = Research("limits", Domain(x=[1])).add_callable(
        "knows", lambda x: "resource" in sys.modules, x=EC("x"), save_to="y"
    )
    research.run(workers=1, start_method="fork", bar=False)
    assert research.results.df["y"].tolist() == [False]
