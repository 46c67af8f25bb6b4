"""How many tasks are sent to a worker in advance."""

from __future__ import annotations

from math import ceil


class BatchSize:
    """The number of tasks that a worker should have, from how long tasks take.

    Sent ahead are tasks of `batch_s` seconds, rounded up, and at most `batch_max` of them.

    Examples
    --------
    >>> size = BatchSize(batch_s=0.2, batch_max=64)
    >>> size.tasks(tasks_left=None, workers=2)
    1
    >>> size.measure(0.01)
    >>> size.tasks(tasks_left=None, workers=2)
    20
    """

    def __init__(self, batch_s: float, batch_max: int) -> None:
        self._batch_s = batch_s
        self._batch_max = batch_max
        self._task_s: float | None = None

    def measure(self, elapsed_s: float) -> None:
        """Record how long a task took; a longer time counts at once, shorter ones slowly."""
        known = self._task_s
        self._task_s = elapsed_s if known is None or elapsed_s > known else known + 0.2 * (elapsed_s - known)

    def tasks(self, tasks_left: int | None, workers: int) -> int:
        """Return how many tasks a worker should have: several short ones, a single long one.

        The last ones are shared fairly between the workers, if it is known how many tasks are left.
        """
        if self._task_s is None:
            return 1
        wanted = ceil(self._batch_s / max(self._task_s, 1e-6))
        if tasks_left is not None:
            wanted = min(wanted, tasks_left // (2 * workers))
        return max(1, min(wanted, self._batch_max))
