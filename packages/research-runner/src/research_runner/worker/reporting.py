"""Reports of a worker as events: values, progress, failures, ends and time limits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from operator import length_hint
from os import getpid
from threading import Lock
from typing import Any, Final, NamedTuple

from research_experiment import ExpressionError, Failure, Hook, RunningExperiment
from research_experiment.forks import DEPTH, end_if_forked
from research_experiment.protocols import Encoded, Values
from research_runner.profiling.measure import profile_rows
from research_runner.scheduling.events import (
    ExperimentEnded,
    Profiled,
    Progressed,
    UnitEnded,
    UnitFailed,
    UnitStarted,
    ValueShown,
    ValuesSaved,
    add_end,
)
from research_runner.scheduling.tasks import new
from research_runner.system.fail_points import ARMED, fail_point
from research_runner.system.texts import short_text

_REPORT_EVERY_S: Final = 0.1
_SHOWN: Final = 24
"""Characters of a value that is shown."""


class Outbox:
    """Gathers events and sends them together: at most ten times a second, or when it is flushed.

    Any thread may add events. `hold` takes one that the next one completes, so that both are sent together.
    """

    def __init__(self, send: Callable[[Sequence[Any]], None]) -> None:
        self._send = send
        self._events: list[Any] = []  # the same list for ever, so that threads can append without a lock
        self.hold: Final[Callable[[Any], None]] = self._events.append
        self._sent = time.monotonic()
        self._lock = Lock()
        self._owner, self._depth = getpid(), DEPTH[0]

    def add(self, event: Any) -> None:
        """Add an event; send all if the last time was more than a tenth of a second ago."""
        if DEPTH[0] != self._depth:
            end_if_forked(self._owner)
        self._events.append(event)
        if time.monotonic() - self._sent > _REPORT_EVERY_S:
            self.flush()

    def end(self, task: int, elapsed_s: float) -> None:
        """Add the end of a task, whose threads report nothing any more."""
        if DEPTH[0] != self._depth:
            end_if_forked(self._owner)
        with self._lock:  # a thread that a unit has left behind may be sending
            add_end(self._events, task, elapsed_s)
        if time.monotonic() - self._sent > _REPORT_EVERY_S:
            self.flush()

    def flush(self, *events: Any) -> None:
        """Send all events that wait, and these."""
        if DEPTH[0] != self._depth:
            end_if_forked(self._owner)
        with self._lock:
            waiting = self._events[:]
            del self._events[: len(waiting)]
            waiting += events
            self._sent = time.monotonic()
            if waiting:
                if ARMED:
                    fail_point("before-report")
                self._send(waiting)
                if ARMED:
                    fail_point("after-report")


class KeptValue(NamedTuple):
    """A value encoded when it was saved, and how it is shown."""

    encoded: Encoded
    text: str | None
    value: Any = None


class EncodingSink:
    """Encodes saved values in the worker, so that the coordinator only has to write bytes.

    What can change is encoded when it is saved, numbers and texts later and together. The latest value of the
    variable `show` is reported as a text as well.
    """

    def __init__(
        self, emit: Callable[[Any], None], encode: Callable[[Values], Encoded], show: str | None = None
    ) -> None:
        self._emit = emit
        self._encode = encode
        self._show = show
        self._has_kept = False

    def keep(self, name: str, iteration: int, value: Any) -> KeptValue:
        """Encode a value as it is now."""
        self._has_kept = True
        encoded = self._encode({name: {iteration: value}})
        return KeptValue(encoded, _as_text(value) if name == self._show else None)

    def put(self, experiment_id: str, values: Values) -> None:
        """Emit encoded values, and the latest one of the variable that is shown."""
        unchanging, kept = _parted(values) if self._has_kept else (values, ())
        if unchanging:
            self._emit(new(ValuesSaved, (experiment_id, self._encode(unchanging))))
        for each in kept:
            self._emit(ValuesSaved(experiment_id, each.encoded))
        if self._show is not None and (column := values.get(self._show)):
            latest = column[max(column)]
            text = latest.text if type(latest) is KeptValue else _as_text(latest)
            self._emit(ValueShown(experiment_id, text or ""))


def _parted(values: Values) -> tuple[Values, Sequence[KeptValue]]:
    """Separate values from values that are encoded already."""
    mixed = [name for name, column in values.items() if KeptValue in map(type, column.values())]
    if not mixed:
        return values, []
    kept = [value for name in mixed for value in values[name].values() if type(value) is KeptValue]
    unchanging = dict(values)
    for name in mixed:
        column = {key: value for key, value in unchanging.pop(name).items() if type(value) is not KeptValue}
        if column:
            unchanging[name] = column
    return unchanging, kept


def _as_text(value: Any) -> str:
    """Return a value as a short text, numbers with four digits."""
    try:
        return format(value, ".4g")
    except Exception:  # noqa: BLE001 - no number, one that no float holds, or code of the user's
        return short_text(value, _SHOWN, str)


class EndReporter(Hook):
    """The hook that reports failures and ends of experiments as events.

    `flush` sends all events that wait; called when a branch ends, because its siblings may run for long.
    `hold` takes the end of an experiment, which is sent together with the end of its task.
    """

    def __init__(
        self,
        emit: Callable[[Any], None],
        retry_on: tuple[type[BaseException], ...],
        flush: Callable[[], None],
        hold: Callable[[Any], None] | None = None,
    ) -> None:
        self._emit = emit
        self._flush = flush
        self._hold = hold or emit
        self._retry_on = retry_on
        self._retriable: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Begin with the next task."""
        self._retriable.clear()
        self._started = time.perf_counter()

    def failed(self, experiment: RunningExperiment, failure: Failure) -> None:
        """Report a failed unit, while its exception is being handled."""
        error = sys.exception()
        if experiment.failure is failure and isinstance(_cause(error), self._retry_on):
            self._retriable.add(experiment.id)
        self._emit(UnitFailed(experiment.id, failure, getpid()))

    def ended(self, experiment: RunningExperiment) -> None:
        """Report the end of an experiment, after all of its values."""
        progress, experiment_id = experiment.progress, experiment.identity.id
        if progress.profile.units:
            epoch = time.time() - time.perf_counter()
            rows = profile_rows(experiment_id, experiment.profile_info, experiment.profile_details, epoch)
            self._emit(Profiled(experiment_id, tuple(rows)))
        elapsed_s, retriable = time.perf_counter() - self._started, experiment_id in self._retriable
        iterations = experiment.storage.iteration + 1
        self._hold(
            new(ExperimentEnded, (experiment_id, iterations, elapsed_s, progress.failure, retriable, None))
        )
        if elapsed_s > _REPORT_EVERY_S and len(experiment.branches) > 1:
            self._flush()


class Reporter(EndReporter):
    """The hook that reports progress as well, for experiments of several iterations."""

    def begin(self) -> None:
        """Begin with the next task."""
        super().begin()
        self._reported = time.monotonic()

    def iterated(self, experiment: RunningExperiment) -> None:
        """Report progress, at most ten times a second."""
        now = time.monotonic()
        if now - self._reported > _REPORT_EVERY_S:
            self._reported = now
            for branch in experiment.branches:
                done = branch.iteration + 1
                self._emit(Progressed(branch.id, done, _length(branch.progress.made, done)))


def _length(made: Sequence[tuple[str, Any]], done: int) -> int:
    """Return how many iterations an experiment will have, by the iterators that know; 0 if none does."""
    lengths = []
    for _, each in made:
        if not isinstance(each, Iterator):
            continue
        with suppress(Exception):  # of iterators of the user's own
            total = len(each) if isinstance(each, Sized) else done + length_hint(each)
            if total > done:
                lengths.append(total)
    return min(lengths, default=0)


def _cause(error: BaseException | None) -> BaseException | None:
    """Return the exception of the user's code, which a named expression may have wrapped."""
    return error.__cause__ if isinstance(error, ExpressionError) else error


class Timekeeper(Hook):
    """The hook that reports the beginning and the end of units with a time limit, before they can hang."""

    def __init__(self, outbox: Outbox, limits_s: Mapping[str, float]) -> None:
        self._outbox = outbox
        self._limits_s = limits_s

    def calling(self, experiment: RunningExperiment, unit: str) -> None:
        """Report the beginning of a unit and its time limit."""
        limit_s = self._limits_s.get(unit)
        if limit_s is not None:
            self._outbox.add(UnitStarted(experiment.id, unit, limit_s))
            self._outbox.flush()

    def called(self, experiment: RunningExperiment, unit: str, started_s: float, elapsed_s: float) -> None:
        """Report the end of a unit."""
        if unit in self._limits_s:
            self._outbox.add(UnitEnded(experiment.id, unit))
