"""Modes of redirect_stdout and redirect_stderr."""

from __future__ import annotations

from pathlib import Path

import pytest

from research_runner.errors import OptionError
from research_runner.settings.arguments import parse_redirect
from research_runner.worker.output import STDERR, STDOUT, Redirect, Target, task_targets

NOTHING, COMMON, SEPARATE, BOTH = (
    Redirect(),
    Redirect(True, False),
    Redirect(False, True),
    Redirect(True, True),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, NOTHING), (False, NOTHING), (1, COMMON), (True, COMMON), (2, SEPARATE), (3, BOTH)],
)
def test_modes_with_dumped_results(value, expected):
    assert Redirect.parse(value, dump_results=True) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, NOTHING), (False, NOTHING), (2, SEPARATE), (True, SEPARATE)]
)
def test_modes_without_dumped_results(value, expected):
    assert Redirect.parse(value, dump_results=False) == expected


@pytest.mark.parametrize("value", [-1, 4, 1.0, "1", None, [1]])
def test_other_values_are_no_mode(value):
    with pytest.raises(OptionError, match=r"redirect_stderr: must be 0, 1, 2, 3, True or False"):
        parse_redirect("redirect_stderr", value)


def test_mode_is_true_when_something_is_redirected():
    assert [bool(mode) for mode in (NOTHING, COMMON, SEPARATE, BOTH)] == [False, True, True, True]


def test_targets_of_a_research_with_a_folder():
    targets = task_targets(BOTH, COMMON, Path("research"), Path("own"))
    assert targets == {
        STDOUT: Target(Path("research/stdout.txt"), Path("own/stdout.txt")),
        STDERR: Target(common=Path("research/stderr.txt")),
    }


def test_targets_of_a_research_in_memory_keep_the_text():
    assert task_targets(SEPARATE, NOTHING, None, None) == {STDOUT: Target(keep=True)}


def test_nothing_redirected_is_no_target():
    assert task_targets(NOTHING, NOTHING, Path("research"), Path("own")) == {}
