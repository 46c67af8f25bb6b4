"""What the tests of the runner share."""

import pytest


@pytest.fixture
def plain(monkeypatch):
    """Keep results in the plain in-memory storage, as if no package offered another one."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: ())
