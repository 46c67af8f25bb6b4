"""The public builder of experiments."""

from __future__ import annotations

from research_experiment.building.builder import ExperimentBuilder

__all__ = ["Experiment"]


class Experiment(ExperimentBuilder):
    """What to do in each iteration of an experiment.

    Parameters
    ----------
    instance_creators : iterable of Instance, optional
        Objects to make; usually added by :meth:`add_instance`.
    actions : iterable of Unit, optional
        Units; usually added by :meth:`add_callable` and its siblings.
    namespaces : iterable of modules, names or mappings, optional
        Where functions are found by their names; by default in the main script or notebook.

    Examples
    --------
    >>> from research_experiment import EC, Executor, Experiment
    >>> experiment = Experiment().add_callable('add', lambda x, y: x + y, x=EC('x'), y=1, save_to='sum')
    >>> executor = Executor(experiment, configs=[{'x': 1}, {'x': 10}]).run()
    >>> [running.results['sum'][0] for running in executor.experiments]
    [2, 11]
    """

    def copy(self) -> Experiment:
        """Return an independent builder with the same units."""
        return self.__copy__()

    def __repr__(self) -> str:
        return f"Experiment({', '.join(self._draft().names)})"
