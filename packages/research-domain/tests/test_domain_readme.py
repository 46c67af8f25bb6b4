"""The examples of the README."""

import doctest
from pathlib import Path


def test_examples_of_the_readme_are_true():
    readme = Path(__file__).parents[1] / "README.md"
    results = doctest.testfile(str(readme), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted > 5
    assert results.failed == 0
