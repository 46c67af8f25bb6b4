"""Experiments run by hand: started in this process, their units called one by one."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Self

from research_domain import Config, ConfigAlias, Identifier
from research_experiment.building._checks import check_config_keys
from research_experiment.errors import ExecutorError, UnknownUnitError, hint
from research_experiment.execution._rules import Rules
from research_experiment.execution._task import RunningTask, TaskKind
from research_experiment.execution.evaluation import evaluate
from research_experiment.execution.running import RunningExperiment, Surroundings
from research_experiment.expressions.named import Expression, value_at
from research_experiment.failures import Failure
from research_experiment.plan import ExperimentPlan
from research_experiment.profiling import UnitTime


class StartedExperiment:
    """An experiment that was started by hand, for notebooks and debuggers; `Experiment.init` makes it.

    Its instances have been made, and its units run when they are called. What a unit raises is raised to the
    caller. As a context manager it is closed at the end.

    Parameters
    ----------
    plan : ExperimentPlan
        What can be run.
    index : int
        Index among the branches of a task, of which this is the only one that runs.
    config : config
        Mapping, Config or ConfigAlias.
    surroundings : Surroundings, optional
        Seed, folders and results.

    Raises
    ------
    ExecutorError
        If the index is none.
    PlanError
        If a unit asks for a key that the config has not.
    Exception
        What an instance raised when it was made.

    Examples
    --------
    >>> from research_experiment import EC, Experiment, O
    >>> experiment = Experiment().add_callable('load', lambda n: list(range(n)), n=EC('n'))
    >>> experiment = experiment.add_callable('sum', sum, args=[O('load')], save_to='total')
    >>> with experiment.init(0, {'n': 4}) as running:
    ...     running.call('load', 0)
    ...     running.call('sum', 0)
    ...     running.results
    [0, 1, 2, 3]
    6
    {'total': {0: 6}}
    """

    def __init__(
        self,
        plan: ExperimentPlan,
        index: int,
        config: ConfigAlias | Mapping[str, Any] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        own = config if isinstance(config, ConfigAlias) else ConfigAlias(config)
        check_config_keys(plan, own.keys())
        self._names = tuple(unit.name for unit in plan.units)
        self._ended = False
        self._task = RunningTask(
            TaskKind(plan, Rules(debug=True), surroundings or Surroundings(), profile=1),
            [(Identifier().identify(own), own)],
            sink=None,
        )
        self.running.index = _index(index)
        try:
            self._task.start()
        except BaseException:
            self._task.close()
            raise

    @property
    def running(self) -> RunningExperiment:
        """What units get as ``E()``."""
        return self._task.branches[0].running

    @property
    def id(self) -> str:
        """Stable id of the experiment."""
        return self.running.id

    @property
    def config(self) -> Config:
        """All parameters; values that can change are the experiment's own copies."""
        return self.running.config

    @property
    def units(self) -> tuple[str, ...]:
        """Names of all units, saves and dumps, in the order in which an iteration runs them."""
        return self._names

    @property
    def results(self) -> Mapping[str, Mapping[int, Any]]:
        """Variable → iteration → value: what was saved."""
        return self.running.results

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Unit → its last output."""
        return self.running.outputs

    @property
    def is_alive(self) -> bool:
        """Whether no unit has stopped or failed, and the experiment is open."""
        return self.running.is_alive and not self._ended

    @property
    def is_failed(self) -> bool:
        """Whether a unit has raised an exception other than StopIteration."""
        return self.running.is_failed

    @property
    def failure(self) -> Failure | None:
        """The first failure."""
        return self.running.failure

    @property
    def profile_info(self) -> Sequence[UnitTime]:
        """One row per call of a unit."""
        return self.running.profile_info

    def show_profile_info(self, per_iter: bool = False) -> dict[Any, float]:
        """Return the seconds spent in each unit, the longest first.

        Parameters
        ----------
        per_iter : bool
            Keep the iterations apart.
        """
        return self.running.show_profile_info(per_iter)

    def __getitem__(self, name: str) -> Any:
        """Return a unit as a `RunningUnit`, or an instance itself."""
        return self.running[name]

    def call(self, name: str, iteration: int, n_iters: int | None = None) -> Any:
        """Run one unit, if it is due in that iteration.

        Parameters
        ----------
        name : str
            Name of the unit, or of a save or dump; see :attr:`units`.
        iteration : int
            The iteration to run it in, zero-based.
        n_iters : int, optional
            Number of iterations; it says which one is the last. After a unit has stopped or failed, the
            iteration of each call is the last.

        Returns
        -------
        object
            Its output; None if it is not due or has stopped, and of saves and dumps.

        Raises
        ------
        UnknownUnitError
            If there is no such unit.
        ExecutorError
            If the experiment has been closed, or the iteration is none.
        Exception
            What the unit raised; then :attr:`is_failed` is true as well.
        """
        if not self.running.is_alive:
            raise ExecutorError("this experiment has been closed; experiment.init(...) starts another one")
        if name not in self._names:
            raise UnknownUnitError(
                f"call({name!r}): there is no unit {name!r}{hint(name, self._names)}", name
            )
        number = _index(iteration, "iteration")
        task = self._task
        branches = task.branches if task.root is None else (task.root, *task.branches)
        for branch in branches:
            branch.begin_iteration(number, self._ended or number + 1 == n_iters)
        try:
            ran = any(branch.run_by_hand(name) for branch in branches)
        finally:
            self._ended = self._ended or any(branch.ending for branch in branches)
        return self.outputs.get(name) if ran else None

    def close(self) -> None:
        """Close iterators and instances; saved values and outputs remain."""
        try:
            for branch in self._task.branches:
                if branch.running.is_alive:
                    branch.end()
        finally:
            self._task.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "failed" if self.is_failed else "alive" if self.is_alive else "ended"
        return f"<StartedExperiment {self.id} at iteration {self.running.iteration}, {state}>"


def _index(value: int, name: str = "index") -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
        raise ExecutorError(f"{name} must be a whole number from 0 on, got {value!r}")
    return operator.index(value)


@value_at.register(StartedExperiment)
def _value_at_started(context: StartedExperiment, expression: Expression) -> Any:
    return evaluate(expression, context.running)
