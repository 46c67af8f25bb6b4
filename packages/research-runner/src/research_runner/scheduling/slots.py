"""Slots: what the coordinator knows of each worker and its tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from research_experiment import Failure
from research_runner.scheduling.events import ExperimentEnded
from research_runner.scheduling.tasks import ExperimentSpec, Task
from research_runner.system.death import Death
from research_runner.system.place import Place


class State(Enum):
    """State of the worker in a slot."""

    EMPTY = auto()
    STARTING = auto()
    READY = auto()
    LEAVING = auto()


class Assignment:
    """A task that a worker was given."""

    # what is so for most of them stands in the class: one is made for each task
    ended: frozenset[str] = frozenset()  # ids of its experiments that have ended
    # monotonic time at which the coordinator heard that the task had begun, in seconds
    started: float | None = None
    untold: float | None = None  # when it began, in Unix seconds, as long as listeners have not been told
    # experiment and unit, and the monotonic time at which its time limit ends
    deadlines: tuple[tuple[tuple[str, str], float], ...] = ()
    # ends of experiments that may be tried again once the task has ended
    retriable: tuple[ExperimentEnded, ...] = ()

    def __init__(self, task: Task) -> None:
        self.task = task

    @property
    def left(self) -> list[ExperimentSpec]:
        """The experiments that have not ended."""
        return [spec for spec in self.task.experiments if spec.identity.id not in self.ended]

    def overdue(self, now: float, timeout_s: float | None) -> dict[str, str | None]:
        """Return the experiments that have exceeded a time limit: id → unit, None if the whole task has."""
        if self.started is None:
            return {}
        if timeout_s is not None and now - self.started > timeout_s:
            return dict.fromkeys(spec.identity.id for spec in self.left)
        return {who: unit for (who, unit), deadline in self.deadlines if now > deadline}


@dataclass(slots=True)
class Slot:
    """Room for one worker, and the state of the one that is in it."""

    state: State = State.EMPTY
    tasks: deque[Assignment] = field(default_factory=deque)  # its tasks; the first one runs, or runs next
    taken: int = 0  # tasks that it was given so far
    # experiment id → unit, of the experiments for which it was killed
    blamed: dict[str, str | None] = field(default_factory=dict)
    # monotonic time at which an exceeded time limit was first seen, in seconds
    late_since: float | None = None
    place: Place | None = None  # where the worker runs, if its backend says so

    @property
    def waits(self) -> bool:
        """Whether the worker has no task."""
        return not self.tasks and self.state in (State.STARTING, State.READY)

    def clear(self) -> list[Assignment]:
        """Empty the slot; return the tasks that its worker had."""
        had = list(self.tasks)
        self.tasks.clear()
        self.state, self.taken, self.blamed, self.late_since = State.EMPTY, 0, {}, None
        self.place = None
        return had


def placed(failure: Failure, place: Place | None) -> Failure:
    """Return a failure that says where it happened."""
    return failure if place is None else replace(failure, host=place.host, device=place.device)


def death_failure(
    spec: ExperimentSpec, death: Death, blamed: Mapping[str, str | None], place: Place | None
) -> Failure:
    """Describe the death of a worker as the failure of an experiment that it was running."""
    failure = Failure(
        type="WorkerDied",
        message=death.describe(),
        traceback=death.detail,
        unit=blamed.get(spec.identity.id),
        iteration=-1,
        experiment_id=spec.identity.id,
        config=spec.config.alias(),
        cause=death.cause,
    )
    return placed(failure, place)
