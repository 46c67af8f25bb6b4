"""The command ``research resume``: going on without the script."""

import json
import subprocess
import sys

import pytest

from research_stack import EC, Domain, Research, ResearchResults
from research_stack.cli import main


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A research in the current folder, two of whose four experiments fail until there is a file `mended`."""
    monkeypatch.chdir(tmp_path)
    mended = tmp_path / "mended"

    def work(x):
        if x % 2 and not mended.exists():
            raise RuntimeError("not mended yet")
        return x * 10

    research = Research("study", Domain(x=[0, 1, 2, 3])).add_callable("work", work, x=EC("x"), save_to="y")
    research.run(parallel=False, bar=False)
    return research


def test_resume_leaves_failed_experiments_and_says_so(study, capsys):
    assert main(["resume", "study"]) == 1
    captured = capsys.readouterr()
    assert "2 done, 2 failed" in captured.out
    assert "research show study --failures" in captured.err


def test_resume_retries_failed_experiments_when_asked(study, tmp_path):
    (tmp_path / "mended").touch()
    assert main(["resume", "study", "--retry-failed"]) == 0
    assert study.results.df["y"].tolist() == [0, 10, 20, 30]


def test_resume_refuses_what_has_changed_unless_forced(study, tmp_path, capsys):
    path = tmp_path / "study" / "research.json"
    description = json.loads(path.read_text())
    description["meta"]["units"]["work"] = "another"
    path.write_text(json.dumps(description))
    assert main(["resume", "study"]) == 1
    assert "'work' has changed" in capsys.readouterr().err
    (tmp_path / "mended").touch()
    assert main(["resume", "study", "--retry-failed", "--force"]) == 0


def test_resume_without_what_was_run_says_what_to_do(study, tmp_path, capsys):
    (tmp_path / "study" / "settings.dill").unlink()
    assert main(["resume", "study"]) == 1
    assert "run(resume=True)" in capsys.readouterr().err


HELPERS = """
from pathlib import Path

def work(x):
    if x and not Path("mended").exists():
        raise RuntimeError("not mended yet")
    return x * 10
"""

SCRIPT = """
import helpers_of_a_script
from research_stack import EC, Domain, Research

research = Research("study", Domain(x=[0, 1]))
research.add_callable(helpers_of_a_script.work, x=EC("x"), save_to="y").run(bar=False)
"""

COMMAND = "import sys; from research_stack.cli import main; sys.exit(main(sys.argv[1:]))"


def test_resume_finds_modules_beside_the_script_and_says_when_they_are_gone(tmp_path):
    beside = tmp_path / "beside"
    beside.mkdir()
    beside.joinpath("helpers_of_a_script.py").write_text(HELPERS)
    beside.joinpath("script.py").write_text(SCRIPT)

    def run(*arguments):
        return subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True)

    assert run("beside/script.py").returncode == 0
    tmp_path.joinpath("mended").touch()
    beside.rename(tmp_path / "elsewhere")
    lost = run("-c", COMMAND, "resume", "study", "--retry-failed")
    assert lost.returncode == 1
    assert lost.stderr.startswith("research: what '")
    assert "No module named 'helpers_of_a_script'" in lost.stderr
    tmp_path.joinpath("elsewhere").rename(beside)
    resumed = run("-c", COMMAND, "resume", "study", "--retry-failed")
    assert resumed.returncode == 0, resumed.stderr
    assert ResearchResults(tmp_path / "study").df["y"].tolist() == [0, 10]


def test_resume_of_nothing_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_ctrl_c_is_130(study, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("research_runner.loaded.LoadedResearch.run", interrupted)
    assert main(["resume", "study"]) == 130
