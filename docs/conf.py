"""Configuration of Sphinx."""

import re
import subprocess
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

project = "research"
author = "The research developers"
copyright = "The research developers"
release = installed_version("research-stack")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
suppress_warnings = ["ref.python"]  # attributes of one name in several classes, which no text refers to
html_theme = "furo"
html_title = f"research {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the numpy docstrings say them
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True


def draw_pictures(app):
    """Run the pages that show pictures, which draws them from studies that really ran.

    The tag `drawn` says that all pages have just been run.
    """
    if app.tags.has("drawn"):
        return
    folder = Path(app.srcdir)
    pages = [page for page in sorted(folder.glob("*.md")) if re.search(r"\]\(_pictures/", page.read_text())]
    subprocess.run([sys.executable, "-m", "pytest", "-q", *map(str, pages)], check=True, cwd=folder.parent)


def setup(app):
    app.connect("builder-inited", draw_pictures)
