"""The files and folders that the pages for contributors name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/design.md"])
def test_files_that_are_named_exist(page):
    rows = re.findall(r"^\| .*", (ROOT / page).read_text(), re.MULTILINE)
    named = set(re.findall(r"`([\w/-]+(?:\.py|/))`", "\n".join(rows)))
    paths = [f"/{path.relative_to(ROOT)}/" for path in ROOT.glob("packages/*/src/**/*")]
    assert len(named) > 10
    assert [
        name
        for name in sorted(named)
        if not (ROOT / name).exists()
        and not any(path.endswith(f"/{name.rstrip('/')}/") for path in paths)
        and name not in ("src/", "tests/")
    ] == []
