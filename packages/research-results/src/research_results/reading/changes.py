"""Changes of experiments and values, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Queued:
    """An experiment waits for its first attempt, or for another one.

    Attributes
    ----------
    revision : int
        Number of the change; later changes have higher ones.
    experiment_id : str
        The experiment.
    """

    revision: int
    experiment_id: str


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt at an experiment has begun.

    Attributes
    ----------
    revision : int
        Number of the change.
    experiment_id : str
        The experiment.
    attempt : int or None
        Number of the attempt, as far as it is known.
    """

    revision: int
    experiment_id: str
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """An experiment has ended.

    Attributes
    ----------
    revision : int
        Number of the change.
    experiment_id : str
        The experiment.
    status : {'done', 'failed', 'lost'}
        How it ended; ``results.failures`` says why.
    attempt : int or None
        Number of the attempt, as far as it is known.
    """

    revision: int
    experiment_id: str
    status: Literal["done", "failed", "lost"]
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The values of an earlier attempt are gone, because a new one begins.

    Attributes
    ----------
    revision : int
        Number of the change.
    experiment_id : str
        The experiment.
    """

    revision: int
    experiment_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Values of one variable were stored.

    Attributes
    ----------
    revision : int
        Number of the change.
    experiment_id : str
        The experiment.
    variable : str
        Name of the variable.
    values : mapping of int to object
        Iteration to value, each exactly as it was put.
    """

    revision: int
    experiment_id: str
    variable: str
    values: Mapping[int, Any]


Change: TypeAlias = Queued | Started | Ended | Dropped | Stored
