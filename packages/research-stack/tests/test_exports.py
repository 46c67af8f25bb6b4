"""What users import comes from one place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import research_stack

PAGES = sorted(Path(__file__).parents[3].glob("docs/*.md"))
FOR_AUTHORS = ("backends.md", "design.md", "contributing.md", "gpus.md")


@pytest.mark.parametrize("name", research_stack.__all__)
def test_every_name_is_there(name):
    assert hasattr(research_stack, name)


def test_names_are_listed_before_anybody_asked_for_them_and_others_are_refused():
    assert set(research_stack.__all__) <= set(dir(research_stack))
    with pytest.raises(AttributeError, match="'research_stack' has no attribute 'Reserach'"):
        research_stack.Reserach
    with pytest.raises(ImportError, match="cannot import name 'Reserach'"):
        from research_stack import Reserach  # noqa: F401


def test_a_research_is_built_without_what_runs_it_and_expressions_are_known():
    code = """
import sys
from research_stack import EC, Domain, R, Research
research = Research(domain=Domain(x=[1])).add_callable('double', lambda x: 2 * x, x=EC('x'), save_to='y')
later = 'dill', 'research_experiment.execution', 'research_runner.backends', 'research_runner.worker.serving'
assert not [name for name in sys.modules if name.startswith(later)]
research.domain.set_update(lambda found: Domain(x=[found]), when=1, found=R().df)
class Table:
    results = type('Results', (), {'df': 7})
assert [config['x'] for config in research.domain.update(1, Table())] == [7]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", ["research_results", "research_runner"])
def test_packages_import_what_they_export_when_it_is_asked_for(package):
    code = f"""
import sys, {package}
assert set({package}.__all__) <= set(dir({package}))
assert "research_results.results" not in sys.modules and "research_runner.research" not in sys.modules
from {package} import *
assert all(name in globals() for name in {package}.__all__)
assert {package}.errors.__name__ == "{package}.errors"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not PAGES, reason="the docs are not installed with the package")
def test_what_pages_for_users_import_is_there():
    imported = {
        name.split(" as ")[0].strip(" ()\\")
        for page in PAGES
        if page.name not in FOR_AUTHORS
        for line in re.findall(
            r"^>>> from research_(?!search)\w+ import (.+)$", page.read_text(), re.MULTILINE
        )
        for name in line.split(",")
    }
    assert imported <= set(research_stack.__all__)
    assert {"Domain", "uniform", "Hook"} <= set(research_stack.__all__)
