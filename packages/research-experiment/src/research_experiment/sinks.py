"""MemorySink: the smallest thing that an experiment can put its values into."""

from __future__ import annotations

from typing import Any

from research_experiment.protocols import Values

__all__ = ["MemorySink"]


class MemorySink:
    """Keeps values in dictionaries.

    Attributes
    ----------
    values : dict
        Experiment id → variable → iteration → value.

    Examples
    --------
    >>> from research_experiment import Executor, Experiment
    >>> sink = MemorySink()
    >>> experiment = Experiment().add_generator('count', range, args=[3], save_to='n')
    >>> executor = Executor(experiment, sink=sink).run()
    >>> sink.values[executor.experiments[0].id]
    {'n': {0: 0, 1: 1, 2: 2}}
    """

    def __init__(self) -> None:
        self.values: dict[str, dict[str, dict[int, Any]]] = {}

    def put(self, experiment_id: str, values: Values) -> None:
        """Keep values; later ones of the same variable and iteration win."""
        variables = self.values.setdefault(experiment_id, {})
        for name, column in values.items():
            variables.setdefault(name, {}).update(column)
