"""Commands of the coordinator to a backend; agents on clusters receive the same ones."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from research_runner.scheduling.tasks import Task


class Start(NamedTuple):
    """Start a worker in a slot."""

    slot: int


class Submit(NamedTuple):
    """Give tasks to the worker in a slot, to be run in this order."""

    slot: int
    tasks: tuple[Task, ...]


class Stop(NamedTuple):
    """Stop the worker in a slot after its current task; tasks sent in advance may stay undone."""

    slot: int


class Kill(NamedTuple):
    """Kill the worker in a slot; its death gets this cause."""

    slot: int
    cause: str


class Answer(NamedTuple):
    """Tell an experiment that waits in a slot whether it is to end."""

    slot: int
    experiment_id: str
    ends: bool


Command: TypeAlias = Answer | Start | Submit | Stop | Kill
