"""The progress bar."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from research_experiment.careful_logging import careful_logger
from research_runner.recording.lines import ProgressLines, is_drawable
from research_runner.recording.monitor import Monitor

_LOG = careful_logger("research.run")


class ProgressBar:
    """Shows how far a research has come: iterations when their number is known, else experiments.

    The class is called with `total`, `unit` and `desc`, and if it takes that with `initial`; it has `n`,
    `total`, `update`, `refresh`, `set_description` and `close`, as tqdm has.
    """

    def __init__(
        self,
        bar_class: Any,
        monitor: Monitor,
        n_iters: int | None,
        show: str | None = None,
        name: str = "research",
    ) -> None:
        self._monitor = monitor
        self._n_iters = n_iters
        self._show = show
        self._name = name
        self._said = self._description
        self._bar: Any = None
        with self._kept_apart():
            before = {"initial": self._done} if self._done and _takes_initial(bar_class) else {}
            unit = "exp" if n_iters is None else "it"
            self._bar = bar_class(total=self._total, unit=unit, desc=self._said, **before)

    @property
    def _total(self) -> int | None:
        remained = self._monitor.remained_experiments
        if remained is None:
            return None
        return (self._monitor.finished_experiments + remained) * (self._n_iters or 1)

    @property
    def _done(self) -> float:
        ended = self._monitor.finished_experiments
        if self._n_iters is None:
            return ended + (self._monitor.begun_experiments or 0)  # whole numbers are shown as such
        return ended * self._n_iters + self._monitor.running_iterations

    @property
    def _description(self) -> str:
        failed, latest = self._monitor.failed_experiments, self._monitor.latest
        parts = [self._name, f"{failed} failed"] if failed else [self._name]
        if self._n_iters is None and self._monitor.running_iterations:
            parts.append(f"{self._monitor.finished_iterations} it")
        if self._show is not None and latest is not None:
            parts.append(f"{self._show}={latest}")
        return ", ".join(parts)

    @contextmanager
    def _kept_apart(self) -> Iterator[None]:
        """Go on without the bar if it cannot be drawn: a terminal that is gone ends no run."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - of a class of the user's own, or of a stream that is gone
            self._bar = None
            _LOG.warning("the run goes on without its bar, which cannot be drawn: %r", error)

    def refresh(self) -> None:
        """Draw the bar if something has changed; the bar class limits how often."""
        if self._bar is None:
            return
        description = self._description
        with self._kept_apart():
            if description != self._said:
                self._said = description
                self._bar.set_description(description, refresh=False)
            self._bar.total = self._total
            self._bar.update(self._done - self._bar.n)

    def close(self) -> None:
        """Draw the bar once more and leave it."""
        self.refresh()
        if self._bar is None:
            return
        with self._kept_apart():
            if self._bar.n == int(self._bar.n):  # quarters of experiments have been added up: 4, not 4.0
                self._bar.n = int(self._bar.n)
            self._bar.refresh()
            self._bar.close()


def _takes_initial(bar_class: Any) -> bool:
    """Whether a class has the parameter ``initial``, as tqdm does."""
    try:
        parameters = inspect.signature(bar_class).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.name == "initial" or each.kind is each.VAR_KEYWORD for each in parameters)


def make_bar(
    bar: Any, monitor: Monitor, n_iters: int | None, show: str | None = None, name: str = "research"
) -> ProgressBar | None:
    """Make the bar that was asked for; True is that of tqdm, or `ProgressLines` where none can be drawn."""
    if bar is False or bar is None:
        return None
    if bar is True and not is_drawable(sys.stderr):
        bar = ProgressLines
    elif bar is True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without ipywidgets has a bar of text
            from tqdm.auto import tqdm

        bar = tqdm
    return ProgressBar(bar, monitor, n_iters, show, name)
