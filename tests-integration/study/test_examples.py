"""The example studies: their answers, folders and pictures, without a line of pandas."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name):
    """Run an example and return what it says, line by line."""
    program = [sys.executable, str(EXAMPLES / name)]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_digits_study_ends_with_a_ranking_and_a_picture():
    summary, header, *lines = run("digits.py")
    assert summary.startswith("75 done, 0 failed in ")
    assert header.split() == ["score", "std", "sem", "n", "failed", "config"]
    assert all("model=" in line for line in lines[:25]) and not lines[25]
    assert any(line.startswith("The best reads 9") and "'forest'" in line for line in lines)
    assert any(line.split() == ["model", "mean", "std", "max", "count", "failed"] for line in lines)
    (changed,) = (line for line in lines if line.startswith("score  ") and line.endswith("  B"))
    assert float(changed.split()[3]) > 0  # the forest is better
    assert Path("digits.png").read_bytes().startswith(b"\x89PNG")
    assert Path("digits/research.db").exists()


def test_three_models_are_compared_with_repetitions_and_the_best_is_made():
    lines = run("cells.py")
    assert lines[0].startswith("90 done, 0 failed in ") and max(map(len, lines)) <= 80
    models = {line.split()[1] for line in lines if line[:2] in ("0 ", "1 ", "2 ")}
    assert models >= {"regression", "neighbours", "forest"}
    (changed,) = (line for line in lines if line.startswith("missed ") and line.endswith("  scaled=True"))
    assert float(changed.split()[3]) < 0  # scaling helps
    assert any(line.startswith("Pipeline(steps=[") for line in lines)
    assert Path("cells.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["digits.py", "cells.py"])
def test_an_example_has_no_line_of_pandas(name):
    text = (EXAMPLES / name).read_text()
    assert "pandas" not in text and "pd." not in text
