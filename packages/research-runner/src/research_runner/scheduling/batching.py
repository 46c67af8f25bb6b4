"""How much is sent ahead, how often something is tried, and when a research is hopeless."""

from __future__ import annotations

from collections.abc import Hashable

from research_experiment import Failure

__all__ = ["Attempts", "Canary", "Pace"]


class Pace:
    """Follows how long tasks take, and says how many of them a worker should have.

    Parameters
    ----------
    batch_s : float
        How much work, in seconds, is sent ahead to a worker.
    batch_max : int
        How many tasks are sent ahead at most.

    Examples
    --------
    >>> pace = Pace(batch_s=0.05, batch_max=64)
    >>> pace.batch(tasks_left=None, workers=2)
    1
    >>> pace.measure(0.01)
    >>> pace.batch(tasks_left=None, workers=2)
    5
    """

    def __init__(self, batch_s: float, batch_max: int) -> None:
        self._batch_s = batch_s
        self._batch_max = batch_max
        self._task_s: float | None = None

    def measure(self, elapsed_s: float) -> None:
        """Take note of a duration; a longer one counts at once, shorter ones slowly."""
        known = self._task_s
        self._task_s = elapsed_s if known is None or elapsed_s > known else known + 0.2 * (elapsed_s - known)

    def batch(self, tasks_left: int | None, workers: int) -> int:
        """Return how many tasks a worker should have: short ones several at a time, long ones one by one.

        Parameters
        ----------
        tasks_left : int or None
            Tasks that are left, to be shared fairly in the end.
        workers : int
            Among how many.
        """
        if self._task_s is None:
            return 1
        wanted = int(self._batch_s / max(self._task_s, 1e-6))
        if tasks_left is not None:
            wanted = min(wanted, tasks_left // (2 * workers))
        return max(1, min(wanted, self._batch_max))


class Attempts:
    """Counts the attempts of experiments; only lost ones take memory.

    Parameters
    ----------
    most : int
        How often an experiment is tried.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lost: dict[str, int] = {}

    def current(self, experiment_id: str) -> int:
        """Return the number of the attempt that runs or comes next, from 1."""
        return self._lost.get(experiment_id, 0) + 1

    def lose(self, experiment_id: str) -> bool:
        """Count a lost attempt; return whether there may be another one."""
        attempt = self.current(experiment_id)
        if attempt >= self._most:
            return False
        self._lost[experiment_id] = attempt
        return True


def _kind(failure: Failure) -> Hashable:
    """Return what makes failures the same; how a worker died is followed by how much memory it had."""
    message = failure.message if failure.cause == "exception" else failure.message.partition(";")[0]
    return failure.type, failure.unit, message, failure.cause


class Canary:
    """Notices when the first experiments of a research all fail with the same error.

    Parameters
    ----------
    count : int
        How many; 0 never notices anything.
    """

    def __init__(self, count: int) -> None:
        self._left = count
        self._kind: Hashable = None

    def sings(self, failure: Failure | None) -> bool:
        """Take note of how an experiment ended; return whether it was the last that was needed to give up."""
        if self._left <= 0:
            return False
        kind = None if failure is None else _kind(failure)
        if kind is None or self._kind not in (None, kind):
            self._left = 0
            return False
        self._kind = kind
        self._left -= 1
        return self._left == 0
