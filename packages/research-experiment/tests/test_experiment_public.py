"""What is public is exported, sorted, documented and imported cheaply."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import research_experiment

MODULES = [
    module.name
    for module in pkgutil.iter_modules(research_experiment.__path__)
    if not module.name.startswith("_")
]


def test_all_is_sorted_and_complete():
    names = research_experiment.__all__
    assert names == sorted(names)
    assert all(hasattr(research_experiment, name) for name in names)


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_is_public_and_the_package_tells_of_them(name):
    module = importlib.import_module(f"research_experiment.{name}")
    assert module.__doc__
    assert set(module.__all__) <= set(vars(module))
    assert name in ("namespaces", "builder", "storage") or f"``{name}``" in research_experiment.__doc__


def public_things():
    for name in research_experiment.__all__:
        thing = getattr(research_experiment, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            yield name, thing


@pytest.mark.parametrize(("name", "thing"), list(public_things()))
def test_everything_public_is_documented(name, thing):
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{attribute}"


def test_import_needs_numpy_and_the_domain_alone():
    code = (
        "import sys, research_experiment\n"
        "heavy = {'pandas', 'dill', 'multiprocess', 'tqdm', 'scipy', 'sqlite3', 'research_results'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_names_that_users_of_the_predecessor_know_are_there():
    builder = set(dir(research_experiment.Experiment))
    assert builder >= {
        "add_callable",
        "add_executable_unit",
        "add_generator",
        "add_instance",
        "add_namespace",
        "add_pipeline",
        "add_postfix",
        "copy",
        "dump",
        "get_method",
        "only_callables",
        "save",
    }
    running = set(dir(research_experiment.RunningExperiment))
    assert running >= {
        "config",
        "config_alias",
        "id",
        "index",
        "instances",
        "is_alive",
        "is_failed",
        "iteration",
        "last",
        "logger",
        "outputs",
        "path",
        "profile_info",
        "random",
        "results",
        "show_profile_info",
        "storage",
    }
