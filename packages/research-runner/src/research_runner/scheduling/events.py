"""Events: reports of workers and backends, and what the coordinator tells listeners.

The first group is made by workers, the second by the coordinator from their reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from research_domain import ConfigAlias
from research_experiment import Failure
from research_runner.profiling.measure import ProfileRow
from research_runner.scheduling.tasks import new
from research_runner.system.worker_events import WorkerDied as WorkerDied
from research_runner.system.worker_events import WorkerReady as WorkerReady


class TaskStarted(NamedTuple):
    """A worker begins with a task, at that time of its clock in Unix seconds."""

    task: int
    started: float


class ValuesSaved(NamedTuple):
    """An experiment saved values, encoded where they were made."""

    experiment_id: str
    encoded: Any


class Progressed(NamedTuple):
    """An experiment has done so many iterations, `of` in all; that is 0 if its generators do not tell."""

    experiment_id: str
    iterations: int
    of: int = 0


class ValueShown(NamedTuple):
    """The latest value of the variable that is to be shown, as a short text."""

    experiment_id: str
    text: str


class Reported(NamedTuple):
    """An experiment has the values of the watched variables after a step, and waits for a verdict.

    With `final` it is about to end: these are its last values, None if one variable has none; nothing waits.
    """

    experiment_id: str
    step: int
    values: tuple[float, ...] | None
    final: bool = False


class UnitFailed(NamedTuple):
    """A unit failed in the process `pid`; the experiment may still finish its last iteration.

    `place` says where, if that is not this host.
    """

    experiment_id: str
    failure: Failure
    pid: int
    place: str | None = None


class OutputCaptured(NamedTuple):
    """Output of an experiment that no file keeps."""

    experiment_id: str
    stream: Literal["stdout", "stderr"]
    text: str


class Profiled(NamedTuple):
    """The profile of an experiment: one row for each call of a unit."""

    experiment_id: str
    rows: tuple[ProfileRow, ...]


class UnitStarted(NamedTuple):
    """A unit begins that may take `limit_s` seconds."""

    experiment_id: str
    unit: str
    limit_s: float


class UnitEnded(NamedTuple):
    """A unit with a time limit has ended."""

    experiment_id: str
    unit: str


class ExperimentEnded(NamedTuple):
    """An experiment ended by itself: done, or failed with its first failure.

    `retriable` says that the failure is one of those that were asked to be tried again; `stopped` is the step
    at which a verdict has ended it, for listeners.
    """

    experiment_id: str
    iterations: int
    elapsed_s: float
    failure: Failure | None
    retriable: bool = False
    stopped: int | None = None


class TaskEnded(NamedTuple):
    """A worker is through with a task; `elapsed_s` is its time in seconds."""

    task: int
    elapsed_s: float


class TaskFinished(NamedTuple):
    """A worker has finished a task and its last experiment, in one event.

    It stands for `ValuesSaved` if there is anything in `encoded`, `ExperimentEnded` and `TaskEnded`, and with
    `next_started` for `TaskStarted` of the next task, which the worker begins then.
    """

    task: int
    task_s: float
    experiment_id: str
    iterations: int
    elapsed_s: float
    encoded: Any
    next_started: float | None = None


class TaskReturned(NamedTuple):
    """A worker gives a task back without having begun it.

    `reason` says what is wrong with its devices; None if the task would only have to wait behind long ones.
    """

    task: int
    reason: str | None = None


class WorkerLeaves(NamedTuple):
    """A worker ends by itself after a task, because it is not fit for another one; `reason` says why."""

    reason: str


class BackendEvent(NamedTuple):
    """An event of the worker in a slot."""

    slot: int
    event: Any


class ExperimentQueued(NamedTuple):
    """An experiment was taken from the domain.

    `number` says where it stands in the order of the domain, `digest` is its identity.
    """

    experiment_id: str
    config: ConfigAlias
    number: int
    digest: bytes


class ExperimentStarted(NamedTuple):
    """An attempt at an experiment has begun."""

    experiment_id: str
    attempt: int
    slot: int
    host: str | None
    device: str | None
    started: float


class AttemptDone(NamedTuple):
    """A whole attempt that went well, of a task that took no longer than a commit waits.

    It stands for `ExperimentStarted`, `ValuesSaved` if there is anything in `encoded`, and `ExperimentEnded`.
    """

    experiment_id: str
    attempt: int
    slot: int
    host: str | None
    device: str | None
    started: float
    iterations: int
    elapsed_s: float
    encoded: Any


class ExperimentLost(NamedTuple):
    """An attempt was lost with its worker; the experiment runs again if `retry`, else it has failed."""

    experiment_id: str
    attempt: int
    failure: Failure
    retry: bool


class ExperimentReturned(NamedTuple):
    """An experiment has to start again without having failed; it loses no attempt."""

    experiment_id: str


class ExperimentAbandoned(NamedTuple):
    """An experiment was running when the run was ended before its time."""

    experiment_id: str
    failure: Failure


Event: TypeAlias = (
    ValuesSaved
    | Progressed
    | ValueShown
    | UnitFailed
    | OutputCaptured
    | Profiled
    | ExperimentEnded
    | ExperimentQueued
    | ExperimentStarted
    | AttemptDone
    | ExperimentLost
    | ExperimentReturned
    | ExperimentAbandoned
    | TaskReturned
    | WorkerLeaves
)
"""Events that listeners get."""

_ON_THE_WIRE: Final[tuple[type[Any], ...]] = (
    TaskStarted,
    ValuesSaved,
    ExperimentEnded,
    TaskEnded,
    Progressed,
    ValueShown,
    OutputCaptured,
    UnitFailed,
    UnitStarted,
    UnitEnded,
    Profiled,
    TaskReturned,
    WorkerLeaves,
    TaskFinished,
    Reported,
)
_HEADS: Final[dict[type, tuple[Any, ...]]] = {kind: (number,) for number, kind in enumerate(_ON_THE_WIRE)}


def pack(event: Any) -> tuple[Any, ...]:
    """Return the event of a worker as a plain tuple, which pickles several times as fast.

    Examples
    --------
    >>> unpack(pack(TaskEnded(3, 0.5)))
    TaskEnded(task=3, elapsed_s=0.5)
    """
    return _HEADS[type(event)] + event  # type: ignore[no-any-return]


def pack_report(events: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the events of a worker as plain tuples; the start of the next task is part of an end before it.

    Examples
    --------
    >>> unpack_report(pack_report([TaskFinished(3, 0.6, "a", 1, 0.5, ()), TaskStarted(4, 2.0)]))
    [TaskFinished(task=3, ..., next_started=2.0)]
    """
    if len(events) > 1 and type(events[-1]) is TaskStarted and type(events[-2]) is TaskFinished:
        *before, finished, start = events
        events = [*before, new(TaskFinished, (*finished[:-1], start[1]))]
    return list(map(add, map(_HEADS.__getitem__, map(type, events)), events))


def add_end(events: list[Any], task: int, elapsed_s: float) -> None:
    """Add the end of a task to events; that of a short one becomes one with what its experiment reported.

    Examples
    --------
    >>> events = [ValuesSaved("a", ()), ExperimentEnded("a", 1, 0.5, None)]
    >>> add_end(events, 3, 0.6)
    >>> events
    [TaskFinished(task=3, task_s=0.6, experiment_id='a', iterations=1, elapsed_s=0.5, encoded=(), ...)]
    """
    done = events[-1] if events else None
    if type(done) is not ExperimentEnded or done[3] is not None:
        events.append(TaskEnded(task, elapsed_s))
        return
    events.pop()
    has_saved = events and type(events[-1]) is ValuesSaved and events[-1][0] == done[0]
    encoded = events.pop()[1] if has_saved else ()
    events.append(new(TaskFinished, (task, elapsed_s, *done[:3], encoded, None)))


def unpack(packed: tuple[Any, ...]) -> Any:
    """Return the event of a packed tuple."""
    return unpack_report([packed])[0]


def unpack_report(packed: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return the events of packed tuples.

    TypeError, LookupError or ValueError if they are none.
    """
    events = []
    for fields in packed:
        kind = _ON_THE_WIRE[fields[0]]
        if len(fields) != len(kind._fields) + 1:
            raise ValueError(f"{kind.__name__} with {len(fields) - 1} fields")
        events.append(new(kind, fields[1:]))
    return events
