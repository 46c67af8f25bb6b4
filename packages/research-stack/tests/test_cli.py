"""The command ``research`` on folders of results."""

import io
import sys
from dataclasses import dataclass

import pandas as pd
import pytest

from research_results import ResearchStorage
from research_stack.cli import main


@dataclass(frozen=True)
class Failure:
    cause: str = "exception"
    type: str = "ValueError"
    message: str = "no such layer"
    traceback: str = "Traceback (most recent call last):\nValueError: no such layer\n"
    unit: str = "train"
    iteration: int = 3


@pytest.fixture
def research(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ResearchStorage("first") as storage:
        storage.add("a", {"lr": 0.1}, index=0)
        storage.put("a", {"loss": {0: 0.5, 1: 0.25}})
        storage.mark("a", "done", elapsed_s=2.0)
        storage.add("b", {"lr": 0.2}, index=1)
        storage.mark("b", "failed", failure=Failure(), attempt=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("x")
    return tmp_path


def test_ls_lists_researches_with_their_states(research, capsys):
    ResearchStorage("second").close()
    (research / "broken").mkdir()
    (research / "broken" / "research.json").write_text("{}")
    assert main(["ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("broken  cannot be read: 'broken' is not a research")
    assert lines[1].startswith("first   1 done, 1 failed  100%")
    assert lines[2].startswith("second  no experiments      0%")


def test_ls_says_when_there_is_nothing(research, capsys):
    assert main(["ls", "other"]) == 0
    assert capsys.readouterr().out == "no research here\n"
    assert main(["ls", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_show_prints_a_summary(research, capsys):
    assert main(["show", "first"]) == 0
    out = capsys.readouterr().out
    assert "1 done, 1 failed" in out and "loss" in out and "2.0 s" in out


def test_show_failures_prints_what_they_share_and_their_tracebacks(research, capsys):
    assert main(["show", "first", "--failures"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "1 of 2 failed: ValueError: no such layer, in 'train' at iteration 3; with lr=0.2\n"
    )
    assert out.count("Traceback (most recent call last)") == 1
    assert out.endswith("\n1 failed\n")


@pytest.mark.parametrize(("name", "read"), [("r.csv", pd.read_csv), ("r.parquet", pd.read_parquet)])
def test_export_writes_one_file(research, capsys, name, read):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    assert main(["export", "first", "--to", name]) == 0
    assert capsys.readouterr().out == f"{name}\n"
    assert read(name)["loss"].tolist() == [0.5, 0.25]


def test_export_to_something_else_says_what_there_is(research, capsys):
    assert main(["export", "first", "--to", "r.foo"]) == 1
    assert "'r.foo' ends in '.foo'; there are exporters for .csv, .duckdb, .json" in capsys.readouterr().err
    assert main(["export", "first"]) == main(["export", "first", "a.csv", "--to", "b.csv"]) == 2
    assert "give one file" in capsys.readouterr().err


def test_export_of_some_experiments(research, capsys):
    assert main(["export", "first", "--aliases", "-w", "lr=0.2", "r.json"]) == 0
    assert (research / "r.json").read_text() == "[]\n"
    assert main(["export", "first", "r.sqlite"]) == 0
    assert (research / "r.sqlite").exists()


def test_rm_asks_first(research, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    assert main(["rm", "first"]) == 1
    assert capsys.readouterr().out.endswith("Type yes: kept\n")
    assert (research / "first").exists()
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert main(["rm", "first"]) == 0
    assert not (research / "first").exists()


def test_rm_removes_no_other_folder_unless_forced(research, capsys):
    assert main(["rm", "other", "--yes"]) == 1
    assert "no research.json" in capsys.readouterr().err
    assert (research / "other").exists()
    assert main(["rm", "other", "--yes", "--force"]) == 0
    assert not (research / "other").exists()


def test_rm_leaves_a_research_that_is_being_written(research, capsys):
    with ResearchStorage("first"):
        assert main(["rm", "first", "--yes"]) == 1
    assert "open for writing" in capsys.readouterr().err
    assert (research / "first").exists()


def test_rm_follows_no_link(research, capsys):
    (research / "link").symlink_to(research / "first")
    assert main(["rm", "link", "--yes", "--force"]) == 1
    assert (research / "first" / "research.db").exists()


@pytest.mark.parametrize("command", ["show", "rm"])
def test_what_is_no_research_is_an_error(research, capsys, command):
    assert main([command, "file"]) == 1
    assert capsys.readouterr().err.startswith("research: 'file' is not a research")


@pytest.mark.parametrize("words", ["table digits", "table digits --json", "show digits --json"])
def test_a_number_of_any_length_is_shown(research, capsys, words):
    with ResearchStorage("digits") as storage:
        storage.put("a", {"y": {0: 10**5000}})
    assert main(words.split()) == 0
    assert "1000000" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["explode", "table study -n -1", "best study loss -n 0"])
def test_wrong_arguments_exit_with_two(words):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2


def test_text_of_strangers_moves_no_cursor(research, capsys):
    with ResearchStorage("third") as storage:
        storage.add("c", {"\x1b[2J": 1})
        storage.mark("c", "failed", failure=Failure(message="\x1b[31mred", traceback="line\x1b]0;x\x07\n"))
    assert main(["show", "third"]) == 0
    assert main(["show", "third", "--failures"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\\x1b[31mred" in out
