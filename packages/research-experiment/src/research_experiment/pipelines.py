"""Pipelines: objects that give batches, process them or run as a whole, and keep variables meanwhile.

No framework is needed or imported here. `add_pipeline` takes any object that has the methods of
:class:`Pipeline` which its mode calls.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["Pipeline", "copy_batch", "copy_pipeline", "get_metrics", "missing_methods", "not_ready"]


@runtime_checkable
class Pipeline(Protocol):
    """The protocol of pipelines; every experiment works on its own copy.

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
    """Return the names of the methods that a pipeline lacks; `called` is called in each iteration."""
    needed = ["__add__", "set_config", "reset", called, *(["v"] if variables else [])]
    return [name for name in needed if not callable(getattr(pipeline, name, None))]


def not_ready(pipeline: Any) -> str | None:
    """Return why a pipeline of batchflow cannot give batches yet; None if it can, and of all others."""
    state = getattr(pipeline, "__dict__", {})
    if not {"_lazy_run", "_actions", "dataset"} <= state.keys():
        return None
    if state["_lazy_run"] is None:
        return (
            "nothing says how its batches are made; end it with run_later(batch_size, n_epochs=...), "
            "or with run(..., lazy=True)"
        )
    if state["dataset"] is None:
        return "it has no dataset to take batches from; give it one, pipeline << dataset"
    return None


def get_metrics(
    pipeline: Any,
    metrics_var: str,
    metrics_name: str | Sequence[str],
    *args: Any,
    agg: Any = None,
    **kwargs: Any,
) -> Any:
    """Return metrics that a pipeline has gathered in one of its variables; a function for units.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline, usually ``E('unit').pipeline``.
    metrics_var : str
        Variable in which the metrics are: an object with ``evaluate(name)``, or a list of them.
    metrics_name : str or list of str
        What is evaluated.
    *args, **kwargs
        More arguments of ``evaluate``.
    agg : str or callable, optional
        How batches are aggregated, an argument of ``evaluate``, which has a default of its own. Values of a
        list of metrics are averaged, unless `agg` is a function, which is called with them instead.

    Returns
    -------
    object
        The value; of a list of names a dict from names to values, for ``save_output_dict=True``.

    Raises
    ------
    TypeError
        If the variable holds no metrics, or an empty list of them.

    Examples
    --------
    >>> class Metrics:
    ...     def evaluate(self, name, scale=1): return {'accuracy': 0.75 * scale}[name]
    >>> class Trained:
    ...     def v(self, name): return {'metrics': Metrics()}[name]
    >>> get_metrics(Trained(), 'metrics', 'accuracy', scale=100)
    75.0
    >>> get_metrics(Trained(), 'metrics', ['accuracy'])
    {'accuracy': 0.75}
    """
    if not isinstance(metrics_name, str):
        return {
            name: get_metrics(pipeline, metrics_var, name, *args, agg=agg, **kwargs) for name in metrics_name
        }
    gathered = pipeline.v(metrics_var)
    parts = list(gathered) if isinstance(gathered, list | tuple) else [gathered]
    if not parts or not all(callable(getattr(part, "evaluate", None)) for part in parts):
        raise TypeError(
            f"variable {metrics_var!r} of the pipeline must hold metrics, objects with evaluate(name), "
            f"as gather_metrics(..., save_to=V({metrics_var!r}, mode='update')) gives them; got {gathered!r}"
        )
    options = kwargs if agg is None or callable(agg) else {"agg": agg, **kwargs}
    values = [part.evaluate(metrics_name, *args, **options) for part in parts]
    if callable(agg):
        return agg(values)
    return values[0] if gathered is parts[0] else sum(values) / len(values)


def copy_pipeline(pipeline: Pipeline) -> Pipeline:
    """Return a copy that shares no state with the original."""
    return pipeline + type(pipeline)()  # type: ignore[no-any-return]


def copy_batch(batch: Any) -> Any:
    """Return a batch of one's own: pipelines change batches in place, and siblings must not see that."""
    return copy.deepcopy(batch)
