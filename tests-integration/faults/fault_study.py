"""The research of a test: what it runs, what is there, and what has to be true of it afterwards."""

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
import psutil
from fault_processes import Coordinator, Marks, until

import research_results.disk.fail_points
import research_runner.system.fail_points
from research_results import ResultsError
from research_stack import EC, EP, Domain, E, O, Research, ResearchResults

GONE_S = 2.0
"""What is promised: seconds until everything of a killed coordinator is gone."""
KILLED = {-signal.SIGKILL, -signal.SIGHUP}
CANNOT_WRITE = ("StorageFullError", "StorageLostError", "research.db-wal was removed")
"""Of a coordinator that could not note what became of its experiments."""
STATES = {"queued", "running", "done", "failed", "lost"}


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
