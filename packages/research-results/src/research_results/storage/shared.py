"""A folder that several processes write to, one after the other."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research_domain import ConfigAlias
from research_results.codec.encoding import Values
from research_results.disk.curation import FolderCuration
from research_results.disk.lock import in_turn
from research_results.disk.names import research_path
from research_results.errors import ExistsError, LockedError
from research_results.reading.status import Status
from research_results.storage.folder import ResearchStorage
from research_results.storage.recording import ExperimentRecorder

if TYPE_CHECKING:
    from research_results.results import ResearchResults


class SharedStorage:
    """A folder that several processes write to: each call opens it, waits for its turn, and closes it again.

    It can be pickled, and opened anywhere by its path. A call costs some milliseconds: put whole curves, or
    put calls into one ``with storage.transaction():``.

    Parameters
    ----------
    path : str or Path
        The folder; made if it is not there.
    wait_s : float
        Seconds to wait for a turn.

    Raises
    ------
    LockedError
        In each call, if another process holds the folder for longer.

    Examples
    --------
    >>> import tempfile
    >>> storage = SharedStorage(tempfile.mkdtemp() + '/research')
    >>> for lr in (0.1, 0.2):  # the same in another process
    ...     with storage.experiment({'lr': lr}, skip_done=True) as run:
    ...         if not run.is_done:
    ...             run.put(loss=lr)
    >>> storage.results.df[['lr', 'loss']]
        lr  loss
    0  0.1   0.1
    1  0.2   0.2
    """

    has_other_writers = True
    """Whether an experiment that runs may run in another process."""

    def __init__(self, path: str | Path, wait_s: float = 60.0) -> None:
        self._path = research_path(path)
        self._wait_s = wait_s
        self._reset()
        with self.transaction():
            pass

    def _reset(self) -> None:
        self._turn = threading.RLock()
        self._opened: ResearchStorage | None = None
        self.rounds: set[str] = set()

    def __getstate__(self) -> tuple[Any, ...]:
        return self._path, self._wait_s

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._path, self._wait_s = state
        self._reset()

    @property
    def path(self) -> Path:
        """The folder that the processes share."""
        return self._path

    @property
    def results(self) -> ResearchResults:
        """A reader of committed values of all processes."""
        from research_results.results import ResearchResults  # late: few runs read while they write

        return ResearchResults(self._path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make one commit, in one turn, of all calls inside."""
        with self._writing() as opened, opened.transaction():
            yield

    def add(self, experiment_id: str, config: ConfigAlias | Mapping[Any, Any], **details: Any) -> None:
        """Write down an experiment as queued; see `ResearchStorage.add`."""
        with self._writing() as opened:
            opened.add(experiment_id, config, **details)

    def mark(self, experiment_id: str, status: str, **details: Any) -> None:
        """Write down what became of an experiment; see `ResearchStorage.mark`."""
        with self._writing() as opened:
            opened.mark(experiment_id, status, **details)

    def put(self, experiment_id: str, values: Values) -> None:
        """Store values of an experiment; see `ResearchStorage.put`."""
        with self._writing() as opened:
            opened.put(experiment_id, values)

    @property
    def removed(self) -> frozenset[str]:
        """Removed experiments."""
        return FolderCuration(self._path).read().removed

    def check_there(self, experiment_id: str) -> None:
        """Refuse an experiment that was removed; see `ResearchStorage.check_there`."""
        with self._writing() as opened:
            opened.check_there(experiment_id)

    def state(self, experiment_id: str) -> tuple[Status, int] | None:
        """Return the status of an experiment and how many attempts it has had; None if there is none."""
        with self._writing() as opened:
            return opened.state(experiment_id)

    def experiment(
        self,
        config: ConfigAlias | Mapping[Any, Any] | None = None,
        *,
        experiment_id: str | None = None,
        skip_done: bool = False,
    ) -> ExperimentRecorder:
        """Return one round of a loop; `skip_done` leaves alone what another process has begun or done.

        Experiments of a killed process are started again by ``ResearchStorage(path)``, which has exclusive
        access.
        """
        return ExperimentRecorder(self, config, experiment_id, skip_done=skip_done)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[ResearchStorage]:
        """Wait for the turn, and have the folder open for the block; blocks nest."""
        with self._turn:
            if self._opened is not None:
                yield self._opened
                return
            opened = in_turn(lambda: ResearchStorage(self._path), self._wait_s, LockedError, ExistsError)
            with opened as self._opened:
                try:
                    yield self._opened
                finally:
                    self._opened = None
