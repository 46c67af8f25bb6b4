"""Which modules the units of a run reach."""

import functools
import importlib
import json
import sys
from types import FunctionType

import numpy
import pytest

from research_runner.code.finding import find_modules, imported_names, reached_names
from research_runner.code.importing import RecordedFinder, installed_for
from research_runner.code.reading import Reading


def found(project, *values):
    """Return the names of the modules that are found, with ``NAME`` for that of the project."""
    modules = find_modules(reached_names(values), Reading())
    return sorted(name.replace(project.name, "NAME") for name in modules)


def script_function(text, **names):
    """Return what a script calls `made`: a function that travels by value."""
    space = {"__name__": "__main__", **names}
    exec(compile(text, "<script>", "exec"), space)
    assert isinstance(space["made"], FunctionType)
    space["made"].__module__ = "__main__"
    return space["made"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (b"import a", {"a"}),
        (b"import a.b as c, d", {"a", "d"}),
        (b"from a.b import (\n    c,\n    d,\n)", {"a"}),
        (b"from . import a\nfrom .b import c", set()),
        (b"def f():\n    import a\n\n\tfrom b import c", {"a", "b"}),
        (b"if True: import a; import b", {"a", "b"}),
        (b"try:\r\n    import a\r\nexcept ImportError:\r\n    pass", {"a"}),
        (b"importlib.import_module('a.b'); __import__(\"c\")", {"a", "c"}),
        (b"import_module(f'a.{name}')", {"a"}),
        (b"important = 'this imports nothing'", set()),
        (b"import a", {"a"}),
        ("import größe".encode(), {"größe"}),
    ],
)
def test_source_says_what_it_imports(source, names):
    assert imported_names(source) == names


def test_of_a_package_all_modules_are_found_and_what_they_import(project):
    project.write("NAME/__init__.py")
    project.write("NAME/units.py", "def unit(x):\n    return x\n")
    project.write("NAME/deep/__init__.py", "import NAME_beside\n")
    project.write("NAME/deep/other.py")
    project.write("NAME/plain/inside.py")
    project.write("NAME/data/numbers.csv", "1,2\n")
    project.write("NAME_beside.py", "def late():\n    import NAME_late\n")
    project.write("NAME_late.py")
    project.write("NAME_unrelated.py")
    assert found(project, project.load("NAME.units").unit) == [
        *("NAME", "NAME.deep", "NAME.deep.other", "NAME.plain", "NAME.plain.inside", "NAME.units"),
        *("NAME_beside", "NAME_late"),
    ]


def test_what_an_installer_has_put_beside_is_not_the_users_own(project):
    project.write("NAME_units.py", "import NAME_theirs, NAME_single, NAME_mine\ndef unit(x): return x\n")
    project.write("NAME_theirs/__init__.py")
    project.write("NAME_single.py")
    project.write("NAME_mine.py")
    project.write("NAME_theirs-1.0.dist-info/RECORD", "NAME_theirs/__init__.py,,\nNAME_single.py,,\n")
    assert found(project, project.load("NAME_units").unit) == ["NAME_mine", "NAME_units"]


REACHING = {
    "a function": lambda module: module.function,
    "a class": lambda module: module.Kind,
    "an instance": lambda module: module.Kind(),
    "a method": lambda module: module.Kind().method,
    "a partial": lambda module: functools.partial(module.function, 1),
    "a cache": lambda module: functools.lru_cache(module.function),
    "an instance inside of another one": lambda module: [{"a": (FunctionType, numpy.array, module.Kind())}],
    "a global of a function of the script": lambda module: script_function(
        "def made():\n  return f(1)", f=module.function
    ),
    "a module of the script": lambda module: script_function("made = lambda: m.function(1)", m=module),
    "a default": lambda module: script_function("def made(f=f): ...", f=module.function),
    "a closure": lambda module: lambda: module.function,
    "a name that a function of the script puts together": lambda module: script_function(
        f"def made(x):\n  return import_module(f'{module.__name__}.{{x}}')"
    ),
    "an import in a function of the script": lambda module: script_function(
        f"def made():\n  def inner():\n    from {module.__name__} import function\n  return inner"
    ),
}


@pytest.mark.parametrize("value", REACHING.values(), ids=REACHING)
def test_a_module_is_reached_by(project, value):
    project.write("NAME.py", "def function(x): ...\nclass Kind:\n    def method(self): ...\n")
    assert found(project, value(project.load("NAME"))) == ["NAME"]


def test_what_is_installed_or_comes_with_python_is_not_found(project):
    assert found(project, numpy.mean, json.dumps, find_modules, RecordedFinder, sys, len) == []


def test_a_namespace_package_has_the_modules_of_all_of_its_folders(project, tmp_path, monkeypatch):
    other = tmp_path / "other"
    monkeypatch.syspath_prepend(str(other))
    project.write("NAME/one.py", "def unit(): ...\n")
    project.write("other/NAME/two.py")
    modules = find_modules(reached_names([project.load("NAME.one").unit]), Reading())
    assert sorted(modules) == [project.name, f"{project.name}.one", f"{project.name}.two"]
    assert sorted(modules[project.name].folders) == sorted(
        [str(tmp_path / project.name), str(other / project.name)]
    )


def test_an_extension_module_stands_before_the_source_beside_it(project):
    from importlib.machinery import EXTENSION_SUFFIXES

    project.write("NAME/__init__.py", "def unit(): ...\n")
    project.write("NAME/fast.py")
    project.write(f"NAME/fast{EXTENSION_SUFFIXES[0]}", "not loaded")
    assert found(project, project.load("NAME").unit) == ["NAME"]


def test_a_link_to_the_package_inside_of_it_is_not_followed_for_ever(project, tmp_path):
    project.write("NAME/__init__.py", "def unit(): ...\n")
    (tmp_path / project.name / "again").symlink_to(tmp_path / project.name)
    assert found(project, project.load("NAME").unit) == ["NAME", "NAME.again"]


def test_objects_that_do_not_let_themselves_be_looked_at_are_passed_over(project):
    project.write("NAME.py", "def function(x): ...\n")

    class Hostile:
        __slots__ = ("empty",)

        def __getattribute__(self, name):
            raise RuntimeError(name)

        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    assert found(project, [Hostile(), project.load("NAME").function]) == ["NAME"]


def test_in_a_process_with_a_record_modules_are_those_of_the_record(project):
    file = project.write("NAME.py", "def function(x): return 1\n")
    record = find_modules([project.name], Reading())
    with installed_for(record.values()):
        file.write_text("broken(")
        reading = Reading()
        again = find_modules(reached_names([project.load("NAME").function]), reading)
    assert again == record
    assert reading.changed == {}


def test_a_module_that_was_reloaded_since_is_not_that_of_a_record_in_force(project):
    file = project.write("NAME.py", "def function(x): return 1\n")
    module = project.load("NAME")
    record = find_modules([project.name], Reading())
    with installed_for(record.values()):
        file.write_text("def function(x): return 2\n")
        importlib.reload(module)
        again = find_modules([project.name], Reading())
    assert again[project.name].source == b"def function(x): return 2\n"
