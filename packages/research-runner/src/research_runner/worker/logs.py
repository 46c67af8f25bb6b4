"""Log files: ``research.log`` of the whole research, ``experiment.log`` in the folder of each experiment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from research_experiment import Hook, RunningExperiment
from research_experiment.careful_logging import CarefulLogger, careful_logger
from research_experiment.failures import FAILURES_LOGGER
from research_runner.system.texts import append_text, log_file

_FORMAT: Final = "%(asctime)s %(levelname)-8s %(process)d %(message)s"
_ROOT: Final = logging.getLogger("research")
_DIARY: Final = "research.experiment.diary"
_OF_EXPERIMENTS: Final = frozenset({_DIARY, FAILURES_LOGGER})
"""Loggers whose records are for ``experiment.log`` alone; the coordinator has its own words for them."""


class ExperimentLog(logging.Handler):
    """Writes records that belong to an experiment into its folder."""

    def __init__(self, path_of: Callable[[str], Path]) -> None:
        super().__init__()
        self._path_of = path_of

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record to ``experiment.log`` if it belongs to an experiment."""
        experiment_id = getattr(record, "experiment_id", None)
        if experiment_id is None:
            return
        try:
            append_text(self._path_of(experiment_id) / "experiment.log", self.format(record) + "\n")
        except OSError:
            self.handleError(record)


class Diary(Hook):
    """The hook that logs the course of an experiment: its beginning and end, at debug level its units."""

    def __init__(self) -> None:
        self._begun_s: dict[str, float] = {}

    def started(self, experiment: RunningExperiment) -> None:
        """Log the config."""
        self._begun_s[experiment.id] = time.monotonic()
        config = experiment.recorded_config.alias(as_string=True, delim=", ")
        _diary_of(experiment).info("started: %s", config or "an empty config")

    def called(self, experiment: RunningExperiment, unit: str, started_s: float, elapsed_s: float) -> None:
        """Log a call of a unit."""
        for branch in experiment.branches if experiment.index is None else (experiment,):
            _diary_of(branch).debug("iteration %d: %s, %.6f s", branch.iteration, unit, elapsed_s)

    def ended(self, experiment: RunningExperiment) -> None:
        """Log how it ended."""
        elapsed_s = time.monotonic() - self._begun_s.pop(experiment.id, time.monotonic())
        state = "failed" if experiment.is_failed else "done"
        _diary_of(experiment).info("%s: %d it, %.3f s", state, experiment.iteration + 1, elapsed_s)


def _diary_of(experiment: RunningExperiment) -> CarefulLogger:
    return careful_logger(_DIARY, experiment_id=experiment.id)


@contextmanager
def _attached(handler: logging.Handler, level: int) -> Iterator[None]:
    before = _ROOT.level
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.setLevel(level)
    _ROOT.addHandler(handler)
    if not before or before > level:
        _ROOT.setLevel(level)
    try:
        yield
    finally:
        _ROOT.setLevel(before)
        _ROOT.removeHandler(handler)
        handler.close()


@contextmanager
def research_log(folder: Path | None, level: int | None) -> Iterator[None]:
    """Write what is logged in the block into ``research.log``, if there is a folder; by default from INFO."""
    if folder is None:
        yield
        return
    handler = log_file(folder / "research.log")
    handler.addFilter(lambda record: record.name not in _OF_EXPERIMENTS)
    with _attached(handler, level or logging.INFO):
        yield


@contextmanager
def experiment_log(path_of: Callable[[str], Path], level: int) -> Iterator[None]:
    """Write what experiments log in the block into their ``experiment.log``."""
    with _attached(ExperimentLog(path_of), level):
        yield
