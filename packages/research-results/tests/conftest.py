"""Both storages, empty and open, for every test that asks for one; property tests are the same every time."""

import builtins
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from research_results import FolderStorage, MemoryStorage

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile(
    "results", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("results")


@pytest.fixture(params=["folder", "memory"])
def storage(request, tmp_path):
    made = (
        MemoryStorage.create() if request.param == "memory" else FolderStorage.create(tmp_path / "research")
    )
    with made:
        yield made


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close what a test has drawn: pyplot keeps figures until then."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def without(monkeypatch):
    """Return a function after whose call a package is not installed."""

    def hide(package):
        def refuse(name, *args, **kwargs):
            if name.partition(".")[0] == package:
                raise ImportError(name)
            return whole(name, *args, **kwargs)

        whole = builtins.__import__
        monkeypatch.setattr(builtins, "__import__", refuse)

    return hide


@pytest.fixture
def folder(tmp_path):
    with FolderStorage.create(tmp_path / "research") as made:
        yield made
