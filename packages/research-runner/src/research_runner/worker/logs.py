"""Log files: ``research.log`` of the whole research, ``experiment.log`` in the folder of each experiment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from research_runner.system.texts import append_text, log_file

__all__ = ["ExperimentLog", "experiment_log", "research_log"]

_FORMAT: Final = "%(asctime)s %(levelname)-8s %(process)d %(message)s"
_ROOT: Final = logging.getLogger("research")


class ExperimentLog(logging.Handler):
    """Writes records that belong to an experiment into its folder.

    Parameters
    ----------
    path_of : callable
        Experiment id → its folder.
    """

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
    """Write what is logged in the block into ``research.log``.

    Parameters
    ----------
    folder : Path or None
        The folder of the research; without one nothing is written.
    level : int or None
        The lowest level; by default INFO.
    """
    if folder is None:
        yield
        return
    with _attached(log_file(folder / "research.log"), level or logging.INFO):
        yield


@contextmanager
def experiment_log(path_of: Callable[[str], Path], level: int) -> Iterator[None]:
    """Write what experiments log in the block into their ``experiment.log``."""
    with _attached(ExperimentLog(path_of), level):
        yield
