"""The examples of the README run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples_of_the_readme():
    readme = Path(__file__).parents[1] / "README.md"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    results = doctest.testfile(str(readme), module_relative=False, optionflags=flags)
    assert results.attempted > 5
    assert results.failed == 0
