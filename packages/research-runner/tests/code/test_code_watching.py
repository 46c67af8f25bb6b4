"""Whether the files of modules hold what was imported."""

import importlib
import os
import sys

import pytest

from research_runner.code import watching
from research_runner.code.finding import find_modules
from research_runner.code.reading import Reading
from research_runner.code.record import CodeRecord, StaleCodeWarning
from research_runner.errors import StaleCodeError

SOURCE = """
import functools

LIMIT = 1
RATES = {"low": 1}
STEPS = [1, 2]

def function(x):
    return x + LIMIT

def wrap(wrapped):
    @functools.wraps(wrapped)
    def wrapper(*args):
        return wrapped(*args)
    return wrapper

class Kind:
    @property
    def size(self): return 1
    @staticmethod
    def make(): return 2
    @wrap
    def wrapped(self): return 3
"""

EDITS = {
    "a constant": ("LIMIT = 1", "LIMIT = 2"),
    "a dict": ('"low": 1', '"low": 2'),
    "a list": ("[1, 2]", "[1, 3]"),
    "a function": ("return x + LIMIT", "return x - LIMIT"),
    "a property": ("return 1", "return 4"),
    "a static method": ("return 2", "return 4"),
    "a wrapped method": ("return 3", "return 4"),
    "a new function": ("class Kind", "def more(): ...\n\nclass Kind"),
    "an error of syntax": ("return 3", "return 3("),
}


def changed(project):
    """Return which modules of the project are not what was imported."""
    reading = Reading()
    find_modules([project.name], reading)
    return sorted(name.replace(project.name, "NAME") for name in reading.changed)


@pytest.fixture(params=["seen", "unseen"])
def is_seen(request):
    """Imports were seen, or happened before anybody looked."""
    return request.param == "seen"


@pytest.fixture
def module(project, is_seen):
    """Return a module that has been imported."""
    project.write("NAME.py", SOURCE)
    loaded = project.load("NAME")
    if not is_seen:
        watching._NOTES.pop(project.name, None)
    return loaded


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_noticed_and_a_reload_counts_as_import(project, module, edit):
    assert changed(project) == []
    project.write("NAME.py", SOURCE.replace(*edit))
    assert changed(project) == ["NAME"]
    if "3(" not in edit[1]:
        importlib.reload(module)
        assert changed(project) == []


def test_a_touched_or_restored_file_is_no_change(project, module):
    file = project.write("NAME.py", SOURCE)
    os.utime(file, (0, 0))
    assert changed(project) == []


def test_what_a_module_has_collected_since_is_no_change(project, module):
    module.RATES["high"] = 2
    module.STEPS.append(3)
    project.write("NAME.py", SOURCE)
    assert changed(project) == []


def test_what_a_notebook_has_changed_in_place_is_what_was_imported(project, monkeypatch):
    project.write("NAME.py", SOURCE)
    module = project.load("NAME")
    edited = project.write("NAME.py", "# a remark\n" + SOURCE.replace("x + LIMIT", "x - LIMIT"))
    monkeypatch.setitem(sys.modules, "IPython.extensions.autoreload", object())
    assert changed(project) == ["NAME"]
    parts = compile("def function(x):\n    return x - LIMIT\n", str(edited), "exec").co_consts
    module.function.__code__ = next(part for part in parts if hasattr(part, "co_code"))
    assert changed(project) == []


def test_a_reload_that_fails_is_no_import(project, module):
    project.write("NAME.py", "broken(")
    with pytest.raises(SyntaxError):
        importlib.reload(module)
    assert changed(project) == ["NAME"]
    project.write("NAME.py", SOURCE)
    assert changed(project) == []


def test_a_removed_file_is_a_change(project, module):
    project.write("NAME.py").unlink()
    importlib.invalidate_caches()
    assert changed(project) == ["NAME"]


def test_a_removed_module_of_a_package_is_a_change(project):
    project.write("NAME/__init__.py")
    file = project.write("NAME/inner.py")
    project.load("NAME.inner")
    file.unlink()
    assert changed(project) == ["NAME.inner"]


def test_a_file_that_was_not_imported_may_change(project):
    project.write("NAME/__init__.py")
    project.write("NAME/inner.py", "VALUE = 1\n")
    project.load("NAME")
    project.write("NAME/inner.py", "VALUE = 2\n")
    assert changed(project) == []


def test_a_global_that_was_set_by_hand_is_no_change_of_the_file(project):
    project.write("NAME.py", SOURCE)
    project.load("NAME").LIMIT = 5
    assert changed(project) == []


def test_asking_where_a_module_is_does_not_count_as_an_import(project):
    project.write("NAME.py", SOURCE)
    project.load("NAME")
    project.write("NAME.py", SOURCE.replace("LIMIT = 1", "LIMIT = 2"))
    for finder in sys.meta_path:
        finder.find_spec(project.name, None)
    assert changed(project) == ["NAME"]


def test_modules_that_were_there_before_are_noted_unless_their_files_are_newer(project, monkeypatch):
    project.write("NAME_a.py", "VALUE = 1\n")
    project.write("NAME_b.py", "VALUE = 1\n")
    names = [project.load(name).__name__ for name in ("NAME_a", "NAME_b")]
    monkeypatch.setattr(watching, "_NOTES", {})
    watching._note_loaded(since=(project.folder / f"{names[0]}.py").stat().st_ctime_ns)
    assert watching.noted(names[0]) is None
    watching._note_loaded(since=float("inf"))
    assert watching.noted(names[0]) is not None


def test_a_strict_record_names_what_has_changed_and_a_lenient_one_warns(project):
    file = project.write("NAME.py", SOURCE)
    module = project.load("NAME")
    project.write("NAME.py", SOURCE + "\n# a remark\n")
    with pytest.raises(StaleCodeError, match=project.name) as caught:
        CodeRecord.of([module.function])
    assert caught.value.modules == ((project.name, str(file)),)
    with pytest.warns(StaleCodeWarning, match=project.name):
        record = CodeRecord.of([module.function], strict=False)
    assert record.modules[0].source == file.read_bytes()
