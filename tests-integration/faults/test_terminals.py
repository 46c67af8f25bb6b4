"""A script that somebody runs in a terminal, where the same keys are pressed and the same commands typed."""

import errno
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from research_stack import ResearchResults

SCRIPT = """
import sys
import time
from pathlib import Path

from research_stack import EC, Domain, E, Research

def work(x, me, rng):
    with open(f"marks/count-{me}", "a") as file:
        file.write(".")
    if x == 3:
        raise ValueError("not this one")
    while x == 6 and not Path("marks/calm").exists():
        Path("marks/here").touch()
        time.sleep(0.002)
    return x + rng.random()

research = Research("study", Domain(x=range(12)))
research.add_callable("work", work, x=EC("x"), me=E().id, rng=E().random, save_to="y")
research.run(workers=2, seed=5, resume="resume" in sys.argv)
"""

COMMAND = str(Path(sys.executable).with_name("research"))


class Terminal:
    """A terminal with one program in it at a time.

    Parameters
    ----------
    study : Study
        Whose processes are watched.
    """

    def __init__(self, study):
        self.study = study
        self.text = ""

    def type(self, *arguments):
        """Start a program as the foreground job; return it."""
        self.text = ""
        self._keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        os.set_blocking(self._keys, False)

        def run():
            fcntl.ioctl(screen, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may have started these tests
            for fd in (0, 1, 2):
                os.dup2(screen, fd)
            os.execv(arguments[0], arguments)

        program = self.study.launch(run)
        os.close(screen)
        return program

    def press(self, key):
        """Press a key; Ctrl-C goes where the kernel sends it."""
        os.write(self._keys, key)

    def shows(self, text):
        """Whether there is a text on the screen by now."""
        try:
            while data := os.read(self._keys, 65536):
                self.text += data.decode()
        except BlockingIOError:
            pass
        except OSError as error:  # the last program that had it open is gone
            if error.errno != errno.EIO:
                raise
        return text in self.text

    def wait(self, program, soon):
        """Return the exit code of a program when it has ended."""
        soon(lambda: (self.shows(""), program.has_ended())[1], f"the program ends, it wrote {self.text}")
        self.shows("")
        os.close(self._keys)
        return program.exit_code


@pytest.fixture
def terminal(study):
    """Return a terminal, in a folder with a script; the study is what the script makes."""
    study.folder.joinpath("script.py").write_text(SCRIPT)
    study.whole = False  # another one: it is compared with a script that nobody disturbed
    return Terminal(study)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """Return the table of the script when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("calm")
    folder.joinpath("marks").mkdir()
    folder.joinpath("marks", "calm").touch()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("11 done, 1 failed in")
    return ResearchResults(folder / "study").df


def begin(terminal, study, soon, *arguments):
    """Start the script, or the command, and wait until it is in the middle."""
    study.marks.take("here")
    program = terminal.type(*arguments)
    soon(lambda: (terminal.shows(""), "here" in study.marks)[1], "it is in the middle")
    return program


def test_ctrl_c_twice_and_then_the_command_resume(terminal, study, soon, wanted):
    program = begin(terminal, study, soon, sys.executable, "script.py")
    terminal.press(b"\x03")
    soon(lambda: terminal.shows("SIGINT: nothing new is started"), "the first Ctrl-C is answered")
    terminal.press(b"\x03")
    assert terminal.wait(program, soon) in (-2, 130), terminal.text
    assert "research resume study" in terminal.text
    study.check()

    program = begin(terminal, study, soon, COMMAND, "resume", "study")
    terminal.press(b"\x03")
    soon(lambda: terminal.shows("SIGINT: nothing new is started"), "the first Ctrl-C is answered")
    terminal.press(b"\x03")
    assert terminal.wait(program, soon) == 130, terminal.text
    assert "Traceback" not in terminal.text
    study.check()
    assert study.states()[6] == "lost"

    study.marks.set("calm")
    program = terminal.type(COMMAND, "resume", "study")
    assert terminal.wait(program, soon) == 1, terminal.text
    assert "11 done, 1 failed in" in terminal.text
    assert "research show study --failures" in terminal.text
    study.check()
    assert study.results.df.equals(wanted)

    program = terminal.type(COMMAND, "show", "study", "--failures")
    assert terminal.wait(program, soon) == 0, terminal.text
    assert "ValueError: not this one" in terminal.text
    assert "1 failed" in terminal.text


def test_ctrl_c_once_and_then_the_same_script(terminal, study, soon, wanted):
    program = begin(terminal, study, soon, sys.executable, "script.py")
    terminal.press(b"\x03")
    soon(lambda: terminal.shows("SIGINT: nothing new is started"), "Ctrl-C is answered")
    study.marks.set("calm")
    assert terminal.wait(program, soon) in (-2, 130), terminal.text
    assert study.states()[6] == "done"
    study.check()

    program = terminal.type(sys.executable, "script.py")
    assert terminal.wait(program, soon) == 1
    assert "run(resume=True)" in terminal.text
    study.check()

    program = terminal.type(sys.executable, "script.py", "resume")
    assert terminal.wait(program, soon) == 0, terminal.text
    assert "1 failed" in terminal.text
    study.check()
    assert study.results.df.equals(wanted)


def test_the_terminal_is_closed(terminal, study, soon, wanted):
    program = begin(terminal, study, soon, sys.executable, "script.py")
    soon(lambda: study.state(6) == "running", "it is known to run")
    os.close(terminal._keys)
    assert program.wait() == -signal.SIGHUP
    study.check()
    study.marks.set("calm")
    program = terminal.type(COMMAND, "resume", "study")
    assert terminal.wait(program, soon) == 1, terminal.text
    study.check()
    assert study.results.df.equals(wanted)
