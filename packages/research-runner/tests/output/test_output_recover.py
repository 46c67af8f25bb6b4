"""What a worker wrote before its death is delivered."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from research_runner.worker.output import STDERR, STDOUT, OutputCapture, Target, recover_output

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from research_runner.worker.output import STDERR, STDOUT, OutputCapture, Target
spools, common, forwarded = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "forwarded"
with OutputCapture(spools, "worker-3") as capture:
    targets = {STDOUT: Target(common, common.with_name("separate")), STDERR: Target(common)}
    with capture.task("before", targets):
        print("an earlier task")
    with capture.task("a1", targets):
        print("first line")
        while forwarded and "first line" not in common.read_text():
            time.sleep(0.01)
        os.write(1, b"last words")
        os.write(2, b"segmentation, nearly\\n")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def die(tmp_path, when):
    spools = tmp_path / "spools"
    done = subprocess.run([sys.executable, "-c", SCRIPT, spools, tmp_path / "common", when], timeout=60)
    assert done.returncode == -signal.SIGKILL
    return spools


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("when", ["at once", "forwarded"])
def test_last_words_of_a_dead_worker_are_delivered_once(tmp_path, when):
    spools = die(tmp_path, when)
    common, separate = tmp_path / "common", tmp_path / "separate"
    targets = {STDOUT: Target(common, separate, keep=True), STDERR: Target(common)}
    captured = recover_output(spools, "worker-3", "a1", targets)
    assert captured[STDOUT].text == "first line\nlast words"
    assert separate.read_text() == "an earlier task\nfirst line\nlast words"
    assert sorted(common.read_text().splitlines()) == [
        "an earlier task",
        "first line",
        "last words",
        "segmentation, nearly",
    ]
    assert list(spools.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_recovered_text_has_the_same_limit(tmp_path):
    spools = die(tmp_path, "at once")
    captured = recover_output(spools, "worker-3", "a1", {STDOUT: Target(keep=True)}, cap_bytes=5)
    assert captured[STDOUT].text.startswith("first\n[a1: at least 16 more bytes")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_spools_go_even_where_nobody_wants_the_text(tmp_path):
    spools = die(tmp_path, "at once")
    assert recover_output(spools, "worker-3", "worker-3", {}) == {}
    assert list(spools.iterdir()) == []


def test_worker_that_ended_well_leaves_nothing_to_recover(tmp_path):
    with OutputCapture(tmp_path, "w") as capture, capture.task("a", {STDOUT: Target()}):
        print("text")
    assert recover_output(tmp_path, "w", "a", {STDOUT: Target(keep=True)}) == {}


def test_last_words_of_the_interpreter_itself_are_delivered(tmp_path):
    script = """
import ctypes, faulthandler, sys
from pathlib import Path
from research_runner.worker.output import STDERR, OutputCapture, Target
faulthandler.enable()
with OutputCapture(Path(sys.argv[1]), "w") as capture, capture.task("a", {STDERR: Target()}):
    ctypes.string_at(0)
"""
    assert subprocess.run([sys.executable, "-c", script, tmp_path], timeout=60).returncode != 0
    text = recover_output(tmp_path, "w", "a", {STDERR: Target(keep=True)})[STDERR].text
    assert text.startswith("Fatal Python error: Segmentation fault") or "access violation" in text
