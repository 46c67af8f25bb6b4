"""Functions and classes of unguarded scripts, notebooks and closures run under every start method."""

import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from research_runner.pool.errors import TravelError
from research_stack import EC, Domain, Research

CODE = """
import enum
from dataclasses import dataclass
from research_stack import EC, E, O, Domain, Research

OFFSET = 100

class Mode(enum.Enum):
    PLAIN = 1
    TWICE = 2

@dataclass
class Model:
    rate: int
    steps: int = 0
    def step(self):
        self.steps += self.rate
        return self.steps

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

def scaled(factor):
    def scale(x):
        return factor * x + OFFSET
    return scale

research = (
    Research('travels', Domain(x=[1, 2], kind=list(Mode)))
    .add_instance('model', Model, rate=EC('x'))
    .add_callable('model.step', save_to='steps')
    .add_callable('closure', scaled(3), x=EC('x'), save_to='closure')
    .add_callable('lambda', lambda x, kind: x * kind.value, x=EC('x'), kind=EC('kind'), save_to='lambda')
    .add_callable(even, n=EC('x'), save_to='even')
)
research.run(workers=2, start_method=METHOD, seed=1, bar=False)
table = research.results.df
print(table['steps'].tolist(), table['closure'].tolist(), table['lambda'].tolist(), table['even'].tolist())
"""
ANSWER = "[1, 1, 2, 2] [103, 103, 106, 106] [1, 2, 2, 4] [False, False, True, True]"


def test_an_unguarded_script_runs(start_method):
    Path("script.py").write_text(CODE.replace("METHOD", repr(start_method)))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout.strip() == ANSWER


def test_a_notebook_runs(start_method):
    cells = [nbformat.v4.new_code_cell(CODE.replace("METHOD", repr(start_method)))]
    cells.append(
        nbformat.v4.new_code_cell("research.run('again', workers=2, bar=True).monitor.finished_experiments")
    )
    cells.append(nbformat.v4.new_code_cell("research"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    first, second, third = notebook.cells
    printed = [each["text"] for each in first.outputs if each.get("name") == "stdout"]  # a fork warns as well
    assert "".join(printed).strip() == ANSWER
    assert second.outputs[-1]["data"]["text/plain"] == "4"
    assert "4 done, 0 failed" in "".join(each.get("text", "") for each in second.outputs)
    assert "<table" in third.outputs[0]["data"]["text/html"]


def test_what_cannot_travel_is_named_before_anything_is_written(start_method, own_folder, traces):
    class Holder:
        def __init__(self):
            self.stream = (number for number in range(3))

    thing = Holder()
    research = Research("stuck", Domain(x=[1])).add_callable("fine", lambda x: x, x=EC("x"))
    research.add_callable("train", lambda x: thing.stream, x=EC("x"))
    with pytest.raises(TravelError) as caught:
        research.run(start_method=start_method, bar=False)
    assert "unit 'train'" in str(caught.value)
    assert "stream" in str(caught.value)
    assert not Path("stuck").exists()
    del research, caught
    traces.check()


def test_a_config_value_that_cannot_travel_is_an_error_that_says_so(own_folder):
    research = Research("stuck", Domain(x=[(i for i in range(3))])).add_callable("f", lambda x: 1, x=EC("x"))
    with pytest.raises(Exception, match=r"generator"):
        research.run(bar=False)


def test_a_module_beside_the_script_is_imported_by_workers(start_method):
    Path("mine.py").write_text("def double(x):\n    return 2 * x\n")
    Path("script.py").write_text(
        "from mine import double\n"
        "from research_stack import *\n"
        "research = Research('doubles', Domain(x=[1, 2])).add_callable(double, x=EC('x'), save_to='y')\n"
        f"print(research.run(start_method={start_method!r}, bar=False).results.df['y'].tolist())\n"
    )
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("[2, 4]", "")


def test_a_script_from_another_folder_runs():
    Path("sub").mkdir()
    Path("sub/helper.py").write_text("def triple(x):\n    return 3 * x\n")
    Path("sub/script.py").write_text(
        "from helper import triple\n"
        "from research_stack import *\n"
        "research = Research('triples', Domain(x=[1])).add_callable(triple, x=EC('x'), save_to='y')\n"
        "print(research.run(bar=False, start_method='spawn').results.df['y'].tolist())\n"
    )
    done = subprocess.run([sys.executable, "sub/script.py"], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("[3]", "")


def test_workers_draw_different_numbers_even_from_the_global_generators(start_method):
    research = Research("numbers", Domain(x=list(range(6)))).add_callable(
        "draw", lambda: __import__("numpy").random.random(), save_to="y"
    )
    research.run(workers=3, tasks_per_worker=1, start_method=start_method, bar=False)
    assert research.results.df["y"].nunique() == 6


def test_workers_share_what_a_manager_keeps(start_method):
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        research = Research("shared", Domain(x=[1, 2])).add_callable(
            "note", lambda x, shared: shared.update({x: 10 * x}), x=EC("x"), shared=shared
        )
        research.save(EC("x"), "x").run(start_method=start_method, bar=False)
        assert dict(shared) == {1: 10, 2: 20}


def test_an_event_of_the_script_is_refused_before_anything_is_made():
    stop = threading.Event()
    research = Research("waits", Domain(x=[1])).add_callable("wait", lambda: stop.wait(1), save_to="y")
    with pytest.raises(TravelError, match=r"unit 'wait': .*stop.* threading.Event"):
        research.run(bar=False)
    assert not Path("waits").exists()
    stop.set()
    assert research.run(parallel=False, bar=False).results.df["y"].tolist() == [True]
