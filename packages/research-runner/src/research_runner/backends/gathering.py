"""How long results may wait in the connections of workers that do not need the coordinator."""

from __future__ import annotations

from typing import Final

_LONGEST_S: Final = 0.025
_STEP_S: Final = 0.001
_MANY_BYTES: Final = 16_384
"""A connection holds 60,000 bytes of small messages; a worker waits where it holds no more."""


class Gathering:
    """Finds out how long the coordinator may wait: every worker has work, and space for its results.

    A coordinator that is woken for each result competes with the worker that has sent it for its processor.

    Examples
    --------
    >>> gathering = Gathering()
    >>> gathering.measure(0.01)
    >>> [gathering.rest_s(tasks=5, read_bytes=300) for _ in range(3)]
    [0.001, 0.002, 0.003]
    >>> gathering.rest_s(tasks=5, read_bytes=50_000), gathering.rest_s(tasks=1, read_bytes=300)
    (0.0, 0.0)
    """

    __slots__ = ("_most_s", "_task_s")

    def __init__(self) -> None:
        self._task_s = 0.0
        self._most_s = 0.0

    def measure(self, elapsed_s: float) -> None:
        """Record how long a task took; a shorter time counts at once, longer ones slowly."""
        known = self._task_s
        self._task_s = min(elapsed_s, known + 0.1 * (elapsed_s - known)) if known else elapsed_s

    def rest_s(self, tasks: int, read_bytes: int) -> float:
        """Return how long to rest, in seconds.

        Parameters
        ----------
        tasks : int
            The least that any worker has, with the one that it runs.
        read_bytes : int
            The most that was read at once from a connection before.
        """
        self._most_s = 0.0 if read_bytes > _MANY_BYTES else min(self._most_s + _STEP_S, _LONGEST_S)
        return min(self._most_s, max(tasks - 1, 0) * self._task_s / 2)
