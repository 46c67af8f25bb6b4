"""Experiments are removed, and tags and notes are written, on the command line."""

import io
import json
import sys

import pytest

from research_results import ResearchStorage
from research_stack.cli import main


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ResearchStorage("study", meta={"expected": 3, "started": 0.0, "ended": 1.0}) as storage:
        for number, name in enumerate("abc"):
            storage.add(name, {"lr": number / 10}, index=number)
            storage.put(name, {"loss": {0: number}})
            storage.mark(name, "done", elapsed_s=1.0)


def said(capsys, *arguments):
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def shown(capsys, *arguments):
    return json.loads(said(capsys, *arguments, "--json"))


def test_experiments_are_removed_and_brought_back(capsys):
    out = said(capsys, "rm", "study", "--experiment", "a", "-x", "b")
    assert out == (
        "2 experiments removed; to undo it: research rm study --undo\nto delete for good: research gc study\n"
    )
    assert [row["id"] for row in shown(capsys, "table", "study")] == ["c"]
    (row,) = shown(capsys, "ls")
    assert (row["counts"], row["expected"], row["share"]) == ({"done": 1}, 1, 1.0)
    assert "removed      2 of 3\n" in said(capsys, "show", "study")
    assert said(capsys, "rm", "study", "--undo", "-x", "a") == "1 experiment back\n"
    assert said(capsys, "rm", "study", "--undo") == "1 experiment back\n"
    assert len(shown(capsys, "table", "study")) == 3


def test_removing_what_is_not_there_says_so(capsys):
    assert main(["rm", "study", "-x", "d"]) == 1
    assert "'d'" in capsys.readouterr().err
    assert main(["rm", "study", "--undo", "-x", "a"]) == 1
    assert "'a' was not removed" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["other"], ["--force"]])
def test_experiments_are_those_of_one_folder(capsys, more):
    assert main(["rm", "study", *more, "-x", "a"]) == 2
    assert "one folder" in capsys.readouterr().err


def test_gc_asks_and_deletes(capsys, monkeypatch):
    said(capsys, "rm", "study", "-x", "a")
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    assert main(["gc", "study"]) == 1
    assert capsys.readouterr().out == "Delete 1 experiment of 'study' for good? Type yes: kept\n"
    assert said(capsys, "gc", "study", "--yes") == "study: 1 experiment deleted\n"
    assert main(["rm", "study", "--undo", "-x", "a"]) == 1
    assert "gone for good" in capsys.readouterr().err
    assert "removed      1 of 3, 1 of them for good\n" in said(capsys, "show", "study")


def test_gc_leaves_a_research_that_is_written(capsys):
    said(capsys, "rm", "study", "-x", "a")
    with ResearchStorage("study"):
        assert main(["gc", "study", "--yes"]) == 1
    assert "open for writing" in capsys.readouterr().err


def test_tags_and_notes_are_written_shown_and_taken_away(capsys):
    assert said(capsys, "tag", "study") == "no tags and no notes\n"
    said(capsys, "tag", "study", "paper", "good", "--note", "for the appendix")
    said(capsys, "tag", "study", "-x", "a", "fast", "--note", "diverges")
    said(capsys, "tag", "study", "fast", "-w", "lr=0.2")
    assert said(capsys, "tag", "study") == (
        "research     good, paper\n             for the appendix\n"
        "a            fast\n             diverges\nc            fast\n"
    )
    assert shown(capsys, "tag", "study", "-x", "a") == {
        "tags": ["good", "paper"],
        "note": "for the appendix",
        "experiments": {"a": {"tags": ["fast"], "note": "diverges"}},
    }
    said(capsys, "tag", "study", "--remove", "good", "paper", "--note", "")
    said(capsys, "tag", "study", "fast", "--remove", "-x", "c")
    assert shown(capsys, "tag", "study")["experiments"] == {"a": {"tags": ["fast"], "note": "diverges"}}
    assert main(["tag", "study", "--remove"]) == 2


def test_tags_choose_experiments_and_researches(capsys):
    ResearchStorage("other").close()
    said(capsys, "tag", "study", "paper")
    said(capsys, "tag", "study", "fast", "-x", "a")
    assert [row["id"] for row in shown(capsys, "table", "study", "--tag", "fast")] == ["a"]
    assert shown(capsys, "best", "study", "loss", "--tag", "fast")[0]["ids"] == ["a"]
    assert [row["name"] for row in shown(capsys, "ls", "--tag", "paper", "--tag", "none")] == ["study"]
    assert said(capsys, "ls").splitlines()[1].endswith("#paper")
    assert main(["table", "study", "--tag", "fats"]) == 1
    assert "no experiment has the tag 'fats'; there are: 'fast'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["ls", "a", "b"], ["logs", "study", "a", "-f", "b"], ["table", "study", "-n", "1", "loss", "--no"]],
)
def test_words_that_are_too_many_are_refused(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_words_may_stand_behind_options(capsys):
    assert len(shown(capsys, "table", "study", "-n", "2", "loss")) == 2
    assert said(capsys, "export", "study", "-w", "lr=0.1", "r.csv") == "r.csv\n"


def test_what_is_shown_of_many_names_is_readable_at_eighty_columns(capsys):
    with ResearchStorage("wide") as storage:
        storage.put("a", {f"variable_{number}": {0: 1.0} for number in range(20)})
    said(capsys, "tag", "wide", *(f"tag-{number}" for number in range(12)))
    lines = [*said(capsys, "show", "wide").splitlines(), *said(capsys, "ls").splitlines()]
    assert any("variable_19" in line for line in lines)
    assert [line for line in lines if len(line) > 80 and "#tag" not in line] == []


def test_a_long_note_is_readable_at_eighty_columns(capsys):
    said(capsys, "tag", "study", "-x", "a", "--note", "word " * 60)
    lines = said(capsys, "tag", "study").splitlines()
    assert len(lines) > 3 and max(map(len, lines)) <= 80
