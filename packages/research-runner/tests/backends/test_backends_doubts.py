"""An agent of Ray that is said to be gone is held until Ray has shown that it goes on."""

import threading

import pytest

from research_runner.backends.cluster.ray import doubts
from research_runner.backends.cluster.ray.doubts import Doubts
from research_runner.backends.cluster.transport import Gone
from research_runner.testing import wait_until

GONE = Gone(3, "its host is gone")


def settled(held):
    """Wait for what is settled first."""
    found = []
    wait_until(lambda: found.extend(held.settled()) or found)
    return found


def test_agent_is_gone_once_the_engine_has_shown_that_it_goes_on():
    answers = iter([False, False, True])
    held = Doubts(lambda: next(answers), hold_s=0)
    held.hold(GONE)
    assert settled(held) == [GONE]
    assert list(answers) == []
    assert held.settled() == []


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("nobody listens"), RuntimeError("nobody listens\nat all")]
)
def test_engine_that_cannot_be_asked_is_lost(error):
    def ask():
        raise error

    held = Doubts(ask, hold_s=0)
    held.hold(GONE)
    with pytest.raises(ConnectionError, match=r"^its host is gone; nobody listens$"):
        settled(held)


def test_engine_that_never_says_yes_is_believed_to_go_on_in_the_end(monkeypatch):
    monkeypatch.setattr(doubts, "_DOUBT_S", 0)
    held = Doubts(lambda: False, hold_s=0)
    held.hold(GONE)
    assert settled(held) == [GONE]


def test_nobody_is_asked_once_it_is_closed():
    asked = []
    held = Doubts(lambda: bool(asked.append(1)), hold_s=60)
    held.hold(GONE)
    held.close()
    for thread in threading.enumerate():
        if thread.name == "research-doubt":
            thread.join()
    assert asked == held.settled() == []
