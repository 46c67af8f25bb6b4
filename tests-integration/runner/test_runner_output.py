"""What experiments print, and what is logged."""

import logging
import re
from pathlib import Path

import pytest

from research_stack import EC, Domain, E, O, Research

TALKS = {"parallel": {"workers": 2}, "inline": {"parallel": False}}


@pytest.fixture
def talk():
    """A unit that prints by all means: Python, C, a child process."""

    def talk(x, everything):
        import ctypes
        import os
        import subprocess
        import sys

        print(f"python {x}")
        print(f"complaint {x}", file=sys.stderr)
        if everything:
            sys.stdout.flush()
            libc = ctypes.CDLL(None)
            libc.puts(f"c {x}".encode())
            libc.fflush(None)
            subprocess.run([sys.executable, "-c", f"print('child {x}')"], check=True)
            os.write(2, f"raw {x}\n".encode())

    return talk


def talking(talk, everything=False, size=3):
    research = Research("talk", Domain(x=list(range(size))))
    return research.add_callable("talk", talk, x=EC("x"), everything=everything)


def ids(research):
    frame = research.results.experiments
    return list(frame.get("id", frame.index))


def lines_of(path):
    return sorted(Path(path).read_text().splitlines()) if Path(path).exists() else None


@pytest.mark.parametrize("how", TALKS)
@pytest.mark.parametrize("mode", [0, 1, 2, 3, True, False])
def test_output_goes_where_it_shall_with_a_folder(how, mode, talk, capfd):
    options = {"redirect_stdout": mode, "redirect_stderr": mode}
    research = talking(talk).run(bar=False, **TALKS[how], **options)
    common, separate = mode in (1, 3), mode in (2, 3)
    out, err = capfd.readouterr()
    for name, word, text in (("stdout", "python", out), ("stderr", "complaint", err)):
        expected = [f"{word} {x}" for x in range(3)]
        assert lines_of(f"talk/{name}.txt") == (expected if common else None)
        own = [lines_of(f"talk/experiments/{each}/{name}.txt") for each in ids(research)]
        assert sorted(own, key=str) == ([[line] for line in expected] if separate else [None] * 3)
        assert sorted(text.splitlines()) == ([] if mode else expected)


@pytest.mark.parametrize("how", TALKS)
@pytest.mark.parametrize("mode", [0, 2, True])
def test_output_goes_where_it_shall_without_a_folder(how, mode, talk, capfd):
    research = talking(talk).run(
        bar=False, dump_results=False, redirect_stdout=mode, redirect_stderr=False, **TALKS[how]
    )
    out, err = capfd.readouterr()
    expected = [f"python {x}" for x in range(3)]
    kept = sorted(text.strip() for text in research.storage.experiments_stdout.values())
    assert kept == (expected if mode else [])
    assert sorted(out.splitlines()) == ([] if mode else expected)
    assert sorted(err.splitlines()) == [f"complaint {x}" for x in range(3)]
    assert not research.storage.experiments_stderr


def test_the_streams_have_modes_of_their_own(talk):
    research = talking(talk).run(bar=False, redirect_stdout=1, redirect_stderr=2)
    assert lines_of("talk/stdout.txt") == ["python 0", "python 1", "python 2"]
    assert lines_of("talk/stderr.txt") is None
    texts = research.storage.experiments_stderr
    assert sorted(texts[each].strip() for each in ids(research)) == [f"complaint {x}" for x in range(3)]


def test_c_libraries_and_children_are_caught(talk, start_method, capfd):
    research = talking(talk, everything=True, size=2)
    research.run(bar=False, redirect_stdout=2, redirect_stderr=2, start_method=start_method)
    texts = sorted(research.storage.experiments_stdout[each] for each in ids(research))
    assert texts == [f"python {x}\nc {x}\nchild {x}\n" for x in range(2)]
    texts = sorted(research.storage.experiments_stderr[each] for each in ids(research))
    assert texts == [f"complaint {x}\nraw {x}\n" for x in range(2)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dump_results", [True, False])
@pytest.mark.parametrize("how", TALKS)
def test_branches_in_threads_never_mix(how, dump_results):
    def chat(x, barrier=lambda: __import__("time").sleep(0.001)):
        for number in range(20):
            print(f"{x}:", end="")
            barrier()
            print(number)

    research = Research("chat", Domain(x=[0, 1, 2, 3])).add_callable("chat", chat, x=EC("x"))
    research.run(branches=4, bar=False, dump_results=dump_results, redirect_stdout=2, **TALKS[how])
    texts = [research.storage.experiments_stdout[each] for each in ids(research)]
    assert texts == ["".join(f"{x}:{number}\n" for number in range(20)) for x in range(4)]


def test_what_the_root_prints_belongs_to_all_branches():
    research = Research("rooted", Domain(x=[0, 1])).add_callable("load", lambda: print("load"), root=True)
    research.add_callable("own", lambda x, loaded: print("own", x), x=EC("x"), loaded=O("load"))
    research.run(branches=2, bar=False, redirect_stdout=2)
    assert [research.storage.experiments_stdout[each] for each in ids(research)] == [
        "load\nown 0\n",
        "load\nown 1\n",
    ]


def test_the_last_words_of_a_worker_that_dies_are_kept():
    def die():
        import os
        import sys

        print("last words", file=sys.stderr)
        os.abort()

    Research("dies", Domain(x=[1])).add_callable("die", die).run(bar=False, max_attempts=1)
    assert "last words" in Path("dies/stderr.txt").read_text()


@pytest.mark.parametrize("level", [None, "debug", "INFO", logging.ERROR])
def test_the_log_of_a_research_has_its_level(level):
    research = Research("logged", Domain(x=[0, 1])).add_callable("invert", lambda x: 1 / x, x=EC("x"))
    research.run(bar=False, loglevel=level)
    text = Path("logged/research.log").read_text()
    assert "ZeroDivisionError" in text
    assert ("ended: 1 done, 1 failed" in text) == (level != logging.ERROR)
    assert (" DEBUG " in text) == (level == "debug")


@pytest.mark.parametrize("parallel", [True, False])
def test_each_experiment_has_its_log_where_a_level_is_given(parallel):
    research = Research("logged", Domain(x=[0, 1])).add_callable("invert", lambda x: 1 / x, x=EC("x"))
    research.run(bar=False, parallel=parallel)
    assert not list(Path("logged").rglob("experiment.log"))
    Research.remove("logged", ask=False)
    research.run(bar=False, loglevel="debug", parallel=parallel)
    logs = {path.parent.name: path.read_text() for path in Path("logged").rglob("experiment.log")}
    failed = research.monitor.exceptions[0]["id"]
    assert "ZeroDivisionError" in logs[failed]
    assert all("ZeroDivisionError" not in text for each, text in logs.items() if each != failed)


@pytest.mark.parametrize("level", [None, "debug", "info"])
@pytest.mark.parametrize("parallel", [True, False])
def test_the_log_of_a_research_has_each_traceback_once(level, parallel):
    def fall(x):
        raise ValueError("odd" if x % 2 else "even")

    research = Research("fallen", Domain(x=[0, 1, 2, 3])).add_callable("fall", fall, x=EC("x"))
    research.run(bar=False, loglevel=level, parallel=parallel, canary=0)
    text = Path("fallen/research.log").read_text()
    assert text.count("Traceback (most recent call last)") == 2
    assert text.count("raise ValueError") == 2
    assert all(text.count(f"experiment {each})") == 1 for each in ids(research))
    first, second = ids(research)[:2]
    assert text.count(f"with the traceback of experiment {first}\n") == 1
    assert text.count(f"with the traceback of experiment {second}\n") == 1


@pytest.mark.parametrize("parallel", [True, False])
def test_the_log_of_an_experiment_tells_its_course(parallel):
    def talk(x, running):
        running.logger.info("x is %d", x)
        return x

    research = Research("told", Domain(x=[0, 1])).add_generator("steps", range, args=[2], root=True)
    research.add_callable("talk", talk, x=EC("x"), running=E())
    research.run(bar=False, loglevel="debug", parallel=parallel, branches=2)
    for x, each in enumerate(ids(research)):
        lines = Path(f"told/experiments/{each}/experiment.log").read_text().splitlines()
        words = [re.sub(r", [\d.]+ s$", "", line.split(maxsplit=4)[4]) for line in lines]
        course = [
            word
            for it in range(2)
            for word in (f"iteration {it}: steps", f"x is {x}", f"iteration {it}: talk")
        ]
        assert words[0] == f"started: repetition_0, updates_0, x_{x}"
        assert words[1:7] == course
        assert words[-1] == "done: 3 it"
    Research.remove("told", ask=False)
    research.run(bar=False, loglevel="info", parallel=parallel)
    text = next(Path("told").rglob("experiment.log")).read_text()
    assert "x is 0" in text and "iteration 0" not in text


def test_logging_is_left_as_it_was():
    root = logging.getLogger("research")
    before = (root.level, list(root.handlers))
    Research("quiet").add_callable("one", lambda: 1).run(bar=False, loglevel="debug")
    assert (root.level, root.handlers) == before


def test_a_flood_is_cut(monkeypatch):
    from research_runner.worker.output import capture

    monkeypatch.setattr(capture.OutputCapture.__init__, "__defaults__", (None, "worker", 1000))
    research = Research("flood").add_callable(
        "flood", lambda: print("x" * 99 + "\n", end="" * 1) or [print("y" * 99) for _ in range(100)]
    )
    research.run(bar=False, start_method="fork", redirect_stdout=2)
    (text,) = (research.storage.experiments_stdout[each] for each in ids(research))
    assert len(text) < 1300
    assert re.search(r"at least \d+ more bytes of stdout were dropped, the limit is 1000 bytes", text)
