"""Pipelines: objects that give batches, process them or run as a whole, and keep variables meanwhile.

No framework is needed or imported here. `add_pipeline` takes any object that has the methods of
:class:`Pipeline` which its mode calls.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["Pipeline", "copy_batch", "copy_pipeline", "missing_methods"]


@runtime_checkable
class Pipeline(Protocol):
    """What a pipeline does; every experiment works on a copy of its own.

    Notes
    -----
    In the life of a pipeline, these are called in this order:

    1. ``pipeline + type(pipeline)()`` makes the copy, which shares no state with the original.
    2. ``set_config(config)`` gives it the experiment's config, with the keyword arguments of `add_pipeline`
       added: a plain nested dict. Further calls update single keys, when those arguments change.
    3. ``reset('iter', 'vars')`` makes it start from the beginning, whatever the original had done before.
    4. ``next_batch()``, ``run()`` or ``execute_for(batch)``, once in each iteration that is due.
    5. ``v(name)`` reads each of the variables to be saved, after each of these calls.

    A pipeline held by an instance belongs to that instance: steps 1 and 3 are left out, unless it is held by
    the class; then the copy is put on the instance.
    """

    def __add__(self, other: Any) -> Any:
        """Return a new pipeline of both; with an empty one, ``type(self)()``, a copy."""

    def set_config(self, config: Mapping[str, Any]) -> Any:
        """Update the values that the pipeline's own expressions refer to."""

    def reset(self, *what: str) -> Any:
        """Start from the beginning: ``'iter'`` the batches, ``'vars'`` the variables."""

    def next_batch(self) -> Any:
        """Return the next batch, processed; raise StopIteration when there is none."""

    def run(self) -> Any:
        """Process all batches."""

    def execute_for(self, batch: Any) -> Any:
        """Process a batch that another pipeline gave, and return it."""

    def v(self, name: str) -> Any:
        """Return the value of a variable."""


def missing_methods(pipeline: Any, called: str, variables: bool) -> list[str]:
    """Return the names of methods that a pipeline needs and has not.

    Parameters
    ----------
    pipeline : object
        Anything.
    called : str
        What is called in each iteration: next_batch, run or execute_for.
    variables : bool
        Whether variables are read.
    """
    needed = ["__add__", "set_config", "reset", called, *(["v"] if variables else [])]
    return [name for name in needed if not callable(getattr(pipeline, name, None))]


def copy_pipeline(pipeline: Pipeline) -> Pipeline:
    """Return a copy that shares no state with the original."""
    return pipeline + type(pipeline)()  # type: ignore[no-any-return]


def copy_batch(batch: Any) -> Any:
    """Return a batch of one's own: pipelines change batches in place, and siblings must not see that."""
    return copy.deepcopy(batch)
