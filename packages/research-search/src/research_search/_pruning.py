"""Pruners of Optuna as rules: each verdict is a function of what was told before the experiment began."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, cast

import optuna
from optuna.trial import TrialState

from research_runner import OptionError
from research_runner.searching import Report, Told, Verdict
from research_search._storage import SeenStorage, new_study
from research_search.objectives import Objective


class PrunerRule:
    """Ends experiments when the pruners of all variables agree; each has its own study.

    A new pruner, of a class of ``optuna.pruners``, is created for each verdict, because some keep what they
    found out first; `OptionError` if it does not take its arguments. With `sees_all`, verdicts see all that
    was reported, where its order is that of virtual time.
    """

    def __init__(
        self,
        pruner: str,
        arguments: Mapping[str, Any],
        objectives: tuple[Objective, ...],
        steps: Any,
        compares: bool,
    ) -> None:
        self.variables = tuple(one.variable for one in objectives)
        self.steps, self.compares = steps, compares
        self.studies = tuple(new_study([one.direction]) for one in objectives)
        self._pruner, self._arguments = pruner, arguments
        self.sees_all = False
        self._told = 0
        self._told_at: dict[int, int] = {}
        self.pruner()

    def pruner(self) -> optuna.pruners.BasePruner:
        """Return a new pruner."""
        made: optuna.pruners.BasePruner = make_part("stop", optuna.pruners, self._pruner, self._arguments)
        return made

    def report(self, number: int, step: int, values: tuple[float, ...], seen: int) -> Verdict:
        """Ask the pruners; failed experiments are ignored."""

        def is_visible(other: int) -> bool:
            return self.sees_all or other == number or self._told_at.get(other, seen) < seen

        verdicts = [
            self._is_pruned(study, number, Report(step, (value,)), is_visible)
            for study, value in zip(self.studies, values, strict=True)
        ]
        return Verdict.STOP if all(verdicts) else Verdict.CONTINUE

    def _is_pruned(self, study: optuna.Study, number: int, report: Report, is_visible: Any) -> bool:
        storage = cast("SeenStorage", study._storage)
        trial_id = _trial_id(study, number)
        storage.set_trial_intermediate_value(trial_id, report.step, report.values[0])
        study.pruner = self.pruner()
        with storage.showing(is_visible), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy, where all values are NaN
            return study.pruner.prune(study, storage.get_trial(trial_id))

    def tell(self, told: Told) -> None:
        """Record an end, also one of an earlier run; one that is known already counts once."""
        if told.number is not None and told.same_as is None and told.status != "infeasible":
            for index, study in enumerate(self.studies):
                self._end(study, told.number, told, index)
            if told.status != "failed":
                self._told_at[told.number] = self._told
        self._told += 1

    def _end(self, study: optuna.Study, number: int, told: Told, index: int) -> None:
        trial_id = _trial_id(study, number)
        known = study._storage.get_trial(trial_id).intermediate_values
        for step, values in told.reports:
            if step not in known:
                self._is_pruned(study, number, Report(step, (values[index],)), number.__eq__)
        value = None if told.values is None else told.values[index]
        if told.status == "failed" or value is None or math.isnan(value):
            study._storage.set_trial_state_values(trial_id, TrialState.FAIL)
        elif told.status == "stopped":
            study._storage.set_trial_state_values(trial_id, TrialState.PRUNED, [value])
        else:
            study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [value])


def _trial_id(study: optuna.Study, number: int) -> int:
    """Return the trial of a number; those before it are there as well, so that numbers are the same."""
    storage = cast("SeenStorage", study._storage)
    while storage.get_n_trials(study._study_id) <= number:
        storage.create_new_trial(study._study_id)
    return storage.get_trial_id_from_study_id_trial_number(study._study_id, number)


def make_part(option: str, module: Any, name: str, arguments: Mapping[str, Any]) -> Any:
    """Return an object of a class of Optuna; `OptionError` if it does not take these arguments."""
    try:
        return getattr(module, name)(**arguments)
    except (TypeError, ValueError) as error:
        raise OptionError(option, f"{name} of Optuna does not take {dict(arguments)!r}: {error}") from error
