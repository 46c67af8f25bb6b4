"""One round of a loop that is not ours, written down as an experiment."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from research_domain import Identifier

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from research_domain import ConfigAlias
    from research_results.storage.base import BaseStorage

__all__ = ["ExperimentRecorder"]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What ended a round."""

    cause: str
    type: str
    message: str
    traceback: str
    iteration: int | None


class ExperimentRecorder:
    """Write down values while a round runs; its end decides the status.

    Made by ``storage.experiment(config)``. The round is ``done`` when its block ends, and ``failed`` with the
    traceback when an exception leaves it (which goes on to the caller).

    Attributes
    ----------
    id : str
        Name of the experiment.
    """

    def __init__(self, storage: BaseStorage, config: ConfigAlias, experiment_id: str | None) -> None:
        self._digest: bytes | None
        self.id, self._digest = (experiment_id, None) if experiment_id else _next_identity(storage, config)
        self._storage = storage
        self._config = config
        self._started = 0.0
        self._next = 0

    @property
    def iteration(self) -> int:
        """The iteration that was put last; -1 before the first."""
        return self._next - 1

    def put(self, iteration: int | None = None, /, **values: Any) -> None:
        """Store values of one iteration.

        Parameters
        ----------
        iteration : int, optional
            By default the one after the last.
        **values
            Variable to value.
        """
        number = self._next if iteration is None else iteration
        self._next = number + 1
        self._storage.put(self.id, {name: {number: value} for name, value in values.items()})

    def __enter__(self) -> Self:
        self._started = time.time()
        with self._storage.transaction():
            self._storage.add(self.id, self._config, digest=self._digest)
            self._storage.mark(self.id, "running", attempt=1, started=self._started)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        elapsed_s = time.time() - self._started
        details: dict[str, Any] = {"attempt": 1, "elapsed_s": elapsed_s, "iterations": self._next}
        if error is None:
            self._storage.mark(self.id, "done", **details)
            return
        text = "".join(traceback.format_exception(error))
        failure = _Failure("exception", type(error).__name__, str(error), text, self._next)
        self._storage.mark(self.id, "failed", failure=failure, **details)


def _next_identity(storage: BaseStorage, config: ConfigAlias) -> tuple[str, bytes]:
    """Return id and digest of a config, or of its next occurrence if the storage has that one."""
    identifier = Identifier()
    while (identity := identifier.identify(config)).id in storage:
        pass
    return identity.id, identity.digest
