"""Runs use the modules that their script has imported, from first to last."""

import importlib
import json
import multiprocessing
import os
import sys
import uuid
from pathlib import Path

import pytest

from research_runner import StaleCodeError
from research_runner.testing import wait_until
from research_stack import EC, Domain, Research

FIRST = "def scale(x):\n    return 10 * x\n"


@pytest.fixture
def helper(monkeypatch):
    """Return a module of the current folder that is imported here."""
    name = f"helper_{uuid.uuid4().hex[:8]}"
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    Path(f"{name}.py").write_text(FIRST)
    importlib.invalidate_caches()
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def edit(helper, text="def scale(x):\n    return 99 * x\n"):
    Path(helper.__file__).write_text(text)


def scaled(helper, name="scaled", **options):
    """Run a study that scales numbers, and return it."""
    research = Research(name, Domain(x=[1, 2, 3])).add_callable("scale", helper.scale, x=EC("x"), save_to="y")
    return research.run(bar=False, **options)


def values(research):
    return research.results.df["y"].tolist()


WAYS = {
    "processes": {"workers": 2},
    "fork": {"start_method": "fork"},
    "inline": {"parallel": False},
    "memory": {"dump_results": False},
    "detached": {"detach": True},
}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_module_that_was_edited_and_not_imported_again_is_refused(helper, options):
    edit(helper)
    with pytest.raises(StaleCodeError, match=helper.__name__):
        scaled(helper, **options)
    assert not Path("scaled").exists()


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_module_that_was_touched_or_put_back_is_not(helper, options):
    edit(helper)
    edit(helper, FIRST)
    os.utime(helper.__file__, (0, 0))
    research = scaled(helper, **options)
    wait_until(lambda: research.is_finished)
    assert values(research) == [10, 20, 30]


@pytest.mark.parametrize(("options", "factor"), [({"workers": 2}, 99), ({"parallel": False}, 10)])
def test_lenient_runs_warn_and_take_what_the_files_hold(helper, options, factor):
    edit(helper)
    with pytest.warns(UserWarning, match=f"changed since this process imported it: '{helper.__name__}'"):
        research = scaled(helper, strict_code=False, **options)
    assert values(research) == [factor, 2 * factor, 3 * factor]
    assert kept(helper) == ["def scale(x):\n    return 99 * x\n"]


def kept(helper, folder="scaled"):
    """Return the contents of a module in the record of the last version."""
    version = json.loads(Path(folder, "research.json").read_text())["meta"]["code"]
    listing = json.loads(Path(folder, "code", f"{version}.json").read_text())
    return [
        Path(folder, "code", each["content"]).read_text()
        for each in listing["modules"]
        if each["name"] == helper.__name__
    ]


def test_what_no_unit_reaches_may_change(helper):
    edit(helper)
    research = Research("other", Domain(x=[1])).add_callable("plain", lambda x: x, x=EC("x"), save_to="y")
    assert values(research.run(bar=False)) == [1]


def test_a_reloaded_module_is_what_workers_import(helper):
    assert values(scaled(helper, "before")) == [10, 20, 30]
    edit(helper)
    importlib.reload(helper)
    assert values(scaled(helper, "after")) == [99, 198, 297]


def test_children_that_a_unit_forks_import_what_the_worker_does(helper):
    def unit(x, name):
        Path(f"{name}.py").write_text("broken(")
        with multiprocessing.get_context("fork").Pool(1) as pool:
            return pool.apply(use, (name, x))

    name = helper.__name__
    research = Research("forks", Domain(x=[1])).add_callable("unit", unit, x=EC("x"), name=name, save_to="y")
    research.add_callable("scale", helper.scale, x=EC("x"))  # so that the module is reached
    assert values(research.run(bar=False)) == [10]


def use(name, x):
    return importlib.import_module(name).scale(x)
