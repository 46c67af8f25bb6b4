"""A small research that is run by processes which tests kill, and what has to be true of it afterwards.

Every test gets a `study`. Its coordinators are processes of their own, its units follow orders left in files,
and when the test is over the study is checked without being asked: nothing hangs, no process is left, the
database is sound, every config is in one state, nothing that had ended runs again, and once it is resumed its
table is that of a run that nobody disturbed.
"""

import faulthandler
import os
import signal
import sqlite3
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
import psutil
import pytest

import research_results.disk.fail_points
import research_runner.running.interrupts
import research_runner.system.fail_points
from research_results import ResultsError
from research_stack import EC, EP, Domain, E, O, Research, ResearchResults

WATCHDOG_S = 40.0
GONE_S = 2.0
"""What is promised: seconds until everything of a killed coordinator is gone."""
KILLED = {-signal.SIGKILL, -signal.SIGHUP}
CANNOT_WRITE = ("StorageFullError", "StorageLostError", "research.db-wal was removed")
"""Of a coordinator that could not note what became of its experiments."""
STATES = {"queued", "running", "done", "failed", "lost"}


def until(condition, what, patience_s=WATCHDOG_S):
    """Return the first true value of `condition()`; what takes as long as this hangs."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() >= deadline:  # no assert, which pytest compiles anew: units use this as well
            raise AssertionError(f"hang: {what}")
        time.sleep(0.002)
    return found


class Marks:
    """Files by which tests and units speak to each other; pickled, it is only a path.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def set(self, name, text=""):
        """Leave a mark; it is there as a whole or not at all."""
        partial = self.folder / f".{name}.{os.getpid()}"
        partial.write_text(str(text))
        partial.replace(self.folder / name)

    def take(self, name):
        """Take a mark away; whether this was the one who did."""
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def __contains__(self, name):
        return (self.folder / name).exists()

    def wait(self, name):
        """Return the text of a mark as soon as it is there."""
        until(lambda: name in self, f"nobody left the mark {name!r}")
        return (self.folder / name).read_text()

    def count(self, name):
        """Add one to a counter that survives everything."""
        handle = os.open(self.folder / f"count-{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, b".")
        os.close(handle)

    def counted(self, name):
        """Return a counter."""
        return self.counts().get(name, 0)

    def counts(self):
        """Return all counters, also of experiments that were killed before anybody had noted them."""
        return {path.name.removeprefix("count-"): path.stat().st_size for path in self.folder.glob("count-*")}


class Coordinator:
    """A process that runs the research, as the leader of a group like the foreground job of a terminal.

    Parameters
    ----------
    folder : Path
        Its current folder.
    function : callable
        What it does; `KeyboardInterrupt` ends it with 130, other exceptions with 1.
    """

    def __init__(self, folder, function):
        self.output = folder / f"coordinator-{time.monotonic_ns()}.txt"
        self.exit_code = None
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads that other tests have left
            self.pid = os.fork()
        if self.pid == 0:
            self._be(folder, function)

    def _be(self, folder, function):
        code = 1
        try:
            os.setsid()
            os.chdir(folder)
            log = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for fd in (1, 2):
                os.dup2(log, fd)
            sys.stdout, sys.stderr = (os.fdopen(fd, "w", 1, closefd=False) for fd in (1, 2))
            sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
            signal.signal(signal.SIGINT, signal.default_int_handler)
            faulthandler.disable()  # it would write to where the tests do
            function()
            code = 0
        except KeyboardInterrupt:
            code = 130
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    @property
    def text(self):
        """What it has written so far."""
        return self.output.read_text() if self.output.exists() else ""

    def send(self, number):
        """Send a signal to its group, as a terminal does."""
        os.killpg(self.pid, number)

    def kill(self):
        """Kill the coordinator alone, with SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self):
        """Return its exit code, minus the signal that killed it."""
        if self.exit_code is None:
            try:
                until(self.has_ended, "the coordinator did not end")
            except AssertionError:
                os.killpg(self.pid, signal.SIGKILL)
                raise AssertionError(f"hang: the coordinator did not end; it wrote:\n{self.text}") from None
        return self.exit_code

    def has_ended(self):
        """Whether it has ended; never waits."""
        if self.exit_code is not None:
            return True
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.exit_code = os.waitstatus_to_exitcode(status)
        return bool(pid)


class Count(NamedTuple):
    """What was counted when a study was checked: by experiment, and how many coordinators there had been."""

    runs: Mapping[str, int] = {}
    losses: Mapping[str, int] = {}
    done: Container[str] = ()
    lives: int = 0


class Study:
    """The research of a test.

    Parameters
    ----------
    folder : Path
        The current folder of all of its processes.
    """

    name = "study"

    def __init__(self, folder):
        self.folder = folder
        self.marks = Marks(folder / "marks")
        self.values = list(range(6))
        self.more = None
        self.update = None
        self.parts = {"noise", "large", "leave"}
        self.options = {"workers": 2, "start_method": "fork", "seed": 11, "bar": False, "n_iters": 2}
        self.fault = self.value = self.timeout = None
        self.readable = None
        self.whole = True
        self.coordinators = []
        self._before = Count()
        self.marks.set("armed")

    # -- what is run ------------------------------------------------------------------------------

    def research(self):
        """Return the research; its functions are local, because workers cannot import modules of tests."""
        marks, fault, value, more = self.marks, self.fault, self.value, self.more

        def work(x, me, path):
            marks.count(me)
            marks.set(f"pid-{x}", os.getpid())
            if fault is not None and "calm" not in marks:
                fault(x, marks)
            return x * 2 + 0.5 if value is None else value(x, marks)

        def leave(path, x):
            with (path / "artifact.txt").open("a") as file:
                file.write(f"{x}\n")  # twice, if an attempt meets the files of another

        def replace():
            marks.count("asked")
            return Domain(x=more if "fickle" not in marks or marks.counted("asked") == 1 else [99])

        research = Research(self.name, Domain(x=self.values)).add_callable(
            "work", work, x=EC("x"), me=E().id, path=EP(), when="%0", timeout=self.timeout, save_to="y"
        )
        if "root" in self.parts:
            research.add_callable("root", lambda random: random.normal(), random=E().random, root=True)
            research.save(O("root"), "root")
        if "noise" in self.parts:
            research.add_callable("noise", lambda random: random.normal(), random=E().random, save_to="noise")
        if "large" in self.parts:
            research.add_callable(
                "large", lambda y: np.full(9000, y), y=O("work"), when="last", save_to="large"
            )
        if "leave" in self.parts:
            research.add_callable("leave", leave, path=EP(), x=EC("x"), when="last")
        if self.update is not None:
            function, arguments = self.update
            research.update_domain(function, **arguments)
        return research if more is None else research.update_domain(replace, when="%3")

    def start(self, fail_point=None, before=None, **options):
        """Run the research in a process of its own; `before` is called there first."""
        options = {**self.options, **options}

        def run():
            if fail_point is not None:
                os.environ[research_runner.system.fail_points.VARIABLE] = fail_point
            research_runner.system.fail_points.arm()
            research_results.disk.fail_points.arm()
            if before is not None:
                before()
            self.research().run(**options)

        return self.launch(run)

    def launch(self, function):
        """Do something in a process that counts as a coordinator."""
        coordinator = Coordinator(self.folder, function)
        self.coordinators.append(coordinator)
        return coordinator

    def run(self, **options):
        """Run to the end, and check what has to be true then; return the coordinator."""
        coordinator = self.start(**options)
        coordinator.wait()
        self.check()
        return coordinator

    def resume(self, **options):
        """Go on, undisturbed."""
        self.marks.set("calm")
        coordinator = self.run(**{"resume": True, "retry_failed": True, **options})
        assert coordinator.exit_code == 0, coordinator.text
        return coordinator

    # -- what is there ----------------------------------------------------------------------------

    @property
    def path(self):
        return self.folder / self.name

    @property
    def results(self):
        return ResearchResults(self.path)

    def table(self):
        """Return the table, with values of y that can be compared."""
        table = self.results.df
        return table if self.readable is None else table.assign(y=table["y"].map(self.readable))

    def rows(self):
        """Return id and status of all experiments, as they are in the file."""
        with closing(self._connect()) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return connection.execute("SELECT id, status FROM experiments").fetchall()

    def _connect(self):
        return sqlite3.connect(f"file:{quote(str(self.path))}/research.db?mode=ro", uri=True)

    def states(self):
        """Return the status of each value of x."""
        rows, configs = self.rows(), self.results.load_configs()
        return {configs[each].config()["x"]: status for each, status in rows}

    def state(self, x):
        """Return the status of a value of x, wherever a coordinator may be; None if there is none yet."""
        try:
            return self.states().get(x)
        except (ResultsError, sqlite3.OperationalError):  # not quite there
            return None

    def reach_the_middle(self, x=2):
        """Wait until an experiment holds, one is known on the disk to run, and one to be done."""
        self.marks.wait(f"here-{x}")
        until(lambda: {"done", "running"} <= {status for _, status in self.rows()}, "the middle is reached")

    def runs(self, x):
        """Return how often the experiment of a value of x was begun."""
        (who,) = self.results.load_configs(config={"x": x})
        return self.marks.counted(who)

    def failure(self, x, **options):
        """Return the last failure of an experiment."""
        (row,) = self.results.load_failures(config={"x": x}, **options).to_dict("records")
        return {name: None if pd.isna(value) else value for name, value in row.items()}

    def processes(self):
        """Return all processes of the research, by their current folder; those of the tests are not there."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE and process.ppid() == os.getpid():
                    continue
                if Path(process.cwd()).is_relative_to(self.folder) and process.pid != os.getpid():
                    found.append(process)
            except psutil.Error:
                continue
        return found

    # -- what has to be true ----------------------------------------------------------------------

    def check(self):
        """Check what has to be true whenever no coordinator runs."""
        patience_s = GONE_S if self._was_killed else 10.0
        until(lambda: not self.processes(), f"processes are left: {self.processes()}", patience_s)
        if not (self.path / "research.db").exists():
            return
        rows = self.rows()
        assert len({each for each, _ in rows}) == len(rows)
        assert {status for _, status in rows} <= STATES
        assert "running" not in {status for _, status in rows} or self._was_cut_off
        self._check_runs(rows)

    def _check_runs(self, rows):
        """Check that nothing ran again that had ended, and nothing twice without a reason on the disk."""
        now, before = self._counted(rows), self._before
        for who, _ in rows:
            runs = now.runs.get(who, 0) - before.runs.get(who, 0)
            if who in before.done:
                assert not runs and who in now.done, f"{who} had ended and ran {runs} more times"
            allowed = now.lives - before.lives + now.losses.get(who, 0) - before.losses.get(who, 0)
            assert runs <= allowed, f"{who} ran {runs} times, where {allowed} can be explained"
        self._before = now

    def _counted(self, rows):
        with closing(self._connect()) as connection:
            select = "SELECT id FROM failures JOIN experiments ON experiments.key = failures.experiment"
            losses = Counter(who for (who,) in connection.execute(select))
        done = {who for who, status in rows if status == "done"}
        return Count(self.marks.counts(), losses, done, len(self.coordinators))

    @property
    def _was_cut_off(self):
        """Whether the last one that was not refused could not write what became of its experiments."""
        for coordinator in reversed(self.coordinators):
            if coordinator.exit_code != 1:
                return coordinator.exit_code in KILLED
            if any(reason in coordinator.text for reason in CANNOT_WRITE):
                return True
        return False

    @property
    def _was_killed(self):
        """Whether the last coordinator had no time for anything."""
        return bool(self.coordinators) and self.coordinators[-1].exit_code in KILLED

    @property
    def kind(self):
        """What makes the table what it is."""
        names = ("branches", "n_iters", "stop", "search", "slots")
        options = [self.options.get(name) for name in names]
        return repr((self.values, self.more, self.update, sorted(self.parts), self.value, options))

    def undisturbed(self, folder):
        """Return the same study in another folder, with nothing that could happen to it."""
        twin = Study(folder)
        twin.values, twin.more, twin.parts, twin.value = self.values, self.more, self.parts, self.value
        twin.readable, twin.update = self.readable, self.update
        twin.options["branches"] = self.options.get("branches", 1)
        twin.options["n_iters"] = self.options["n_iters"]
        twin.options.update(
            {name: self.options[name] for name in ("stop", "search", "slots") if name in self.options}
        )
        twin.marks.set("calm")
        twin.marks.take("armed")
        return twin

    def check_whole(self, reference):
        """Check that the resumed research is as if nothing had happened."""
        self.resume()
        table = self.table()
        assert dict(self.rows()) == dict.fromkeys(reference["id"], "done")
        small = [name for name in table.columns if name != "large"]
        pd.testing.assert_frame_equal(table[small], reference[small], check_exact=True)
        if "large" in table.columns:
            for mine, other in zip(table["large"], reference["large"], strict=True):
                np.testing.assert_array_equal(mine, other)
        if "leave" in self.parts:
            paths = self.path.glob("experiments/*/artifact.txt")
            artifacts = {path.parent.name: path.read_text() for path in paths}
            experiments = self.results.experiments
            whole = set(experiments["id"][experiments["stopped"].isna()])  # the others had no last iteration
            assert artifacts == {
                who: f"{x}\n" for who, x in zip(table["id"], table["x"], strict=True) if who in whole
            }


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """Return a function that gives the table of a run of the same study that nobody disturbed."""
    known = {}

    def reference(study):
        if study.kind not in known:
            twin = study.undisturbed(tmp_path_factory.mktemp("reference"))
            assert twin.run().exit_code == 0, twin.coordinators[0].text
            assert twin.results.failures.empty, twin.results.failures["traceback"].iloc[0]
            known[study.kind] = twin.table()
        return known[study.kind]

    return reference


@pytest.fixture
def study(own_folder, references):
    """Return a study; check it when the test is over, whatever the test did."""
    study = Study(own_folder)
    yield study
    try:
        for coordinator in study.coordinators:
            coordinator.wait()
        study.check()
        if study.whole:
            study.check_whole(references(study))
    finally:
        for process in study.processes():
            process.kill()


@pytest.fixture
def soon():
    """Return a function that waits for a condition, under a watchdog."""
    return until


@pytest.fixture
def short_grace():
    """Return what makes the time between SIGTERM and the end short, in a coordinator."""

    def shorten():
        research_runner.running.interrupts.TERM_GRACE_S = 0.3

    return shorten


@pytest.fixture
def once():
    """Return a function that makes a fault happen in the first attempt of one experiment only."""

    def make(fault, at=2):
        def strike(x, marks):
            if x == at and marks.take("armed"):
                fault(x, marks)

        return strike

    return make


@pytest.fixture
def always():
    """Return a function that makes a fault happen in every attempt of one experiment."""

    def make(fault, at=2):
        def strike(x, marks):
            if x == at:
                fault(x, marks)

        return strike

    return make
