"""Pools that units open: they work with functions of the script, whatever starts their processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from research_stack import EC, Domain, Research

SCRIPT = """
import dataclasses
import enum
import json
import logging
import multiprocessing
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import multiprocess

import helper
from research_stack import EC, Domain, Research

with open("begun", "a") as file:
    file.write("x")

logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger("research").setLevel(logging.CRITICAL)
OFFSET, BROKEN = 100, None


@dataclasses.dataclass
class Point:
    x: int


class Color(enum.Enum):
    RED = 1


def shifted(n):
    logging.getLogger("child").info("child %s", n)
    return n * n + OFFSET


def moved(point):
    return Point(point.x + helper.step())


def is_red(color):
    return color is Color.RED


def set_offset(value):
    global OFFSET
    OFFSET = value


def feed(queue, data):
    for item in data:
        queue.put(item)


class Data:
    def __iter__(self):
        return iter([OFFSET, OFFSET + 1])


def nested(n):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(shifted, [n]))


def uses_broken(n):
    return next(BROKEN)


def pools(kind):
    global BROKEN
    context = multiprocessing.get_context(kind)
    found = {}
    with context.Pool(1) as pool:
        found["functions"] = pool.map(shifted, [1, 2])
        found["classes"] = pool.map(moved, [Point(1)]) == [Point(8)]
        found["enums"] = pool.map(is_red, [Color.RED])
    with ProcessPoolExecutor(1, mp_context=context, initializer=set_offset, initargs=(5,)) as pool:
        found["initializer"] = list(pool.map(shifted, [1]))
    queue = context.Queue()
    process = context.Process(target=feed, args=(queue, Data()), daemon=True)
    process.start()
    found["loader"] = [queue.get(timeout=60), queue.get(timeout=60)]
    process.join()
    with multiprocess.get_context(kind).Pool(1) as pool:
        found["multiprocess"] = pool.map(shifted, [3])
    if kind == "spawn":
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found["nested"] = list(pool.map(nested, [1]))
        BROKEN = (number for number in range(3))
        with context.Pool(1) as pool:
            try:
                pool.map(uses_broken, [1])
            except Exception as error:
                found["broken"] = str(error)
        BROKEN = None
    return json.dumps(found)


options = json.loads(sys.argv[1])
research = Research("study", Domain(kind=["fork", "spawn", "forkserver"]))
research.add_callable("pools", pools, kind=EC("kind"), save_to="found")
research.run(bar=False, max_attempts=1, canary=0, redirect_stderr=1, quiet=True, **options)
with open("found.json", "w") as file:
    json.dump(dict(zip(research.results.df["kind"], research.results.df["found"])), file)
print(research.results.failures["message"].tolist(), file=sys.stderr)
"""

RUNS = {
    "workers": {"timeout": 120},
    "spawn": {"start_method": "spawn", "timeout": 120},
    "fork": {"start_method": "fork", "timeout": 120},
    "inline": {"parallel": False},
}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_pools_inside_units_find_what_the_script_defines(own_folder, options):
    """The script has no guard: nothing may run it a second time."""
    Path("helper.py").write_text("def step():\n    return 7\n")
    Path("script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path("begun").read_text() == "x"
    found = {kind: json.loads(text) for kind, text in json.loads(Path("found.json").read_text()).items()}
    assert sorted(found) == ["fork", "forkserver", "spawn"], done.stderr
    assert "uses_broken" in found["spawn"].pop("broken")
    assert found["spawn"].pop("nested") == [[101]]
    for each in found.values():
        assert each == {
            "functions": [101, 104],
            "classes": True,
            "enums": [True],
            "initializer": [6],
            "loader": [100, 101],
            "multiprocess": [109],
        }
    logged = Path("study/stderr.txt").read_text() + done.stderr  # inline, processes of their own write there
    assert logged.count("child 3\n") == 3


def test_processes_of_a_pool_import_recorded_modules(own_folder, monkeypatch):
    Path("helper.py").write_text("def step():\n    return 1\n")
    monkeypatch.syspath_prepend(own_folder)
    import helper

    def pooled(x, step):
        import multiprocessing

        Path("helper.py").write_text("def step():\n    return 2\n")
        return [_step_in(multiprocessing.get_context(kind)) for kind in ("fork", "spawn", "forkserver")]

    research = Research("study", Domain(x=[1])).add_callable(pooled, x=EC("x"), step=helper.step, save_to="y")
    assert research.run(bar=False, timeout=60).results.df["y"].tolist() == [[1, 1, 1]]
    sys.modules.pop("helper")


def _step_in(context):
    with context.Pool(1) as pool:
        return pool.apply(_step)


def _step():
    import helper

    return helper.step()


@pytest.mark.parametrize("kind", ["spawn", "forkserver"])
def test_processes_of_a_pool_end_with_their_worker(own_folder, kind):
    def leave(kind):
        import multiprocessing

        process = multiprocessing.get_context(kind).Process(target=_sleep)
        process.start()
        while not Path("pid").exists():
            time.sleep(0.01)
        os._exit(3)

    research = Research("study", Domain(kind=[kind])).add_callable(leave, kind=EC("kind"))
    research.run(bar=False, max_attempts=1, timeout=60)
    assert research.results.failures["cause"].tolist() == ["exit"]
    assert not psutil.pid_exists(int(Path("pid").read_text()))


def _sleep():
    Path("pid.new").write_text(str(os.getpid()))
    Path("pid.new").rename("pid")
    time.sleep(600)
