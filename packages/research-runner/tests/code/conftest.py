"""A project of modules, made anew for each test."""

import importlib
import sys
import textwrap
import uuid

import pytest


class Project:
    """Modules in a folder that can be imported from; none of them is left when the test is over."""

    def __init__(self, folder):
        self.folder = folder
        self.name = f"project_{uuid.uuid4().hex[:8]}"

    def write(self, path, text=""):
        """Write a module; ``NAME`` stands for the name of the package of this project."""
        file = self.folder / path.replace("NAME", self.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).replace("NAME", self.name), "utf-8")
        return file

    def load(self, name):
        """Import a module."""
        importlib.invalidate_caches()
        return importlib.import_module(name.replace("NAME", self.name))

    def forget(self):
        """Let what is imported next be imported anew."""
        for name in list(sys.modules):
            if name.partition(".")[0] == self.name:
                del sys.modules[name]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return an empty project whose compiled files are not kept."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(tmp_path)
    yield made
    made.forget()
