"""What is recorded about the repository and the installation."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import types

import pytest

from research_runner.system.environment import RunVersions, env_meta, git_meta

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder, *arguments):
    identity = [
        "-c",
        "user.name=Somebody",
        "-c",
        "user.email=somebody@example.org",
        "-c",
        "commit.gpgsign=false",
    ]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def committed(repository):
    (repository / "train.py").write_text("rate = 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first")
    return repository


@needs_git
def test_clean_repository_has_a_commit_and_no_diff(committed):
    meta = git_meta(committed)
    assert meta == {"commit": git(committed, "rev-parse", "HEAD"), "diff": "", "status": "## main\n"}


@needs_git
def test_changes_are_recorded_staged_or_not(committed):
    (committed / "train.py").write_text("rate = 2\n")
    (committed / "staged.py").write_text("staged = True\n")
    (committed / "größe.txt").write_text("untracked")
    git(committed, "add", "staged.py")
    meta = git_meta(str(committed))
    assert "-rate = 1\n+rate = 2\n" in meta["diff"]
    assert "+staged = True\n" in meta["diff"]
    assert meta["status"].splitlines() == ["## main", "A  staged.py", " M train.py", "?? größe.txt"]


@needs_git
def test_subfolder_belongs_to_its_repository(committed):
    (committed / "sub").mkdir()
    assert git_meta(committed / "sub")["commit"] == git_meta(committed)["commit"]


@needs_git
def test_repository_without_commit_shows_what_is_staged(repository):
    (repository / "train.py").write_text("rate = 1\n")
    git(repository, "add", ".")
    meta = git_meta(repository)
    assert meta["commit"] == "no commit yet\n"
    assert "+rate = 1" in meta["diff"]


@needs_git
def test_diff_that_is_no_text_stays_readable(committed):
    (committed / "train.py").write_bytes(b"caf\xe9\n")
    assert "+caf\N{REPLACEMENT CHARACTER}\n" in git_meta(committed)["diff"]


@needs_git
def test_repository_that_somebody_has_locked_is_recorded(committed):
    (committed / "train.py").touch()
    (committed / ".git" / "index.lock").touch()
    assert git_meta(committed)["status"] == "## main\n"
    assert git_meta(committed)["diff"] == ""


@needs_git
def test_folder_outside_of_a_repository_says_so(repository):
    meta = git_meta(repository.parent)
    assert list(meta) == ["git"]
    assert "not a git repository" in meta["git"]


def test_missing_git_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_meta(tmp_path) == {"git": "nothing is known about git: no program 'git'"}


def test_missing_folder_says_so(tmp_path):
    assert "no folder" in git_meta(tmp_path / "nowhere")["git"]


def test_installed_packages_are_listed_once_and_sorted():
    lines = env_meta()["packages"].splitlines()
    assert f"numpy=={importlib.metadata.version('numpy')}" in lines
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names), key=str.lower)


def test_python_is_described():
    text = env_meta()["python"]
    assert sys.version.split()[0] in text
    assert sys.executable in text


def test_conda_packages_come_from_the_records_of_the_environment(tmp_path, monkeypatch):
    (tmp_path / "conda-meta").mkdir()
    for name in ("numpy-1.26.4-py311h64a7726_0.json", "ca-certificates-2024.2.2-hbcca054_0.json", "history"):
        (tmp_path / "conda-meta" / name).write_text("{}")
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path))
    assert env_meta()["conda"] == "ca-certificates=2024.2.2=hbcca054_0\nnumpy=1.26.4=py311h64a7726_0\n"


def test_no_conda_no_list(monkeypatch):
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert sorted(env_meta()) == ["packages", "python"]


@needs_git
def test_a_run_notes_the_commit_and_whether_files_differ_from_it(committed, monkeypatch):
    monkeypatch.chdir(committed)
    (first,) = RunVersions({}, with_commit=True).record(wait_s=60)
    assert (first["commit"], first["is_changed"]) == (git(committed, "rev-parse", "HEAD").strip(), False)
    (committed / "train.py").write_text("rate = 2\n")
    before = {"versions": [first]}
    same, second = RunVersions(before, with_commit=True).record(wait_s=60)
    assert same == first
    assert second == {**first, "since": second["since"], "is_changed": True}
    assert len(RunVersions({"versions": [same, second]}, with_commit=True).record(wait_s=60)) == 2


def test_without_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (noted,) = RunVersions({}, with_commit=True).record(wait_s=60)
    assert (noted["commit"], noted["is_changed"]) == ("", False)
    assert noted["packages"]["dill"] == importlib.metadata.version("dill")


def test_without_git_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    versions = RunVersions({}, with_commit=True)
    assert versions.is_complete and versions.record()[0]["commit"] == ""


def test_a_git_that_does_not_answer_is_not_waited_for(monkeypatch, tmp_path):
    slow = tmp_path / "git"
    slow.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    versions = RunVersions({}, with_commit=True)
    assert versions.record()[0]["commit"] == "" and not versions.is_complete
    versions.close()
    assert versions.is_complete and versions.record()[0]["commit"] == ""


def test_modules_are_not_made_to_answer_for_their_versions(monkeypatch):
    class Warns(types.ModuleType):
        def __getattr__(self, name):
            raise DeprecationWarning(name)

    monkeypatch.setitem(sys.modules, "warns", Warns("warns"))
    monkeypatch.setitem(sys.modules, "odd", None)
    monkeypatch.setitem(sys.modules, "made", types.ModuleType("made"))
    sys.modules["made"].__version__ = "1.5"
    packages = RunVersions({}, with_commit=False).record()[0]["packages"]
    assert packages["made"] == "1.5" and not {"warns", "odd", "sys"} & set(packages)
