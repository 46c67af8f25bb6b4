"""Every subcommand in a pseudo-terminal of eighty columns, and its JSON."""

import fcntl
import json
import os
import platform
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from research_command.parser import COMMANDS, describe
from research_command.progress import ResearchProgress
from research_stack import EC, Domain, E, Research, ResearchResults, ResearchStorage
from research_stack.cli import main

COMMAND = [sys.executable, "-m", "research_stack.cli"]
DOCS = Path(__file__).parents[3] / "docs" / "command-line.md"


def train(units, rate, random):
    if units == 32:
        raise RuntimeError("boom")
    for step in range(3):
        print("step", step)
        yield units * rate / (step + 1) + random.random() / 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a research of twelve experiments, four of which failed."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("studies")
    os.chdir(folder)
    try:
        study = Research("study", Domain(units=[8, 16, 32]) * Domain(rate=[0.1, 0.2]), n_reps=2)
        study.add_generator(
            "train", train, units=EC("units"), rate=EC("rate"), random=E().random, save_to="loss"
        )
        study.run(parallel=False, bar=False, quiet=True, n_iters=3, seed=1, redirect_stdout=2)
    finally:
        os.chdir(before)
    return folder


def in_terminal(folder, *arguments):
    """Run the command in a terminal of 80 columns; return its exit code and what the screen got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    ) as program:
        os.close(theirs)
        pieces = []
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    return program.returncode, b"".join(pieces).decode().replace("\r\n", "\n")


EXPERIMENT, SECOND = "an experiment", "another one"
CALLS = {
    "ls": (["ls"], "study  8 done, 4 failed  100%"),
    "show": (["show", "study"], "progress     12 of 12 (100%)"),
    "best": (["best", "study", "loss"], "units=8 rate=0.1"),
    "table": (["table", "study", "--at", "last"], "failed"),
    "compare": (["compare", f"study/{EXPERIMENT}", f"study/{SECOND}"], "loss by config"),
    "failures": (["failures", "study"], "4 of 12 failed: RuntimeError: boom, in 'train'"),
    "logs": (["logs", "study", EXPERIMENT], "step 0"),
    "watch": (["watch", "study"], "100% of 12"),
    "export": (["export", "study", "study.csv"], "study.csv"),
    "resume": (["resume", "study"], "8 done, 4 failed"),
    "stop": (["stop", "study"], "study: is not running"),
    "try": (["try", "study", '{"rate": 0.1}'], "'study' is no search"),
    "rm": (["rm", "copy", "--yes"], ""),
    "gc": (["gc", "study"], "study: 0 experiments deleted"),
    "tag": (["tag", "study"], "no tags and no notes"),
    "completion": (["completion", "bash"], "complete -o filenames -F _research research"),
}


def test_every_subcommand_is_called():
    assert set(CALLS) == {command.name for command in COMMANDS}


@pytest.mark.parametrize("name", CALLS)
def test_a_subcommand_is_readable_in_a_terminal(folder, name):
    arguments, expected = CALLS[name]
    first, second, *_ = sorted(path.name for path in (folder / "study/experiments").iterdir())
    arguments = [each.replace(EXPERIMENT, first).replace(SECOND, second) for each in arguments]
    if name == "rm":
        (folder / "copy").mkdir()
        (folder / "copy" / "research.json").write_bytes((folder / "study" / "research.json").read_bytes())
    code, text = in_terminal(folder, *arguments)
    assert code == (1 if name in ("resume", "try") else 0), text
    assert expected in text
    assert "Traceback" not in text or name in ("failures", "resume")
    if name not in ("completion", "resume", "failures", "logs"):  # texts of others are as long as they are
        assert all(len(line) <= 80 for line in text.split("\n")), text
    assert not (folder / "copy").exists()


def said(capsys, *arguments):
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_reading_subcommands_write_json(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (row,) = said(capsys, "ls", "--json")
    assert (row["name"], row["counts"], row["share"]) == ("study", {"done": 8, "failed": 4}, 1.0)
    assert (row["tags"], row["note"]) == ([], "")
    shown = said(capsys, "show", "study", "--json")
    assert shown["versions"][0]["python"] == platform.python_version() and shown["removed"] == 0
    parts = said(capsys, "show", "study", "--profile", "--code", "--diff", "--json")
    assert parts["profile"] == [] and parts["diff"] == [] and parts["code"][0]["experiments"] == 12
    assert parts["code"][0].keys() == {"version", "experiments", "recorded", "python", "modules"}
    assert shown["variables"] == ["loss"] and shown["running"] is False and shown["seed"] == 1
    best = said(capsys, "best", "study", "loss", "-n", "1", "--json")
    assert best[0]["config"] == {"units": 8, "rate": 0.1} and best[0]["statistics"]["loss"]["count"] == 2
    assert len(said(capsys, "table", "study", "-w", "units=8", "-n", "5", "--json")) == 5
    failures = said(capsys, "failures", "study", "--json")
    assert failures["failed"] == 4 and failures["groups"][0]["parameters"] == {"units": ["32"]}
    assert said(capsys, "show", "study", "--failures", "--json") == failures
    assert said(capsys, "watch", "study", "--json")["finished"] == 12
    first, second, *_ = ResearchResults("study").to_df(units=8)["id"].unique()
    compared = said(capsys, "compare", f"study/{first}", f"study/{second}", "--variable", "loss", "--json")
    assert [side["name"] for side in compared["sides"]] == [first, second]
    assert compared["parameters"] == [{"name": "rate", "values": {first: ["0.1"], second: ["0.2"]}}]
    assert [row["variable"] for row in compared["variables"]] == ["loss", "loss"]


def test_a_leading_minus_is_an_objective_and_no_option(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    larger = said(capsys, "best", "study", "-loss", "--json")
    assert larger[0]["config"] == {"units": 16, "rate": 0.2}
    assert said(capsys, "best", "study", "loss", "--max", "--json") == larger
    assert len(said(capsys, "best", "study", "-loss", "-n", "2", "-w", "rate=0.1", "--json")) == 2


def test_ls_finds_researches_in_folders_below_and_sorts_them(tmp_path, capsys):
    for name, done in (("b", 1), ("a/c", 0)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with ResearchStorage(tmp_path / name) as storage:
            storage.add("x", {})
            storage.mark("x", "done" if done else "queued")
    for order, names in (("name", ["a/c", "b"]), ("progress", ["b", "a/c"])):
        assert main(["ls", str(tmp_path), "--sort", order]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names


def test_logs_of_the_research_and_of_what_has_none(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert main(["logs", "study", "-f"]) == 0
    assert "ended: 8 done, 4 failed" in capsys.readouterr().out
    assert main(["logs", "study", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["file"] for line in lines} == {"research.log"}
    assert "ended: 8 done, 4 failed" in lines[-1]["text"] or "4 of 12 failed" in str(lines)
    assert main(["logs", "study", "nobody"]) == 1
    assert "research: " in capsys.readouterr().err


WAITING = """
from pathlib import Path
from research_stack import EC, Domain, Research

def wait(x):
    Path("begun").write_text("begun")
    Path("go").read_text()
    return x

research = Research("study", Domain(x=[1, 2, 3])).add_callable("wait", wait, x=EC("x"), save_to="y")
research.run(parallel=False, bar=False)
"""


def test_a_research_that_runs_is_shown_followed_and_stopped(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("begun")
    os.mkfifo("go")
    with subprocess.Popen([sys.executable, "-c", WAITING], stderr=subprocess.DEVNULL) as run:
        Path("begun").read_text()
        shown = said(capsys, "show", "study", "--json")
        assert shown["running"] is True and shown["share"] == 0 and shown["expected"] == 3
        follow = subprocess.Popen([*COMMAND, "logs", "study", "-f"], stdout=subprocess.PIPE, text=True)
        first = follow.stdout.readline()
        assert " started: " in first
        watched = subprocess.Popen([*COMMAND, "watch", "study", "--json"], stdout=subprocess.PIPE, text=True)
        assert json.loads(watched.stdout.readline())["running"] is True
        assert main(["stop", "study"]) == 0
        assert capsys.readouterr().out == "study: ends when what runs has ended\n"
        Path("go").write_text("go")
        assert run.wait() != 0
    rest, lines = follow.communicate()[0], watched.communicate()[0].splitlines()
    assert (follow.returncode, watched.returncode) == (0, 0)
    assert "ended: 1 done, 0 failed" in rest
    assert json.loads(lines[-1])["counts"]["done"] == 1 and json.loads(lines[-1])["last_values"] == {"y": 1}


@pytest.mark.parametrize("words", [["failures", "study"], ["--version"]], ids=" ".join)
def test_nobody_who_reads_ends_the_command_without_a_traceback(folder, words):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [*COMMAND, *words], cwd=folder, stdout=closed, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("words", [["table", "study"], ["watch", "study"]], ids=" ".join)
def test_a_standard_output_that_is_closed_from_the_beginning_changes_nothing(folder, words):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *words], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_imports_nothing_heavy():
    code = "import sys, research_command; research_command.main(['--version']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version.startswith("research 0.")
    assert not {"numpy", "pandas", "research_domain", "research_results"} & set(modules.split("'"))


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_completion_completes_subcommands(capsys):
    main(["completion", "bash"])
    ask = "\nCOMP_WORDS=(research be); COMP_CWORD=1; _research; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash"], input=capsys.readouterr().out + ask, text=True, capture_output=True)
    assert done.stdout == "best\n"


@pytest.mark.skipif(not DOCS.exists(), reason="tested without the sources")
def test_the_docs_are_made_from_the_parser():
    assert describe() in DOCS.read_text()


def test_errors_and_failures_fit_into_the_terminal_and_are_whole_lines_elsewhere(folder):
    code, text = in_terminal(folder, "best", "study", "loss", "-w", "unit=8")
    assert code == 1 and text.startswith("research: no config has a parameter 'unit' (did you mean 'units'?)")
    assert [len(line) <= 80 for line in text.splitlines()] == [True, True]
    done = subprocess.run([*COMMAND, "show", "nothing"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    long = "an error whose message goes on and on, far beyond the width of the terminal that it is shown in"
    failing = Research(str(folder / "long"), Domain(width_of_the_layer=[10**40, 10**41], name=["x" * 30]))
    failing.add_callable("fail", fail, message=long).run(parallel=False, bar=False, quiet=True)
    code, text = in_terminal(folder, "failures", "long")
    lines = [line for line in text.splitlines() if "File" not in line and not line.startswith("  Runtime")]
    assert code == 0 and all(len(line) <= 80 for line in lines), text
    assert " ".join(text.split()).startswith(f"2 of 2 failed: RuntimeError: {long}, in 'fail'")


def fail(message):
    raise RuntimeError(message)


def test_a_table_of_means_leaves_out_what_is_no_number_and_shows_objects_by_their_texts(tmp_path, capsys):
    with ResearchStorage(tmp_path / "odd") as storage:
        storage.results.put("a", {"loss": {0: 1.5}, "text": {0: "x"}}, {"units": 8, "net": Net()})
        storage.results.put("b", {"loss": {0: 0.5}}, {"alpha": 0.1})
    assert main(["table", str(tmp_path / "odd"), "--mean"]) == 0
    text = capsys.readouterr().out
    assert "loss_mean" in text and "text_mean" not in text and "small net" in text and "Opaque" not in text
    rows = said(capsys, "table", str(tmp_path / "odd"), "loss", "--json")
    assert rows[0]["net"] == "small net" and repr(rows[0]["units"]) == "8" and rows[1]["units"] is None
    assert main(["best", str(tmp_path / "odd"), "loss", "-w", "units=9"]) == 0
    assert capsys.readouterr().out == "no configs\n"


class Net:
    def __repr__(self):
        return "small net"


def test_a_value_is_chosen_as_it_is_shown_or_as_python_and_json_write_it(tmp_path, capsys):
    odd = str(tmp_path / "odd")
    configs = [
        {"lr": 0.1, "net": Net(), "k": None},
        {"lr": 1, "net": True, "k": (3,)},
        {"lr": "1", "name": "b"},
    ]
    with ResearchStorage(odd) as storage:
        for number, config in enumerate(configs):
            storage.results.put(str(number), {"loss": {0: number}}, config)

    def chosen(*words):
        where = [part for word in words for part in ("-w", word)]
        return [row["ids"][0] for row in said(capsys, "best", odd, "loss", *where, "--json")]

    assert chosen("lr=.1") == chosen("lr=1e-1") == chosen("net=small net") == chosen("k=None") == ["0"]
    assert chosen("k=null") == ["0"] and chosen("k=(3,)") == chosen("net=true") == chosen("net=True") == ["1"]
    assert chosen("lr=1") == ["1", "2"] and chosen('lr="1"') == ["2"] and chosen("name=b", "lr=1") == ["2"]
    assert chosen("lr=.1", "lr=1") == ["0", "1", "2"] and chosen("lr=7") == []
    assert main(["tag", odd, "good", "-w", "lr=7"]) == 1
    assert "no experiment has lr=7; nothing was changed" in capsys.readouterr().err


def test_a_research_whose_process_has_died_does_not_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("begun")
    os.mkfifo("go")
    with subprocess.Popen([sys.executable, "-c", WAITING]) as run:
        Path("begun").read_text()
        run.kill()
    shown = said(capsys, "show", "study", "--json")
    assert shown["running"] is False and shown["ended"] is None and shown["left_s"] is None
    assert shown["rate_per_s"] is None and shown["share"] == 0
    for command in (["show", "study"], ["watch", "study"], ["ls", "--json"]):
        assert main(command) == 0
        text = capsys.readouterr().out
        assert "process has died; research resume goes on with it" in text or '"running": false' in text
        assert " running" not in text
    meta = ResearchResults("study").meta
    alike = SimpleNamespace(meta=meta, removed=(), counts={"running": 2, "lost": 1, "done": 3})
    assert ResearchProgress.of(alike).counts == {"lost": 3, "done": 3}
