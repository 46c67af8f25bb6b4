"""Runs the examples of every page; one namespace per page, in a folder of its own."""

import os
import shutil
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.myst import DocTestDirectiveParser, PythonCodeBlockParser

PICTURES = Path(__file__).parent / "_pictures"

os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """Run a page in an empty folder; the pictures that it leaves there are those that it shows."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("page")
    os.chdir(folder)
    yield
    os.chdir(before)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
    PICTURES.mkdir(exist_ok=True)
    for picture in folder.glob("*.png"):
        shutil.copy(picture, PICTURES)


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
        DocTestDirectiveParser(optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
    ],
    patterns=["*.md"],
    fixtures=["own_folder"],
).pytest()
