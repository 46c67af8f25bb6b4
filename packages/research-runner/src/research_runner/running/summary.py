"""The end of a run in words: in the log, on the terminal and in errors."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

from research_domain import FailureReport
from research_experiment import Storage
from research_experiment.careful_logging import careful_logger
from research_runner.pool.launch import current_directory
from research_runner.recording.folder import settings_are_kept
from research_runner.recording.monitor import Monitor
from research_runner.settings.values import RunSettings
from research_runner.system.console import write_line
from research_runner.worker.output import STREAMS

_LOG = careful_logger("research.run")


class RunSummary:
    """What came of a run, in words."""

    def __init__(self, settings: RunSettings, storage: Storage, monitor: Monitor) -> None:
        self._settings = settings
        self._storage = storage
        self._monitor = monitor

    def where_output_is(self) -> str:
        """Say where the output of experiments went, if there is any."""
        path, redirects = self._settings.path, self._settings.output.redirects
        found = []
        for fd, stream in STREAMS.items():
            if path is None:
                texts = getattr(self._storage, f"experiments_{stream}") if redirects[fd].separate else {}
                found += [f"research.storage.experiments_{stream}"] * any(texts.values())
            elif redirects[fd].common and (path / f"{stream}.txt").exists():
                found.append(str(_short(path / f"{stream}.txt")))
            elif redirects[fd].separate and any(path.glob(f"experiments/*/{stream}.txt")):
                found.append(str(_short(path / "experiments" / "*" / f"{stream}.txt")))
        return f"; what experiments printed is in {' and '.join(found)}" if found else ""

    def failures(self) -> FailureReport | None:
        """Return the failures, if any, and log them."""
        if not self._monitor.failed_experiments:
            return None
        report: FailureReport = self._storage.results.failure_report()
        if not report.failed:  # all of them were removed meanwhile
            return None
        if self._settings.path is not None:
            _LOG.error("%s", report.brief)  # the tracebacks are there already
        return report

    def say_failures(self, report: FailureReport | None, *, in_short: bool = False) -> None:
        """Write what failed to standard error, unless the run is to be quiet."""
        if report is not None and not self._settings.ending.quiet:
            write_line(self.with_hint(report.headline if in_short else str(report)), sys.stderr)

    def with_hint(self, report: str) -> str:
        """Return the text about failures, with a hint where to find more."""
        hint = "see research.results.failures"
        path = self._settings.path
        if path is not None:
            hint += f", or: research show {shlex.quote(str(_short(path)))} --failures"
        return f"{report}\n{hint}"

    def how_to_resume(self) -> str:
        """Say where what has ended is stored, and how to go on."""
        path = self._settings.path
        if path is None:
            return "results are in memory"
        name = _short(path)
        text = f"what has ended is stored in {name}; go on with run(resume=True)"
        if not settings_are_kept(path):
            return text
        return f"{text}, or without the script: research resume {shlex.quote(str(name))}"

    def log_end(self, begun: float, why: str | None = None) -> str:
        """Log the end of the run before the folder records it, because followers of the log then stop."""
        monitor, path = self._monitor, self._settings.path
        failed = monitor.failed_experiments
        where = "results are in memory" if path is None else f"results are in {_short(path)}"
        counts = f"{monitor.finished_experiments - failed} done, {failed} failed"
        ended = why or f"{counts} in {time.monotonic() - begun:.1f} s; {where}"
        _LOG.info("ended: %s", ended)
        return ended


def _short(path: Path) -> Path:
    """Return the path as a person in the current folder would write it."""
    here = current_directory()
    return path.relative_to(here) if here is not None and path.is_relative_to(here) else path
