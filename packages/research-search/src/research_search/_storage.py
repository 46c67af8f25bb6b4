"""A storage of Optuna of which only some trials can be seen."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

STUDY = "search"
"""Name of every study; Hyperband derives brackets from it."""


class SeenStorage(InMemoryStorage):
    """Trials in memory; trials that a verdict must not use can be hidden temporarily."""

    def __init__(self) -> None:
        super().__init__()
        self._is_visible: Callable[[int], bool] | None = None

    @contextmanager
    def showing(self, is_visible: Callable[[int], bool]) -> Iterator[None]:
        """Show only the trials with numbers that are visible."""
        self._is_visible = is_visible
        try:
            yield
        finally:
            self._is_visible = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials that are shown."""
        trials = super().get_all_trials(study_id, deepcopy, states)
        shown = self._is_visible
        return trials if shown is None else [trial for trial in trials if shown(trial.number)]


def new_study(directions: list[str], **parts: Any) -> optuna.Study:
    """Return a study without trials; nothing is logged."""
    storage = SeenStorage()
    logger = optuna.logging.get_logger(InMemoryStorage.__module__)
    was_disabled, logger.disabled = logger.disabled, True
    try:
        storage.create_new_study([StudyDirection[name.upper()] for name in directions], STUDY)
    finally:
        logger.disabled = was_disabled
    return optuna.Study(STUDY, storage, **parts)
