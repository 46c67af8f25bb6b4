"""What the package shows: names, documentation, entry points, imports."""

import importlib.metadata
import inspect
import subprocess
import sys

import research_search


def test_every_public_name_is_exported_and_documented():
    names = set(research_search.__all__)
    for name in names - {"__version__"}:
        assert inspect.getdoc(getattr(research_search, name)), name
    visible = {
        name
        for name, value in vars(research_search).items()
        if name[0] != "_" and not inspect.ismodule(value)
    }
    assert visible == names - {"__version__"}


def test_searches_are_found_by_name():
    found = {entry.name: entry for entry in importlib.metadata.entry_points(group="research.searches")}
    for name in ("tpe", "random", "qmc", "nsga2", "cmaes", "gp"):
        assert found[name].load()("error").objectives[0].variable == "error"


def test_importing_it_does_not_import_optuna():
    code = "import sys, research_search; assert research_search.TPE('error'); print('optuna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
