"""What is public is exported, documented, typed and shown to work."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import research_results
from research_results import FolderStorage, MemoryStorage, ResearchResults, ResearchStorage

PACKAGE = Path(research_results.__file__).parent
README = Path(__file__).parents[1] / "README.md"


def test_every_public_name_is_exported_sorted_and_documented():
    names = research_results.__all__
    assert names == sorted(names)
    for name in names:
        assert name == "__version__" or inspect.getdoc(getattr(research_results, name))
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("kind", [ResearchResults, FolderStorage, MemoryStorage, ResearchStorage])
def test_every_public_method_is_documented(kind):
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_"):
            assert inspect.getdoc(member), name


@pytest.mark.skipif(not README.exists(), reason="tested without the sources")
def test_the_readme_shows_real_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testfile(str(README), module_relative=False, optionflags=flags)
    assert result.attempted > 3 and result.failed == 0


def test_importing_and_writing_need_no_pandas(tmp_path):
    code = """
import sys
from research_results import ResearchStorage
with ResearchStorage(sys.argv[1]) as storage:
    storage.put('a', {'x': {0: 1.0, 1: [1, (2,)]}})
    storage.results.load_results()
print(sorted({'pandas', 'dill', 'matplotlib', 'pyarrow', 'research_experiment'} & set(sys.modules)))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "research")], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"


def test_encoding_builtin_values_needs_no_numpy():
    code = """
import sys
from research_results.codec.encoding import encode
rows = encode({'x': {0: 1.0, 1: [1, (2,)], 5: 2j, 6: True, 9: 3, 11: 4}, 'y': {3: 1, 5: 2}})
print([(row[1], row[2], row[5]) for row in rows], {'numpy', 'pandas', 'dill'} & set(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kinds = [("tree", 1, None), ("float", 1, None), ("complex", 1, None), ("bool", 1, None), ("int", 2, None)]
    assert ended.stdout == f"{[*kinds, ('int', 2, None)]} set()\n"


def test_only_one_module_unpickles():
    modules = [f"import {name}" for name in ("dill", "pickle", "marshal", "shelve")]
    doors = [*modules, "allow_pickle=True)", "loads(data)"]
    holders = {path.name for path in PACKAGE.rglob("*.py") if any(door in path.read_text() for door in doors)}
    assert holders == {"pickles.py"}


def test_results_name_their_researches_and_filters():
    first, second = (ResearchResults("memory", dump_results=False) for _ in range(2))
    for each in (first, second):
        each.put("a", {"loss": {0: 1.0}}, {"lr": 1})
    assert repr(first) == "ResearchResults('memory')"
    assert repr(ResearchResults([first, second], lr=1)) == "ResearchResults(['memory', 'memory (2)'], lr=1)"
