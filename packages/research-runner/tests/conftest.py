"""What the tests of the runner share; property tests are the same every time."""

import importlib.metadata

import pytest
from hypothesis import settings

settings.register_profile("runner", deadline=None, derandomize=True)
settings.load_profile("runner")

_entry_points = importlib.metadata.entry_points


def _without_storages(*, group, **names):
    return () if group == "research.storages" else _entry_points(group=group, **names)


@pytest.fixture
def plain(monkeypatch):
    """Keep results in the plain in-memory storage, as if no package offered another one."""
    monkeypatch.setattr("importlib.metadata.entry_points", _without_storages)
