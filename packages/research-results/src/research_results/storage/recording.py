"""One round of a loop that is not ours, written down as an experiment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, Self

from research_domain import ConfigAlias, Identifier
from research_results.codec.encoding import Values
from research_results.errors import ArgumentError
from research_results.writing.failing import as_failure


class _Storage(Protocol):
    """What a round is written to; see `BaseStorage`."""

    has_other_writers: bool
    rounds: set[str]

    @property
    def removed(self) -> frozenset[str]: ...
    def state(self, experiment_id: str) -> tuple[str, int] | None: ...
    def check_there(self, experiment_id: str) -> None: ...
    def transaction(self) -> AbstractContextManager[None]: ...
    def add(self, experiment_id: str, config: ConfigAlias, *, digest: bytes | None) -> None: ...
    def mark(self, experiment_id: str, status: str, **details: Any) -> None: ...
    def put(self, experiment_id: str, values: Values) -> None: ...


class _Round(NamedTuple):
    """What a round is written down as; see the attributes of `ExperimentRecorder`."""

    id: str
    digest: bytes | None
    """Its identity; None if its name was given."""
    attempt: int
    is_done: bool


class ExperimentRecorder:
    """Write down values while a round runs; its end decides the status.

    Made by ``storage.experiment(config)``. The round is ``done`` when its block ends, and ``failed`` with the
    traceback when an exception leaves it (which goes on to the caller).
    """

    def __init__(
        self,
        storage: _Storage,
        config: ConfigAlias | Mapping[Any, Any] | None,
        experiment_id: str | None,
        *,
        skip_done: bool = False,
    ) -> None:
        self._storage = storage
        self._skip_done = skip_done
        self._given_id = experiment_id
        self._config = ConfigAlias(config)
        self._round = self._find()
        self._started = 0.0
        self._next = 0

    @property
    def id(self) -> str:
        """Name of the experiment."""
        return self._round.id

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do: it was done before, or another process is at it."""
        return self._round.is_done

    @property
    def iteration(self) -> int:
        """The iteration that was put last; -1 before the first."""
        return self._next - 1

    def _find(self) -> _Round:
        """Find the name of the experiment, what attempt this is, and whether it is needed."""
        identifier = Identifier()
        name, digest = self._given_id or "", None
        while True:
            if self._given_id is None:
                name, digest, *_ = identifier.identify(self._config)
            state = self._storage.state(name)
            status, attempt = ("queued", 1) if state is None else (state[0], state[1] + 1)
            is_taken = status == "running" and self._storage.has_other_writers
            is_removed = state is not None and name in self._storage.removed
            if self._skip_done or self._given_id is not None:
                if is_removed and not self._skip_done:
                    self._storage.check_there(name)
                is_done = self._skip_done and (status == "done" or is_taken or is_removed)
                return _Round(name, digest, attempt, is_done)
            is_free = not (is_taken or is_removed or name in self._storage.rounds)
            if status not in ("done", "failed") and is_free:
                return _Round(name, digest, attempt, is_done=False)

    def put(self, iteration: int | None = None, /, **values: Any) -> None:
        """Store values of one iteration.

        Parameters
        ----------
        iteration : int, optional
            By default the one after the last.
        **values
            Variable to value.
        """
        if self.is_done:
            raise ArgumentError(
                "skip_done", f"experiment {self.id!r} is done and keeps its values: if run.is_done: continue"
            )
        number = self._next if iteration is None else _as_number(iteration)
        self._next = number + 1
        self._storage.put(self.id, {name: {number: value} for name, value in values.items()})

    def __enter__(self) -> Self:
        self._started = time.time()
        with self._storage.transaction():
            self._round = self._find()  # another process may have taken it meanwhile
            if self.is_done:
                return self
            self._storage.add(self.id, self._config, digest=self._round.digest)
            self._storage.mark(self.id, "running", attempt=self._round.attempt, started=self._started)
        self._storage.rounds.add(self.id)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.is_done:
            return
        self._storage.rounds.discard(self.id)
        details: dict[str, Any] = {"attempt": self._round.attempt, "iterations": self._next}
        details["elapsed_s"] = time.time() - self._started
        if error is None:
            self._storage.mark(self.id, "done", **details)
        else:
            self._storage.mark(self.id, "failed", failure=as_failure(error, self._next), **details)


def _as_number(iteration: Any) -> int:
    """Return an iteration; a mapping in its place was meant as values."""
    if isinstance(iteration, bool) or not hasattr(iteration, "__index__"):
        how = f"run.put(**{iteration!r})" if isinstance(iteration, dict) else "run.put(loss=0.5)"
        raise ArgumentError("iteration", f"expected an int, got {iteration!r}; values have names: {how}")
    return int(iteration)
