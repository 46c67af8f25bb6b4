"""Runs use the modules that their script has imported, from first to last."""

import importlib
import json
import linecache
import multiprocessing
import os
import shutil
import sqlite3
import sys
import uuid
from pathlib import Path

import pytest

from research_runner import StaleCodeError
from research_runner.errors import ChangedError
from research_runner.recording.code import versions_of
from research_runner.testing import wait_until
from research_stack import EC, Domain, Research
from research_stack.cli import main

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


def study(helper, count):
    """Return a study of so many experiments, whose units use a helper of the helper."""
    domain = Domain(x=list(range(1, count + 1)))
    return Research("study", domain).add_callable("unit", calls, x=EC("x"), helper=helper.scale, save_to="y")


def calls(x, helper):
    return helper(x)


TWICE = "def twice(x):\n    return 2 * x\n\ndef scale(x):\n    return 10 * twice(x)\n"


def test_a_changed_helper_of_a_helper_is_named_with_its_unit(helper):
    edit(helper, TWICE)
    study(importlib.reload(helper), 2).run(bar=False)
    edit(helper, "# moved\n" + TWICE)
    assert values(study(importlib.reload(helper), 2).run(bar=False, resume=True)) == [20, 40]
    assert "the code has changed: it was " in Path("study/research.log").read_text()
    edit(helper, TWICE.replace("2 * x", "3 * x"))
    with pytest.raises(ChangedError, match=f"'unit' uses '{helper.__name__}.twice', which has changed"):
        study(importlib.reload(helper), 3).run(bar=False, resume=True)


def test_experiments_know_which_code_they_ran_with(helper):
    first = study(helper, 2).run(bar=False, workers=2)
    versions = first.results.experiments["code"].tolist()
    assert versions == [first.results.meta["code"]] * 2
    edit(helper)
    second = study(importlib.reload(helper), 3).run(bar=False, resume="force")
    assert values(second) == [10, 20, 297]
    assert second.results.experiments["code"].tolist() == [*versions, second.results.meta["code"]]
    assert second.results.meta["code"] not in versions
    assert kept(helper, "study") == ["def scale(x):\n    return 99 * x\n"]
    assert [version.name for version in versions_of(Path("study"))] == [
        versions[0],
        second.results.meta["code"],
    ]


def test_the_code_of_a_research_is_shown(helper, capsys):
    study(helper, 2).run(bar=False)
    edit(helper)
    study(importlib.reload(helper), 3).run(bar=False, resume="force")
    edit(helper, "def scale(x):\n    return 55 * x\n")
    assert main(["show", "study", "--code"]) == 0
    text = capsys.readouterr().out
    assert ": 2 experiments, recorded " in text
    assert ": 1 experiment, recorded " in text
    shown = text.partition(f"# {helper.__name__} ({helper.__file__})\n")[2]
    assert shown.startswith("def scale(x):\n    return 99 * x\n")
    assert main(["show", "study", "--code", "--diff"]) == 0
    changes = [line for line in capsys.readouterr().out.splitlines() if line[:5] in ("-    ", "+    ")]
    assert changes == [
        f"{sign}    return {n} * x" for sign, n in (("-", 10), ("+", 99), ("-", 99), ("+", 55))
    ]


def test_what_cannot_be_shown_is_refused(helper, capsys):
    scaled(helper)
    assert main(["show", "scaled", "--diff"]) == 2
    shutil.rmtree("scaled/code")
    assert main(["show", "scaled", "--code"]) == 1
    assert "no code was recorded for 'scaled'" in capsys.readouterr().err


def test_a_loaded_research_goes_on_with_its_code_and_leaves_this_process_alone(helper):
    scaled(helper)
    edit(helper)
    sys.modules.pop(helper.__name__)
    finders = list(sys.meta_path)
    with sqlite3.connect("scaled/research.db") as database:
        database.execute("UPDATE experiments SET status = 'queued' WHERE position = 1")
    loaded = Research.load("scaled", trusted=True).run(bar=False)
    assert values(loaded) == [10, 20, 30]
    assert sys.meta_path == finders


@pytest.mark.parametrize("parallel", [True, False])
def test_what_this_process_imports_while_a_run_goes_on_is_recorded_too(helper, parallel):
    late = f"{helper.__name__}_late"
    Path(f"{late}.py").write_text("SIZE = 2\n")
    edit(
        helper,
        f"def more():\n    import {late}\n    return {late}.SIZE\n\ndef scale(x):\n    return x * more()\n",
    )
    importlib.reload(helper)

    def more():
        return Domain(x=[10 * helper.more()])

    def spoil():
        Path(f"{late}.py").write_text("broken(")

    research = Research("updated", Domain(x=[1])).add_callable("spoil", spoil)
    research.add_callable("scale", helper.scale, x=EC("x"), save_to="y").update_domain(more, when="%0")
    assert values(research.run(bar=False, parallel=parallel)) == [2, 40]
    sys.modules.pop(late)


def test_functions_that_an_update_brings_keep_their_identity_when_their_file_is_edited(helper):
    edit(helper, TWICE)
    importlib.reload(helper)

    def ids(name, text):
        edit(helper, TWICE)

        def unit(f):
            edit(helper, text)

        research = Research(name, Domain(f=[helper.scale])).add_callable("unit", unit, f=EC("f"))
        research.update_domain(lambda: Domain(f=[helper.twice, helper.scale]), when="%0").run(bar=False)
        return research.results.experiments["id"].tolist()

    assert ids("edited", "broken(") == ids("same", TWICE)


def test_lines_of_files_are_as_before_when_a_run_is_over(helper):
    linecache.getlines(helper.__file__)
    entry = linecache.cache[helper.__file__]
    scaled(helper)
    assert linecache.cache[helper.__file__] == entry
    linecache.cache.pop(helper.__file__)
    scaled(helper, "again")
    assert helper.__file__ not in linecache.cache
