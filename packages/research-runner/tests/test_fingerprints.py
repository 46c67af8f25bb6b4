"""What counts as a change of a unit between two runs, and what does not."""

import datetime
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from research_experiment import EC, Experiment
from research_runner.recording.fingerprints import changed_units, unit_fingerprints

PREFIX = "from functools import partial\n"


def made(source, **names):
    """Return what a piece of code calls `made`."""
    namespace = dict(names)
    exec(compile(PREFIX + source, "<source>", "exec"), namespace)
    return namespace["made"]


def prints(function, **options):
    """Return the fingerprints of an experiment of one unit."""
    return unit_fingerprints(Experiment().add_callable("unit", function, **options).build())


CLOSURE = "def outer(a):\n  def made():\n    return a\n  return made\nmade = outer({})"
CLASS = "class Model:\n  def fit(self):\n    return {}\nmade = Model().fit"

CHANGES = {
    "constant": ("made = lambda: 1", "made = lambda: 2"),
    "name": ("made = lambda: one()", "made = lambda: two()"),
    "operator": ("made = lambda a=1: a + 1", "made = lambda a=1: a - 1"),
    "default": ("def made(a=1): ...", "def made(a=2): ..."),
    "keyword-only default": ("def made(*, a=1): ...", "def made(*, a=2): ..."),
    "closure": (CLOSURE.format(1), CLOSURE.format(2)),
    "inner function": ("made = lambda: (lambda: 1)", "made = lambda: (lambda: 2)"),
    "method": (CLASS.format(1), CLASS.format(2)),
    "partial": ("made = partial(int, 1)", "made = partial(int, 2)"),
    "builtin": ("made = len", "made = max"),
}


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_another_function_is_a_change_and_the_same_one_is_none(before, after):
    was = prints(made(before))
    assert changed_units(was, prints(made(before))) == ()
    assert changed_units(was, prints(made(after))) == ("'unit' has changed",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"args": [1]}, {"args": [2]}),
        ({"a": EC("x")}, {"a": EC("y")}),
        ({"a": {"b": [1, (2,)]}}, {"a": {"b": [1, (3,)]}}),
        ({"a": {1, 2}}, {"a": {1, 3}}),
        ({"when": 1}, {"when": "last"}),
        ({"save_to": "x"}, {"save_to": "y"}),
        ({"a": partial(max, 1)}, {"a": partial(max, 2)}),
        ({"a": np.arange(5000)}, {"a": np.where(np.arange(5000) == 2500, 0, np.arange(5000))}),
        ({"a": [np.zeros(2)]}, {"a": [np.zeros(2, "f4")]}),
        ({"a": datetime.date(2020, 1, 1)}, {"a": datetime.date(2020, 1, 2)}),
        ({"a": EC("x") + np.arange(2)}, {"a": EC("x") + np.arange(1, 3)}),
        ({"a": EC("x").get({"k": np.arange(5000)})}, {"a": EC("x").get({"k": np.zeros(5000)})}),
    ],
    ids=str,
)
def test_other_arguments_are_a_change(before, after):
    was = prints(max, **before)
    assert changed_units(was, prints(max, **before)) == ()
    assert changed_units(was, prints(max, **after)) == ("'unit' has changed",)


def test_comments_lines_and_objects_of_the_same_type_are_no_change():
    before = prints(made("def made(a):\n  return a"), a=object())
    after = prints(made("# a comment\n\ndef made(a):\n\n  return a  # another one"), a=object())
    assert changed_units(before, after) == ()


def test_what_was_added_and_removed_is_named():
    assert changed_units({"a": "1", "b": "1"}, {"b": "1", "c": "1"}) == ("'a' was removed", "'c' was added")


def test_a_value_that_holds_itself_has_a_fingerprint():
    circular = [1]
    circular.append(circular)
    assert prints(max, args=[circular]) == prints(max, args=[circular])


def test_fingerprints_are_the_same_in_every_process():
    code = (
        "from research_experiment import Experiment\n"
        "from research_runner.recording.fingerprints import unit_fingerprints\n"
        "unit = lambda a, b={'x', 'y', 'z'}: a in {'one', 'two', 'three'}\n"
        "print(unit_fingerprints(Experiment().add_callable('unit', unit, a={'p', 'q', 'r'}).build()))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1
