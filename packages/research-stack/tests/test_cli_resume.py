"""The command ``research resume``: going on without the script."""

import json
import shutil
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


def test_the_rate_is_that_of_the_run_that_went_on(study, tmp_path, capsys):
    path = tmp_path / "study" / "research.json"
    description = json.loads(path.read_text())
    description["meta"]["started"] -= 1e6
    path.write_text(json.dumps(description))
    (tmp_path / "mended").touch()
    assert main(["resume", "study", "--retry-failed"]) == 0
    capsys.readouterr()
    assert main(["show", "study", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["finished"] == 4
    run = study.results.meta["run"]
    assert run["finished_before"] == 2
    assert shown["rate_per_s"] == pytest.approx(2 / (study.results.meta["ended"] - run["started"]))


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


@pytest.fixture
def beside(tmp_path):
    """A script in a folder of its own, whose study has one failed experiment."""
    folder = tmp_path / "beside"
    folder.mkdir()
    folder.joinpath("helpers_of_a_script.py").write_text(HELPERS)
    folder.joinpath("script.py").write_text(SCRIPT)
    assert run(tmp_path, "beside/script.py").returncode == 0
    tmp_path.joinpath("mended").touch()
    return folder


def run(folder, *arguments):
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("text", [None, "broken(", HELPERS.replace("x * 10", "x * 99")])
def test_resume_uses_the_recorded_code_whatever_has_become_of_the_files(beside, tmp_path, text):
    if text is None:
        shutil.rmtree(beside)
    else:
        beside.joinpath("helpers_of_a_script.py").write_text(text)
    resumed = run(tmp_path, "-c", COMMAND, "resume", "study", "--retry-failed")
    assert resumed.returncode == 0, resumed.stderr
    assert ResearchResults(tmp_path / "study").df["y"].tolist() == [0, 10]


def test_resume_says_that_recorded_code_is_gone_or_was_changed(beside, tmp_path):
    code = tmp_path / "study" / "code"
    for content in code.glob("*.py"):
        content.write_text("VALUE = 1")
    changed = run(tmp_path, "-c", COMMAND, "resume", "study", "--retry-failed")
    assert (changed.returncode, changed.stderr.partition(" '")[0]) == (1, "research: what")
    assert "does not hold what was written" in changed.stderr
    shutil.rmtree(code)
    lost = run(tmp_path, "-c", COMMAND, "resume", "study", "--retry-failed")
    assert lost.returncode == 1
    assert "No such file" in lost.stderr


VALUES_OF_A_SCRIPT = """
import dataclasses, enum, functools
from pathlib import Path
from research_stack import EC, Domain, Research

class Model:
    factor = 2

    def value(self, x):
        return self.factor * x

class Larger(Model):  # without a method that would tell its file
    factor = 3

class Kind(enum.Enum):
    SMALL = 1

@dataclasses.dataclass
class Options:
    rate: float = 0.5

def act(x):
    return x + 1

def make(step):
    return lambda x: x + step

def kind_of(value):
    if callable(value) and not Path("mended").exists():
        raise RuntimeError("not mended yet")
    return getattr(value, "__name__", type(value).__name__)

if __name__ == "__main__":
    values = [Kind.SMALL, Model(), Options(), Model, Larger, act, make(2), functools.partial(act, 1)]
    research = Research("study", Domain(value=values))
    research.add_callable(kind_of, value=EC("value"), save_to="kind").run(bar=False)
"""


def test_resume_knows_values_of_a_script_that_is_gone(tmp_path):
    tmp_path.joinpath("script.py").write_text(VALUES_OF_A_SCRIPT)

    def run(*arguments):
        return subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True)

    assert run("script.py").returncode == 0
    before = ResearchResults(tmp_path / "study").experiments
    assert before["status"].tolist() == ["done"] * 3 + ["failed"] * 5
    tmp_path.joinpath("mended").touch()
    tmp_path.joinpath("script.py").rename(tmp_path / "elsewhere.py")
    resumed = run("-c", COMMAND, "resume", "study", "--retry-failed")
    assert resumed.returncode == 0, resumed.stderr
    results = ResearchResults(tmp_path / "study")
    kinds = ["Kind", "Model", "Options", "Model", "Larger", "act", "<lambda>", "partial"]
    assert results.df["kind"].tolist() == kinds
    assert results.experiments["id"].tolist() == before["id"].tolist()
    tmp_path.joinpath("elsewhere.py").rename(tmp_path / "script.py")
    tmp_path.joinpath("mended").unlink()  # whatever ran again would fail
    script = VALUES_OF_A_SCRIPT.replace("run(bar=False)", "run(resume=True, bar=False)")
    tmp_path.joinpath("script.py").write_text(script)
    assert run("script.py").returncode == 0
    assert ResearchResults(tmp_path / "study").df["kind"].tolist() == kinds


def test_resume_of_nothing_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_ctrl_c_is_130(study, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("research_runner.loaded.LoadedResearch.run", interrupted)
    assert main(["resume", "study"]) == 130
