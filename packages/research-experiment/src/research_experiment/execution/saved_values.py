"""Saved values of an experiment on their way to the sink."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from research_experiment.execution.copies import UNCHANGING, is_unchanging, separate, snapshot
from research_experiment.plan import check_variable
from research_experiment.protocols import Sink

_check: Final = lru_cache(1024)(check_variable)


class ExperimentStorage:
    """The saved values of one running experiment; what ``S()`` gives.

    Parameters
    ----------
    experiment_id : str
        The id under which values go to the sink.
    sink : Sink, optional
        Where values go. Without one they stay in :attr:`results`.

    Attributes
    ----------
    results : dict
        Variable → iteration → value: what was saved and not yet dumped. Values are as they were when they
        were saved; where the sink encodes them at once, objects that are neither containers nor arrays are
        not copied for this view.
    iteration : int
        The iteration under which values are saved now; zero-based.

    Examples
    --------
    >>> storage = ExperimentStorage('an-id')
    >>> storage.update_variable('loss', 0.5)
    >>> storage.results
    {'loss': {0: 0.5}}
    """

    __slots__ = ("_pending", "_sink", "experiment_id", "iteration", "results")

    def __init__(self, experiment_id: str, sink: Sink | None = None) -> None:
        self.experiment_id = experiment_id
        self.iteration = 0
        self.results: dict[str, dict[int, Any]] = {}
        self._sink = sink
        self._pending: dict[str, dict[int, Any]] = {}

    def update_variable(self, name: str, value: Any) -> None:
        """Save a value of a variable under the current iteration, as it is now.

        Parameters
        ----------
        name : str
            Variable.
        value : object
            Its value; a later one of the same iteration wins.

        Raises
        ------
        PlanError
            If no database could hold the name.
        Exception
            What the sink raised if it cannot keep the value.
        """
        iteration = self.iteration
        shown = kept = value
        if type(value) not in UNCHANGING and not is_unchanging(value):
            shown, kept = self._as_it_is(name, value)
        column = self.results.get(name)
        if column is None:
            _check(name)
            column = self.results[name] = {}
        column[iteration] = shown
        if self._sink is not None:
            column = self._pending.get(name)
            if column is None:
                column = self._pending[name] = {}
            column[iteration] = kept

    def _as_it_is(self, name: str, value: Any) -> tuple[Any, Any]:
        """Return a value that can change as it is now: for :attr:`results`, and for the sink."""
        if self._sink is None:
            return snapshot(value), None
        keep = getattr(self._sink, "keep", None)
        if keep is not None:
            return separate(value), keep(name, self.iteration, value)
        return snapshot(value), snapshot(value)

    def flush(self, variables: Iterable[str] | None = None) -> None:
        """Put what the sink has not got yet; the values stay visible in :attr:`results`.

        Parameters
        ----------
        variables : iterable of str, optional
            Only these; by default all.

        Raises
        ------
        Exception
            What the sink raised for the first value that it could not take; all others have been put.
        """
        if self._sink is None or not self._pending:
            return
        if variables is None:
            values, self._pending = self._pending, {}
        else:
            values = {name: self._pending.pop(name) for name in variables if name in self._pending}
        if not values:
            return
        try:
            self._sink.put(self.experiment_id, values)
        except Exception as error:
            self._put_one_by_one(self._sink, values)
            raise error

    def _put_one_by_one(self, sink: Sink, values: dict[str, dict[int, Any]]) -> None:
        """Save what can be saved when something among the values cannot."""
        for name, column in values.items():
            for iteration, value in column.items():
                try:
                    sink.put(self.experiment_id, {name: {iteration: value}})
                except Exception:  # noqa: BLE001, S112 - the first error is already on its way
                    continue

    def dump(self, variables: Iterable[str] | None = None) -> None:
        """Put values and forget them here; without a sink nothing happens.

        Parameters
        ----------
        variables : iterable of str, optional
            Only these; by default all.
        """
        if self._sink is None:
            return
        names = list(self.results) if variables is None else list(variables)
        try:
            self.flush(names)
        finally:
            for name in names:
                self.results.pop(name, None)
