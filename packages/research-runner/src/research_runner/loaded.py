"""Researches that another process runs or ran: their results, their progress, their end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from research_experiment.execution.evaluation import evaluate_outside
from research_experiment.expressions.named import Expression, value_at
from research_runner.errors import NotAResearchError, NotFoundError, OptionError, RunnerError, UntrustedError
from research_runner.profiling.profiler import Profiler
from research_runner.profiling.stored import read_profiles
from research_runner.recording.storage_lookup import NOTE, storage_of
from research_runner.system.console import ResearchWarning
from research_runner.system.paths import absolute_path
from research_runner.system.process_identity import is_alive

__all__ = ["LoadedResearch", "StoredMonitor", "remove_research", "replacing"]

_MARK = "research.json"
_POLL_S = 0.1
_LEAVE_S = 2.0


class StoredMonitor:
    """The counts of a research, as far as they have been stored; see :class:`~research_runner.Monitor`."""

    def __init__(self, results: Any) -> None:
        self._results = results
        self._frame = results.experiments

    def _count(self, *statuses: str) -> int:
        return int(self._frame["status"].isin(statuses).sum())

    @property
    def exceptions(self) -> Sequence[Mapping[str, Any]]:
        """One dict per failed experiment: id, name (of the unit), it (the iteration), exception (a text)."""
        names = {"id": "id", "name": "unit", "it": "iteration", "exception": "message"}
        rows = self._results.failures.to_dict("records")
        return [{"pid": None, **{key: row[column] for key, column in names.items()}} for row in rows]

    @property
    def finished_experiments(self) -> int:
        """Experiments that have ended, failed ones included."""
        return self._count("done", "failed", "lost")

    @property
    def failed_experiments(self) -> int:
        """The number of failed experiments."""
        return self._count("failed", "lost")

    @property
    def finished_iterations(self) -> int:
        """Iterations done by the experiments that have ended."""
        return int(self._frame["iterations"].sum())

    @property
    def generated_experiments(self) -> int:
        """Experiments taken from the domain so far."""
        return len(self._frame)

    @property
    def in_progress(self) -> int:
        """Experiments that run now."""
        return self._count("running")

    @property
    def in_queue(self) -> int:
        """Experiments that wait for a worker."""
        return self._count("queued")

    @property
    def expected(self) -> int | None:
        """Experiments in all, as far as is known; None if the domain is infinite."""
        expected = self._results.meta.get("expected")
        return None if expected is None else int(expected) - len(getattr(self._results, "removed", ()))

    @property
    def remained_experiments(self) -> int | None:
        """Experiments that have not ended, as far as is known; None if the domain is infinite."""
        return None if self.expected is None else max(self.expected - self.finished_experiments, 0)


class LoadedResearch:
    """A research that another process runs or ran; nothing of its code is needed or run.

    Parameters
    ----------
    name : str
        Name of its folder.
    trusted : bool
        Whether its code may be run: by :meth:`run`, and by values of :attr:`results` that are more than data.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    """

    def __init__(self, name: str, trusted: bool = False) -> None:
        self.name = name
        self._trusted = trusted
        self._path = absolute_path(name)
        if not os.path.lexists(self._path):
            raise NotFoundError(name, str(self._path))
        self._reader = storage_of(self._path).read
        self._asked = False

    @property
    def path(self) -> Path:
        """The folder that the research was loaded from."""
        return self._path

    @property
    def storage(self) -> Self:
        """What has `results`, `meta` and `path`: this object itself, which only reads."""
        return self

    @property
    def results(self) -> Any:
        """A reader of the results so far; ``results.df`` is the table."""
        return self._reader(self._path, allow_pickle=self._trusted)

    @property
    def meta(self) -> Mapping[str, Any]:
        """Options, entropy and times of the run."""
        return self.results.meta  # type: ignore[no-any-return]

    @property
    def monitor(self) -> StoredMonitor:
        """Counts, as they are now."""
        return StoredMonitor(self.results)

    @property
    def profiler(self) -> Profiler:
        """Where the time of all runs went, as far as it was measured and is stored."""
        return read_profiles(self._path, getattr(self.results, "removed", ()))

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended, in whatever way."""
        return self.meta.get("ended") is not None or not self._is_alive()

    def _is_alive(self) -> bool:
        owner = self.meta.get("owner")
        return owner is not None and is_alive(owner)

    def terminate(self, kill_processes: bool = False, force: bool = False, wait: bool = True) -> None:
        """End the run in the process that runs it; nothing happens if it has ended.

        Parameters
        ----------
        kill_processes, force : bool
            Kill what runs; by default it may end, and only nothing new is started.
        wait : bool
            Return when the run has ended.

        Raises
        ------
        RunnerError
            If it runs on another host.
        """
        kill = kill_processes or force
        if self._ask_to_end(signal.SIGTERM if kill else signal.SIGINT):
            while wait and not self.is_finished:
                time.sleep(_POLL_S)
                if kill:
                    self._ask_to_end(signal.SIGTERM)
            deadline = time.monotonic() + _LEAVE_S
            while wait and self._is_alive() and time.monotonic() < deadline:
                time.sleep(_POLL_S)  # a process of its own ends; that of a notebook lives on

    def _ask_to_end(self, order: signal.Signals) -> bool:
        """Send a signal to the process that runs the research, if it does; a request is not repeated."""
        if self.is_finished:
            return False
        runner = self.meta["owner"]
        if runner["host"] != socket.gethostname():
            raise RunnerError(
                f"{self.name!r} is run by process {runner['pid']} on {runner['host']}; end it there"
            )
        if order == signal.SIGTERM or not self._asked:
            self._asked = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(runner["pid"], order)
        return True

    def try_config(self, config: Mapping[str, Any], wait_s: float = 10.0) -> int | None:
        """Put a config into the search of a running research; it is tried next.

        Parameters
        ----------
        config : mapping
            Parameter → value, of what JSON has: numbers, texts, lists...; other values by their names.
        wait_s : float
            Seconds to wait for the search, which looks when it would choose its next config.

        Returns
        -------
        int or None
            The question that it is the answer to; None if the search has not looked yet: the config is tried
            when it does, be it in a resumed run.

        Raises
        ------
        RunnerError
            If no search runs, or it does not take the config.
        OptionError
            If there is no JSON for the config.
        """
        from research_runner.recording.tries import answer_to, put_in

        if "search" not in self.meta.get("given", {}):
            raise RunnerError(f"{self.name!r} is no search: its configs are those of its domain")
        if self.is_finished:
            raise RunnerError(f"{self.name!r} is not running; nobody would try a config")
        try:
            request = put_in(self._path, config)
        except (TypeError, ValueError) as error:
            raise OptionError(
                "config", f"expected a mapping of what JSON has, got {config!r}: {error}"
            ) from error
        deadline = time.monotonic() + wait_s
        while True:
            is_late = time.monotonic() >= deadline or self.is_finished
            answer = answer_to(self._path, request)
            if answer is not None and "refused" in answer:
                raise RunnerError(f"{self.name!r} does not try {dict(config)!r}: {answer['refused']}")
            if answer is not None or is_late:
                return None if answer is None else int(answer["question"])
            time.sleep(_POLL_S)

    def run(
        self,
        resume: bool | str = True,
        retry_failed: bool = False,
        bar: Any = True,
        quiet: bool = False,
        raise_on_failure: bool = False,
    ) -> Self:
        """Continue the research without the script that began it, with the code in its folder.

        Parameters
        ----------
        resume : bool or 'force'
            Has to be set, as a reminder that nothing is run anew.
        retry_failed : bool
            Run failed experiments again.
        bar : bool or tqdm-like class
            Show a progress bar.
        quiet : bool
            Say nothing on standard error about experiments that failed.
        raise_on_failure : bool
            Raise an error at the end if experiments have failed.

        Raises
        ------
        FailedExperimentsError
            With `raise_on_failure`, if experiments have failed.
        UntrustedError
            If its code may not be run.
        """
        if not self._trusted:
            raise UntrustedError(self.name)
        if not resume:
            raise OptionError("resume", "a research that was loaded can only go on: use resume=True")
        from research_runner.code.importing import installed_for
        from research_runner.recording.code import load_code
        from research_runner.recording.folder import load_settings
        from research_runner.running.run import ResearchRun
        from research_runner.settings.values import Ending, Resume

        version = self.meta.get("code")
        code = None if version is None else load_code(self._path, version)
        going_on = Resume(retry_failed, resume == "force")
        ending = Ending(quiet, raise_on_failure)
        with installed_for(() if code is None else code.modules):
            settings = replace(load_settings(self._path), path=self._path, resume=going_on, ending=ending)
            ResearchRun(settings, code).execute(bar)
        return self

    def __repr__(self) -> str:
        return f"LoadedResearch({self.name!r})"


@value_at.register(LoadedResearch)
def _value_at_research(context: LoadedResearch, expression: Expression) -> Any:
    return evaluate_outside(expression, lambda: context.results)


@contextlib.contextmanager
def replacing(name: str) -> Iterator[None]:
    """Delete the folder of a research when the block has put another one in its place, unless it raises.

    Refuses, as `Research.remove` does, what is no research and what is being run.
    """
    path = absolute_path(name)
    if not os.path.lexists(path):
        yield
        return
    _check_removable(path, "run without overwrite=True, under another name")
    before = path.with_name(f".{path.name}-replaced-{uuid.uuid4().hex[:8]}")
    path.rename(before)
    try:
        yield
    except BaseException:
        if path.exists():
            shutil.rmtree(path)
        before.rename(path)
        raise
    shutil.rmtree(before)


def _check_removable(path: Path, instead: str) -> None:
    """Refuse to delete a folder that is not a research, or is in use."""
    if path.is_symlink() or not any((path / mark).is_file() for mark in (_MARK, NOTE)):
        raise NotAResearchError(str(path))
    if _is_running(str(path)):
        raise RunnerError(
            f"research {path.name!r} is being run and was left alone; end it with "
            f"Research.load({path.name!r}).terminate(), or {instead}"
        )


def remove_research(name: str, *, ask: bool, force: bool) -> None:
    """Delete the folder of a research; see :meth:`Research.remove`."""
    path = Path(name)
    if not os.path.lexists(path):
        missing = NotFoundError(name, str(path.absolute()))
        warnings.warn(f"{missing}; nothing was removed", ResearchWarning, stacklevel=3)
        return
    if not force:
        _check_removable(path, "delete it all the same with remove(..., force=True)")
    question = f"Delete {str(path.absolute())!r} with all results? [y/N] "
    if ask and input(question).strip().lower() not in ("y", "yes"):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _is_running(name: str) -> bool:
    """Whether a folder is being written to, as far as can be seen."""
    try:
        return not LoadedResearch(name).is_finished
    except Exception:  # noqa: BLE001 - what cannot be read can be removed
        return False
