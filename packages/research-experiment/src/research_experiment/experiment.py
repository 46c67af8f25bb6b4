"""The public builder of experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from research_domain import ConfigAlias
from research_experiment.building.builder import ExperimentBuilder
from research_experiment.errors import ExecutorError

if TYPE_CHECKING:
    from research_experiment.execution.by_hand import StartedExperiment
    from research_experiment.execution.running import Surroundings

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

    def init(
        self,
        index: int,
        config: ConfigAlias | Mapping[str, Any] | None = None,
        executor: None = None,
        *,
        surroundings: Surroundings | None = None,
    ) -> StartedExperiment:
        """Start one experiment in this process, to run its units by hand: in a notebook or debugger.

        Parameters
        ----------
        index : int
            Index among the branches of a task; units see it as ``E().index``.
        config : config, optional
            Its parameters: mapping, Config or ConfigAlias.
        executor : None
            There is none: an executor runs experiments as a whole.
        surroundings : Surroundings, optional
            Seed, folders and results.

        Returns
        -------
        StartedExperiment
            With its instances made; `call` runs one unit, and `close` ends it.

        Raises
        ------
        ExecutorError
            If an executor is given.
        Exception
            What an instance raised when it was made.

        Examples
        --------
        >>> from research_experiment import EC, Experiment
        >>> running = Experiment().add_callable('half', lambda x: x / 2, x=EC('x')).init(0, {'x': 3})
        >>> running.call('half', 0)
        1.5
        >>> running.close()
        """
        if executor is not None:
            raise ExecutorError(
                "init() starts an experiment that is run by hand and takes no executor; "
                "to run it as a whole, use Executor(experiment, configs=[config]).run()"
            )
        from research_experiment.execution.by_hand import StartedExperiment  # late: builders need it not

        return StartedExperiment(self.build(), index, config, surroundings)

    def __repr__(self) -> str:
        return f"Experiment({', '.join(self._draft().names)})"
