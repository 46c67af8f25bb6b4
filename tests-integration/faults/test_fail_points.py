"""A process is killed at each fail point that there is in the code; what is left is resumed."""

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

import research_results
import research_runner
from research_runner.searching import Verdict
from research_stack import ConfigAlias, MedianStop, Research

SOURCES = [
    path
    for package in (research_runner, research_results)
    for path in sorted(Path(package.__file__).parent.rglob("*.py"))
]
CALL = re.compile(r'^ +fail_point\("([\w-]+)"\)$', re.MULTILINE)
POINTS = sorted({name for path in SOURCES for name in CALL.findall(path.read_text())})


def leave_twice(x, marks):
    """Let an experiment lose a worker in every run until all is calm, so that its files are moved away."""
    if x == 1 and marks.counted("deaths") < 2:
        marks.count("deaths")
        os._exit(7)


@pytest.fixture
def changing(study):
    """A study with an update of its domain, large values, an experiment that is tried again, and a rule."""
    study.more = [10, 11, 12, 13]
    study.fault = leave_twice
    study.options["max_attempts"] = 5
    study.options.update(slots=3, stop=MedianStop("noise", steps="%0", startup=2))
    return study


def armed(study, point, passes):
    """Return what arms a fail point once, and leave the token."""
    study.marks.set("token")
    return f"{point}:{passes}:{study.marks.folder / 'token'}"


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_fail_point_and_another_one_when_it_resumes_lose_nothing(changing, point):
    coordinator = changing.start(fail_point=armed(changing, point, 1))
    assert coordinator.wait() in (0, -signal.SIGKILL), coordinator.text
    assert "token" not in changing.marks, "the point was not reached"
    changing.check()
    again = changing.start(fail_point=armed(changing, point, 2), resume=True)
    assert again.wait() in (0, -signal.SIGKILL), again.text


@dataclass(frozen=True)
class Nearby:
    """A search that goes on from the best value that it was told, and ends what is worse than it."""

    size: int

    def make(self, context):
        return NearbySearch(self.size)


class NearbySearch:
    variables, steps = ("noise",), "%0"

    def __init__(self, size):
        self.size, self.told = size, []

    def begin(self, domain, history):
        self.told = list(history)

    def ask(self, question):
        done = [(told.values, told.config.config()["x"]) for told in self.told if told.values]
        near = min(done)[1] if done and question.seed % 2 else 0
        return ConfigAlias({"x": (near + question.seed) % self.size})

    def report(self, number, step, values, seen):
        best = min((told.values for told in self.told[:seen] if told.values), default=values)
        return Verdict.STOP if values > best and number % 2 else Verdict.CONTINUE

    def tell(self, told):
        self.told.append(told)


PASSES = {"answered": 3, "decided": 3, "heard": 3, "in-commit": 1, "reported": 3, "tasks-sent": 3}


@pytest.mark.parametrize("point", PASSES)
def test_a_search_that_is_killed_and_goes_on_decides_as_if_nothing_had_happened(study, point):
    study.values = list(range(9))
    study.options.update(search=Nearby(9), slots=3)
    study.start(fail_point=armed(study, point, PASSES[point])).wait()
    assert "token" not in study.marks, "the point was not reached"
    study.check()
    again = study.start(fail_point=armed(study, point, 2), resume=True, workers=3)
    assert again.wait() in (0, -signal.SIGKILL), again.text


def test_what_was_killed_goes_on_without_its_script(changing):
    changing.start(fail_point=armed(changing, "after-commit", 3)).wait()
    changing.check()
    changing.marks.set("calm")
    coordinator = changing.launch(lambda: Research.load("study", trusted=True).run(resume=True, bar=False))
    assert coordinator.wait() == 0, coordinator.text
    assert set(changing.states().values()) == {"done"}
