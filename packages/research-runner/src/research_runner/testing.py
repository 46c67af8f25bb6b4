"""What every backend and every search must do, as tests that its author runs; they need research-results.

Derive a test class from :class:`BackendContract`, say what to give to ``run(backend=...)``, and let pytest
collect it::

    class TestMyBackend(BackendContract):
        def backend(self):
            return MyBackend("localhost")

        def kill_engine_worker(self):
            self.cluster.workers[0].kill()

Tests of what a backend cannot do are skipped: those with an engine's worker that is killed, or with an engine
that goes away or is stopped, where nothing is said about how; those with attempts that die, where
`attempts_can_die` is False.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
import unittest
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from research_domain import Domain
from research_experiment import EC, EP, E, O
from research_runner.errors import EngineLostError
from research_runner.pool.errors import TravelError
from research_runner.research import Research
from research_runner.search_contract import SearchContract, expect
from research_runner.searching.rules import MedianStop
from research_runner.system.texts import append_text, read_text, write_text

__all__ = ["BackendContract", "SearchContract", "wait_until"]

_PATIENCE_S: Final = 60.0
_LARGE: Final = 2_000_000


def wait_until(condition: Callable[[], Any], patience_s: float = _PATIENCE_S) -> None:
    """Wait until something is the case.

    Raises
    ------
    AssertionError
        If it does not come about.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited for {patience_s} s in vain")
        time.sleep(0.01)


# -- units ------------------------------------------------------------------------------------------


def _walk(random: np.random.Generator, x: int) -> Iterator[float]:
    position = float(x)
    while True:
        position += random.normal()
        yield position


def _tick(x: int, gate: Path) -> Iterator[int]:
    """Yield until a gate is open."""
    while not gate.exists():
        yield x
        time.sleep(0.02)


def _rest(x: int) -> int:
    time.sleep(0.1)
    return x * 2


def _queue(x: int, first: int, gate: Path) -> int:
    """Wait before a gate, but for the first ones."""
    if x >= first:
        wait_until(gate.exists, 3600.0)
    return x * 2


def _hang(x: int, bad: int) -> int:
    if x == bad:
        time.sleep(3600)
    return x


def _die(x: int, bad: int, log: Path, until: int) -> int:
    """Leave a line in a log, and die if it has not enough lines."""
    if x == bad:
        append_text(log, f"{os.getpid()}\n")
        if len(read_text(log).splitlines()) < until:
            os.kill(os.getpid(), signal.SIGKILL)
    return x


def _fail(x: int, bad: int) -> int:
    if x == bad:
        raise ValueError(f"no {x} please")
    return x


def _leave_file(x: int, path: Path) -> int:
    (Path(path) / "deep").mkdir()
    (Path(path) / "deep" / "file.bin").write_bytes(bytes([x]) * 5_000_000)
    return x


def _speak(x: int) -> int:
    print(f"this is {x}", flush=True)  # noqa: T201 - output is what is tested
    return x


_EDITS: Final = ("VALUE = 2\n", "broken(", None, "VALUE = 1\n")


def _edit(x: int, value: Callable[[], int], files: Sequence[Path], log: Path, dies: bool) -> int:
    """Edit, break, remove and restore modules; die, and in the next attempt use them."""
    text = _EDITS[x % len(_EDITS)]
    for file in files:
        if text is None:
            file.unlink(missing_ok=True)
        else:
            write_text(file, text)
    append_text(log, f"{x}\n")
    if dies and read_text(log).splitlines().count(str(x)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return value()


@contextmanager
def _modules(folder: Path) -> Iterator[tuple[Callable[[], int], list[Path]]]:
    """Yield the function of a module, which imports another one when it is called, and both files."""
    name = f"edited_{uuid.uuid4().hex}"
    files = [folder / f"{name}.py", folder / f"{name}_late.py"]
    late = f"def value():\n    import {name}_late\n    return VALUE + {name}_late.VALUE\n"
    write_text(files[0], f"VALUE = 1\n\n{late}")
    write_text(files[1], "VALUE = 1\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name).value, files
    finally:
        sys.path.remove(str(folder))
        for each in (name, f"{name}_late"):
            sys.modules.pop(each, None)


def _study(name: Path, values: Iterable[int], unit: Callable[..., Any], **arguments: Any) -> Research:
    """Return a research with one unit, which takes x."""
    research = Research(str(name), Domain(x=list(values)))
    return research.add_callable("unit", unit, x=EC("x"), save_to="y", **arguments)


class BackendContract:
    """Tests that any backend passes; see the module for how to use them.

    Attributes
    ----------
    attempts_can_die : bool
        Whether each attempt runs in a process that may die without any harm to others.
    options : mapping
        More parameters of ``run``, for all tests.
    """

    attempts_can_die: bool = True
    options: Mapping[str, Any] = {}

    # -- what the author of a backend says --------------------------------------------------------

    def backend(self) -> Any:
        """Return an argument for ``run(backend=...)``, with space for two workers."""
        raise NotImplementedError

    def kill_engine_worker(self) -> None:
        """Kill the process of the engine (not ours) in which an attempt is running."""
        raise NotImplementedError

    def lose_engine(self) -> None:
        """Let the engine disappear."""
        raise NotImplementedError

    def stop_engine(self) -> None:
        """Stop the engine in an orderly way."""
        raise NotImplementedError

    def bring_back_engine(self) -> None:
        """Start it again, in the same place."""
        raise NotImplementedError

    # -- what the tests share ---------------------------------------------------------------------

    def _run(self, research: Research, **options: Any) -> Research:
        given = {"workers": 2, "bar": False, "seed": 11, **self.options, "backend": self.backend(), **options}
        return research.run(**given)

    @contextmanager
    def _running(self, research: Research, **options: Any) -> Iterator[list[BaseException]]:
        """Run in a thread for the time of the block; yield what is raised in it."""
        errors: list[BaseException] = []

        def run() -> None:
            try:
                self._run(research, **options)
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                errors.append(error)

        thread = threading.Thread(target=run, name="contract")
        thread.start()
        try:
            wait_until(lambda: research._last is not None or errors)
            yield errors
        finally:
            thread.join(_PATIENCE_S)
            expect(not thread.is_alive(), "the run did not end")

    def _needs(self, method: str) -> None:
        if getattr(type(self), method) is getattr(BackendContract, method):
            raise unittest.SkipTest(f"{type(self).__name__} does not say how to {method.replace('_', ' ')}")

    def _needs_processes(self) -> None:
        if not self.attempts_can_die:
            raise unittest.SkipTest("attempts of this backend share a process with the coordinator")

    @staticmethod
    def _walks(name: Path, size: int = 6) -> Research:
        return (
            Research(str(name), Domain(x=list(range(size))))
            .add_callable("scale", lambda: 3, root=True)
            .add_generator("walk", _walk, random=E().random, x=EC("x"), save_to="walk")
            .add_callable("times", lambda a, b: a * b, args=[O("walk"), O("scale")], save_to="scaled")
        )

    def _expect_same(self, research: Research, other: Research) -> None:
        left, right = research.results.df, other.results.df
        expect(left.equals(right), f"the tables differ:\n{left}\n{right}")

    @staticmethod
    def _expect_doubled(research: Research, size: int) -> None:
        table = research.results.df
        found = list(zip(table["x"], table["y"], strict=True))
        expect(found == [(x, 2 * x) for x in range(size)], f"found {table}")

    # -- results ----------------------------------------------------------------------------------

    def test_table_is_that_of_an_inline_run(self, tmp_path: Path) -> None:
        """The same seed gives the same table, with branches and several workers."""
        here = self._walks(tmp_path / "here").run(n_iters=4, seed=11, bar=False, backend="inline")
        there = self._run(self._walks(tmp_path / "there"), n_iters=4, branches=2)
        expect(there.monitor.finished_experiments == 6, "experiments are missing")
        self._expect_same(there, here)

    def test_experiments_are_ended_early_as_in_an_inline_run(self, tmp_path: Path) -> None:
        """Each experiment waits for its verdict, in any thread, and the verdict reaches it alone."""
        rule = MedianStop("walk", steps=["%0", 2], startup=1)
        for target in ("threads", "for"):
            options: dict[str, Any] = {"stop": rule, "slots": 4, "n_iters": 6}
            options.update(branches=2, executor_target=target)
            here = self._walks(tmp_path / f"here-{target}", 10)
            here.run(seed=11, bar=False, backend="inline", **options)
            there = self._run(self._walks(tmp_path / f"there-{target}", 10), **options)
            self._expect_same(there, here)
            stopped = there.results.experiments["stopped"]
            expect(0 < stopped.count() < 10, f"ended were {stopped}")

    def test_table_is_the_same_in_memory(self, tmp_path: Path) -> None:
        """Results can stay in memory."""
        here = self._walks(tmp_path / "here").run(n_iters=4, seed=11, bar=False, backend="inline")
        there = self._run(self._walks(tmp_path / "there"), n_iters=4, dump_results=False)
        self._expect_same(there, here)

    def test_values_arrive_while_their_experiment_runs(self, tmp_path: Path) -> None:
        """Values can be read while their experiment runs."""
        gate = tmp_path / "gate"
        research = Research(str(tmp_path / "ticks"), Domain(x=[1, 2])).add_generator(
            "tick", _tick, x=EC("x"), gate=gate, save_to="tick"
        )
        with self._running(research) as errors:
            try:
                wait_until(lambda: errors or len(research.results.df))
                expect(not research.is_finished, "values were seen only after the end")
            finally:
                gate.touch()
        expect(not errors, f"the run raised {errors}")
        expect(research.monitor.finished_experiments == 2, "experiments are missing")

    def test_large_results_arrive_whole(self, tmp_path: Path) -> None:
        """Values of many megabytes come back as they were."""
        research = _study(tmp_path / "large", [1, 2, 3], lambda x: np.arange(_LARGE) * x)
        table = self._run(research).results.df.set_index("x")["y"]
        for x in (1, 2, 3):
            expect(np.array_equal(table[x], np.arange(_LARGE) * x), f"the array of x={x} has changed")

    def test_configs_of_workers_are_appended(self, tmp_path: Path) -> None:
        """A worker adds its config to those of its experiments."""
        research = Research(str(tmp_path / "who"), Domain(x=list(range(8)))).add_callable(
            "who", lambda who: who, who=EC("who"), save_to="name"
        )
        workers = [{"who": "a"}] if not self.attempts_can_die else [{"who": "a"}, {"who": "b"}]
        table = self._run(research, workers=workers).results.df
        expect(set(table["name"]) <= {"a", "b"} and len(table) == 8, f"found {table}")

    def test_files_of_experiments_are_in_their_folders(self, tmp_path: Path) -> None:
        """What a unit leaves in EP() is found in the folder of the research."""
        research = _study(tmp_path / "files", [1, 2, 3], _leave_file, path=EP())
        self._run(research)
        for experiment_id, x in research.results.df.set_index("id")["x"].items():
            file = tmp_path / "files" / "experiments" / str(experiment_id) / "deep" / "file.bin"
            expect(file.read_bytes() == bytes([x]) * 5_000_000, f"{file} is not what was written")

    def test_output_is_caught(self, tmp_path: Path) -> None:
        """What experiments print is kept, for each and for all of them."""
        research = _study(tmp_path / "output", [1, 2, 3], _speak)
        self._run(research, redirect_stdout=3)
        everything = read_text(tmp_path / "output" / "stdout.txt")
        for experiment_id, x in research.results.df.set_index("id")["x"].items():
            own = tmp_path / "output" / "experiments" / str(experiment_id) / "stdout.txt"
            expect(read_text(own) == f"this is {x}\n", f"{own} is not what was printed")
            expect(f"this is {x}\n" in everything, f"the common file lacks x={x}")

    def test_edits_change_nothing_in_a_running_research(self, tmp_path: Path) -> None:
        """To all workers modules that are edited, broken, removed and restored are the first version."""
        with _modules(tmp_path) as (value, files):
            log, dies = tmp_path / "log", self.attempts_can_die
            research = _study(
                tmp_path / "edits", range(8), _edit, value=value, files=files, log=log, dies=dies
            )
            table = self._run(research).results.df
        expect(list(table["y"]) == [2] * 8, f"found {table}")

    # -- what goes wrong --------------------------------------------------------------------------

    def test_failed_unit_fails_its_experiment_alone(self, tmp_path: Path) -> None:
        """An exception arrives with its traceback."""
        research = _study(tmp_path / "fails", range(4), _fail, bad=2)
        self._run(research)
        failures = research.results.failures
        expect(list(failures["cause"]) == ["exception"], f"found {failures}")
        expect("no 2 please" in failures["message"].iloc[0], "the message is lost")
        expect("_fail" in failures["traceback"].iloc[0], "the traceback is lost")
        expect(len(research.results.df["y"].dropna()) == 3, "other experiments have suffered")

    def test_plan_that_cannot_travel_is_refused(self, tmp_path: Path) -> None:
        """Nothing is created for a plan that no worker could load."""
        self._needs_processes()
        handle = (each for each in "abc")
        research = Research(str(tmp_path / "stays")).add_callable("use", lambda: next(handle), save_to="y")
        try:
            self._run(research)
        except TravelError as error:
            expect("use" in str(error), f"the error does not name the unit: {error}")
        else:
            raise AssertionError("no TravelError was raised")
        expect(not (tmp_path / "stays").exists(), "a folder was created")

    def test_each_attempt_is_counted_once(self, tmp_path: Path) -> None:
        """An experiment that takes its worker with it is tried as often as it was asked for."""
        self._needs_processes()
        log = tmp_path / "log"
        research = _study(tmp_path / "dies", range(6), _die, bad=3, log=log, until=100)
        self._run(research, max_attempts=3)
        failures = research.results.failures
        expect(len(read_text(log).splitlines()) == 3, f"attempts: {read_text(log)!r}")
        expect(list(failures["cause"]) == ["signal"], f"found {failures}")
        expect(len(research.results.df["y"].dropna()) == 5, "other experiments have suffered")

    def test_second_attempt_may_succeed(self, tmp_path: Path) -> None:
        """The death of a worker is not the end of its experiment."""
        self._needs_processes()
        research = _study(tmp_path / "dies", range(4), _die, bad=2, log=tmp_path / "log", until=2)
        self._run(research)
        experiments = research.results.experiments
        expect(list(experiments["status"]) == ["done"] * 4, f"found {experiments}")
        expect(sorted(experiments["attempts"]) == [1, 1, 1, 2], f"found {experiments}")

    def test_time_limit_kills_what_hangs(self, tmp_path: Path) -> None:
        """An experiment that takes too long is killed, and no other one suffers."""
        self._needs_processes()
        research = _study(tmp_path / "hangs", range(5), _hang, bad=1)
        self._run(research, timeout=1, max_attempts=1)
        failures = research.results.failures
        expect(list(failures["cause"]) == ["timeout"], f"found {failures}")
        expect(len(research.results.df["y"].dropna()) == 4, "other experiments have suffered")

    def test_fresh_worker_for_each_task(self, tmp_path: Path) -> None:
        """Workers can be replaced, which is what frees the memory of devices."""
        self._needs_processes()
        research = Research(str(tmp_path / "fresh"), Domain(x=list(range(5)))).add_callable(
            "pid", os.getpid, save_to="pid"
        )
        table = self._run(research, tasks_per_worker=1).results.df
        expect(table["pid"].nunique() == 5, f"found {table}")

    # -- ends before the end ----------------------------------------------------------------------

    def test_stop_lets_what_runs_end_and_resume_goes_on(self, tmp_path: Path) -> None:
        """A stopped run loses nothing; the rest is run later, with the same table."""
        research = _study(tmp_path / "stops", range(12), _rest)
        with self._running(research) as errors:
            wait_until(lambda: errors or research.monitor.finished_experiments >= 2)
            research.terminate(wait=False)
        statuses = set(research.results.experiments["status"])
        expect(not errors, f"the run raised {errors}")
        expect(statuses <= {"done", "queued"}, f"found {statuses}")
        expect(2 <= research.monitor.finished_experiments < 12, "it did not stop")
        self._run(research, resume=True)
        self._expect_doubled(research, 12)

    def test_kill_ends_at_once(self, tmp_path: Path) -> None:
        """A run can be ended while its experiments hang."""
        self._needs_processes()
        research = _study(tmp_path / "hangs", [1, 1, 1], _hang, bad=1)
        with self._running(research) as errors:
            wait_until(lambda: errors or research.monitor.in_progress == 2)
            research.terminate(force=True, wait=False)
        expect(not errors, f"the run raised {errors}")
        statuses = list(research.results.experiments["status"])
        expect(statuses.count("lost") == 2, f"found {statuses}")

    def test_death_of_an_engines_worker_loses_nothing(self, tmp_path: Path) -> None:
        """The engine may lose a worker process in the middle."""
        self._needs("kill_engine_worker")
        research = _study(tmp_path / "loses", range(20), _rest)
        with self._running(research) as errors:
            wait_until(lambda: errors or research.monitor.finished_experiments >= 3)
            self.kill_engine_worker()
        expect(not errors, f"the run raised {errors}")
        experiments = research.results.experiments
        expect(list(experiments["status"]) == ["done"] * 20, f"found {experiments}")
        self._expect_doubled(research, 20)

    def test_run_goes_on_when_its_engine_is_back(self, tmp_path: Path) -> None:
        """An engine that disappears ends the run with an error that says so, and nothing is lost."""
        self._needs("lose_engine")
        self._expect_to_go_on(tmp_path / "goes", self.lose_engine)

    def test_engine_that_is_stopped_costs_no_attempt(self, tmp_path: Path) -> None:
        """An engine that says goodbye to its workers ends the run as well, and no experiment has failed."""
        self._needs("stop_engine")
        self._expect_to_go_on(tmp_path / "goes", self.stop_engine)

    def _expect_to_go_on(self, name: Path, end: Callable[[], None]) -> None:
        """Let the engine end in the middle of a run, and resume that when the engine is back."""
        gate = name.with_name("gate")
        research = _study(name, range(12), _queue, first=5, gate=gate)
        with self._running(research, max_attempts=1) as errors:
            wait_until(
                lambda: (
                    errors
                    or (research.monitor.finished_experiments == 5 and research.monitor.in_progress == 2)
                )
            )
            end()
        expect([type(error) for error in errors] == [EngineLostError], f"the run raised {errors}")
        expect("resume=True" in str(errors[0]), f"the error does not say what to do: {errors[0]}")
        statuses = list(research.results.experiments["status"])
        expect(statuses.count("done") == 5 and "failed" not in statuses, f"found {statuses}")
        gate.touch()
        self.bring_back_engine()
        self._run(research, resume=True, max_attempts=1)
        self._expect_doubled(research, 12)
        attempts = set(research.results.experiments["attempts"])
        expect(attempts == {1}, f"experiments have taken {attempts} attempts")
