"""What users import comes from one place."""

import re
from pathlib import Path

import pytest

import research_stack

PAGES = sorted(Path(__file__).parents[3].glob("docs/*.md"))
FOR_AUTHORS = ("backends.md", "design.md", "contributing.md", "gpus.md")


@pytest.mark.parametrize("name", research_stack.__all__)
def test_every_name_is_there(name):
    assert hasattr(research_stack, name)


@pytest.mark.skipif(not PAGES, reason="the docs are not installed with the package")
def test_what_pages_for_users_import_is_there():
    imported = {
        name.split(" as ")[0].strip(" ()\\")
        for page in PAGES
        if page.name not in FOR_AUTHORS
        for line in re.findall(r"^>>> from research_\w+ import (.+)$", page.read_text(), re.MULTILINE)
        for name in line.split(",")
    }
    assert imported <= set(research_stack.__all__)
    assert {"Domain", "uniform", "Hook"} <= set(research_stack.__all__)
