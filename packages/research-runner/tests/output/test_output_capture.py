"""Everything that a task prints is caught: by Python, by C, by children; and nothing else is."""

from __future__ import annotations

import ctypes
import io
import logging
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import pytest

from research_runner.errors import RunnerError
from research_runner.worker.output import STDERR, STDOUT, OutputCapture, Target, capture_fd

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the files of Linux")


def run(script, **kwargs):
    """Run Python code in a process of its own, where nobody else plays with descriptors."""
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60, **kwargs
    )


def open_descriptors():
    return sorted(Path("/proc/self/fd").iterdir())


def c_library(how=ctypes.CDLL):
    return how(None)


def write_with_python(data):
    print(data.decode(), end="")


def write_with_old_stream(data):
    sys.__stdout__.write(data.decode())


def write_with_system_call(data):
    os.write(STDOUT, data)


def write_with_c_buffer(data):
    c_library().printf(b"%s", data)


def write_with_child(data):
    subprocess.run([sys.executable, "-c", f"import os; os.write(1, {data!r})"], check=True)


def write_with_shell(data):
    os.system(f"printf '{data.decode()}'")


WRITERS = [
    write_with_python,
    write_with_system_call,
    write_with_c_buffer,
    write_with_child,
    write_with_shell,
]


@pytest.mark.parametrize("write", WRITERS)
def test_output_is_caught_whoever_writes(write):
    with capture_fd(STDOUT) as output:
        write(b"some text")
    assert output[STDOUT].text == "some text"


def test_output_of_all_writers_keeps_its_order():
    with capture_fd(STDOUT) as output:
        for number, write in enumerate(WRITERS):
            write(b"%d\n" % number)
            c_library().fflush(None)
    assert output[STDOUT].text == "0\n1\n2\n3\n4\n"


def test_streams_are_caught_apart():
    targets = {STDOUT: Target(keep=True), STDERR: Target(keep=True)}
    with OutputCapture() as capture, capture.task("a", targets) as output:
        print("out")
        print("err", file=sys.stderr)
        os.write(STDERR, b"system\n")
    assert output[STDOUT].text == "out\n"
    assert output[STDERR].text == "err\nsystem\n"


def test_stream_without_target_is_left_alone(capfd):
    with capture_fd(STDERR):
        os.write(STDOUT, b"not caught\n")
    assert capfd.readouterr().out == "not caught\n"


def test_c_code_that_holds_the_interpreter_does_not_get_stuck():
    data = b"x" * 2**22
    with capture_fd(STDOUT) as output:
        c_library(ctypes.PyDLL).write(STDOUT, data, ctypes.c_size_t(len(data)))
    assert output[STDOUT].text == data.decode()


def test_buffers_are_emptied_at_both_ends():
    script = """
import ctypes, sys
from research_runner.worker.output import STDOUT, capture_fd
c = ctypes.CDLL(None)
sys.stdout.write("[python before]"), sys.stdout.flush()
sys.stdout.write("[unflushed before]")
with capture_fd(STDOUT) as output:
    sys.stdout.write("python inside,")
    sys.__stdout__.write("old stream inside,")
c.printf(b"[c before]")
with capture_fd(STDOUT) as again:
    c.printf(b"c inside")
c.fflush(None)
sys.stdout.write("[after]")
print(*sorted(output[STDOUT].text.split(",")), again[STDOUT].text, sep="|", end="", file=sys.stderr)
"""
    done = run(script)
    assert done.stdout == "[python before][unflushed before][c before][after]"
    assert done.stderr == "|old stream inside|python inside|c inside"


def test_handler_that_holds_the_old_stream_is_caught():
    script = """
import logging, sys
from research_runner.worker.output import STDERR, capture_fd
logging.basicConfig(stream=sys.stderr, format="%(message)s")
with capture_fd(STDERR) as output:
    logging.warning("a warning")
print(output[STDERR].text, end="")
"""
    done = run(script)
    assert (done.stdout, done.stderr) == ("a warning\n", "")


@pytest.mark.parametrize("before", ["sys.stdout = None", "os.close(1)", "sys.stdout = io.StringIO()"])
def test_process_without_a_usable_stdout_is_caught_and_left_as_it_was(before):
    script = f"""
import io, os, sys
from research_runner.worker.output import STDOUT, capture_fd
{before}
was = sys.stdout
with capture_fd(STDOUT) as output:
    print("text")
    os.system("echo child")
assert sys.stdout is was
sys.stderr.write(output[STDOUT].text)
"""
    assert run(script).stderr == "text\nchild\n"


def test_error_of_the_task_passes_through_and_its_text_is_kept():
    stdout = sys.stdout
    with pytest.raises(ZeroDivisionError), capture_fd(STDOUT) as output:
        print("before")
        1 / 0
    assert output[STDOUT].text == "before\n"
    assert sys.stdout is stdout


def test_stream_that_refuses_to_be_flushed_keeps_no_other_from_it():
    class Refusing(io.StringIO):
        def flush(self):
            raise OSError("not now")

    targets = {STDOUT: Target(keep=True), STDERR: Target(keep=True)}
    with OutputCapture(hold=True) as capture:
        with capture.task("a", targets) as output:
            sys.stderr.write("no end of a line")
            sys.stdout = Refusing()
        assert output[STDERR].text == "no end of a line"
        with capture.task("b", targets) as output:
            print("of the next task")
        assert output[STDOUT].text == "of the next task\n"


def test_characters_that_cannot_be_encoded_are_no_error():
    with capture_fd(STDOUT) as output:
        print("ä \udc80")
        os.write(STDOUT, b"\xff\n")
    assert output[STDOUT].text == "ä \\udc80\n\ufffd\n"


def test_files_are_made_when_text_comes(tmp_path):
    quiet = Target(tmp_path / "stdout.txt", tmp_path / "a" / "stdout.txt")
    loud = Target(tmp_path / "stdout.txt", tmp_path / "b" / "stdout.txt")
    with OutputCapture() as capture:
        with capture.task("a", {STDOUT: quiet}):
            pass
        assert list(tmp_path.iterdir()) == []
        with capture.task("b", {STDOUT: loud}) as output:
            print("text")
    assert loud.common.read_text() == loud.separate.read_text() == "text\n"
    assert not quiet.separate.exists()
    assert output[STDOUT].text == ""


def test_files_are_appended_to(tmp_path):
    target = Target(tmp_path / "common", tmp_path / "separate")
    for _ in range(2):
        with OutputCapture() as capture, capture.task("a", {STDOUT: target}):
            print("text")
    assert target.common.read_text() == target.separate.read_text() == "text\ntext\n"


def test_unfinished_line_is_ended_in_the_common_file_only(tmp_path):
    target = Target(tmp_path / "common", tmp_path / "separate")
    with OutputCapture() as capture:
        for label in "ab":
            with capture.task(label, {STDOUT: target}):
                os.write(STDOUT, b"no end")
    assert target.common.read_text() == "no end\nno end\n"
    assert target.separate.read_text() == "no endno end"


def test_text_arrives_in_whole_lines_while_the_task_runs(tmp_path):
    target = Target(tmp_path / "common")
    arrived = threading.Event()
    with OutputCapture() as capture, capture.task("a", {STDOUT: target}):
        os.write(STDOUT, b"line\nhalf of")
        while not arrived.wait(0.01):  # ends by itself, or by the time limit of the test
            if target.common.exists() and target.common.read_text():
                arrived.set()
        assert target.common.read_text() == "line\n"
        os.write(STDOUT, b" a line\n")
    assert target.common.read_text() == "line\nhalf of a line\n"


def test_lines_of_several_processes_stay_whole(tmp_path):
    script = """
import os, sys
from pathlib import Path
from research_runner.worker.output import STDOUT, OutputCapture, Target
who = sys.argv[2]
with OutputCapture() as capture:
    for number in range(30):
        with capture.task("a", {STDOUT: Target(Path(sys.argv[1]))}):
            for _ in range(40):
                for part in (who, "-" * 300):
                    os.write(1, part.encode())
                print("end")
"""
    common = tmp_path / "stdout.txt"
    started = [subprocess.Popen([sys.executable, "-c", script, common, who]) for who in "abc"]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    lines = common.read_text().splitlines()
    expected = {who + "-" * 300 + "end" for who in "abc"}
    assert set(lines) == expected
    assert len(lines) == 3 * 30 * 40


def test_output_above_the_limit_is_dropped_and_counted(tmp_path):
    target = Target(tmp_path / "common", tmp_path / "separate", keep=True)
    with OutputCapture(cap_bytes=1000) as capture:
        with capture.task("a1", {STDOUT: target}) as output:
            os.write(STDOUT, b"y\n" * 5000)
        with capture.task("b2", {STDOUT: target}) as second:
            print("fits")
    note = "[a1: at least 9000 more bytes of stdout were dropped, the limit is 1000 bytes]\n"
    assert output[STDOUT].text == "y\n" * 500 + note
    assert output[STDOUT].dropped_bytes == 9000
    assert second[STDOUT].dropped_bytes == 0
    assert target.common.read_text() == target.separate.read_text() == output[STDOUT].text + "fits\n"


def test_flood_is_kept_out_of_memory_and_files(tmp_path):
    target = Target(separate=tmp_path / "separate", keep=True)
    block, blocks, cap = 2**20, 200, 2**16
    with OutputCapture(cap_bytes=cap) as capture, capture.task("a1", {STDOUT: target}) as output:
        data = b"x" * block
        for _ in range(blocks):
            os.write(STDOUT, data)
    assert output[STDOUT].text.startswith("x" * cap + "\n[a1: ")
    assert 0 < output[STDOUT].dropped_bytes <= block * blocks - cap
    assert target.separate.stat().st_size < cap + 200


@linux_only
def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Path(tempfile.tempdir).mkdir()
    target = Target(tmp_path / "common", tmp_path / "separate")
    with capture_fd(STDOUT):
        pass  # loads the C library
    descriptors, threads = open_descriptors(), threading.enumerate()
    with OutputCapture(tmp_path / "spools", "w") as named, OutputCapture() as unnamed:
        for capture in (named, unnamed):
            with capture.task("a", {STDOUT: target, STDERR: target}):
                print("text")
    assert open_descriptors() == descriptors
    assert threading.enumerate() == threads
    assert list(Path(tempfile.tempdir).iterdir()) == []
    assert list((tmp_path / "spools").iterdir()) == []


@linux_only
def test_child_that_empties_its_stdout_does_no_harm(tmp_path):
    target = Target(tmp_path / "common", keep=True)
    with OutputCapture() as capture, capture.task("a", {STDOUT: target}) as output:
        print("a line before")
        os.system("echo opened anew > /dev/stdout")
    assert output[STDOUT].text.endswith("opened anew\n")


def test_text_of_a_process_that_outlives_its_task_is_not_given_to_the_next(tmp_path):
    common = tmp_path / "common"
    first, second = (Target(common, tmp_path / name) for name in "ab")
    with OutputCapture() as capture:
        with capture.task("a", {STDOUT: first}):
            late = subprocess.Popen(["sh", "-c", "read line; echo late"], stdin=subprocess.PIPE)
        late.communicate(b"go\n")
        with capture.task("b", {STDOUT: second}):
            print("next")
    assert common.read_text() == "late\nnext\n"
    assert second.separate.read_text() == "next\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_that_unwinds_takes_nothing_with_it(tmp_path):
    target = Target(tmp_path / "common", keep=True)
    parent = os.getpid()
    try:
        with OutputCapture() as capture, capture.task("a", {STDOUT: target}) as output:
            print("parent")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # there is a thread
                child = os.fork()
            if child == 0:
                os.write(STDOUT, b"child\n")
                raise SystemExit
            os.waitpid(child, 0)
            print("parent again")
    finally:
        if os.getpid() != parent:
            os._exit(0)
    assert output[STDOUT].text == target.common.read_text() == "parent\nchild\nparent again\n"


def test_target_that_cannot_be_written_is_given_up_with_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    target = Target(tmp_path / "file" / "below", tmp_path / "good", keep=True)
    with caplog.at_level(logging.WARNING), OutputCapture() as capture:
        for _ in range(2):
            with capture.task("a", {STDOUT: target}) as output:
                print("text")
    assert output[STDOUT].text == "text\n"
    assert target.separate.read_text() == "text\ntext\n"
    assert caplog.text.count("output is lost") == 1


def test_one_capture_catches_one_task_at_a_time():
    with OutputCapture() as capture, capture.task("a", {STDOUT: Target(keep=True)}) as output:
        print("text")
        with pytest.raises(RunnerError, match="'b'"), capture.task("b", {STDOUT: Target()}):
            pass
    assert output[STDOUT].text == "text\n"


def test_task_without_targets_costs_nothing():
    with OutputCapture() as capture, capture.task("a", {}) as output:
        assert threading.active_count() == len(
            [t for t in threading.enumerate() if t.name != "research-output"]
        )
    assert output == {}
