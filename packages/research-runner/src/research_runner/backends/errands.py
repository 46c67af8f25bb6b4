"""What is asked of Ray, in the process that is connected to it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from research_runner.backends import relay
from research_runner.backends.remote import Arrived, Gone, News

__all__ = ["Errands", "ray_package", "reason_of"]

_NEWS_MAX: Final = 32
"""Pieces that may wait in the mailbox; with pieces of 4 MiB it never holds more than 128 MiB."""

_FAREWELL_S: Final = 2.0
_END: Final = (-1, "")


def ray_package() -> Any:
    """Return the package; its functions are not typed."""
    return importlib.import_module("ray")


class Errands:
    """What is asked of Ray. Orders come from one thread, another one may wait for news.

    Parameters
    ----------
    needs : sequence of mapping
        What the worker in each slot occupies.
    preload : str
        A module that all of them need.
    """

    def __init__(self, needs: Sequence[Mapping[str, Any]], preload: str) -> None:
        ray = ray_package()
        ray.cloudpickle.register_pickle_by_value(relay)
        node = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        mailbox = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=100_000)
        self._mailbox = mailbox(relay.Mailbox).options(scheduling_strategy=node).remote(_NEWS_MAX)
        self._relay = ray.remote(max_retries=0)(relay.relay)
        self._needs = needs
        self._preload = preload
        self._tasks: dict[Any, int] = {}
        self._ending: list[Any] = []
        self._asked = self._mailbox.news.remote()
        self._place = 0

    def launch(self, number: int, slot: int) -> None:
        """Submit a servant, which Ray shall not try again."""
        relay_here = self._relay.options(name="research", **self._needs[slot])
        self._tasks[relay_here.remote(number, self._mailbox, self._preload)] = number

    def send(self, number: int, data: bytes) -> None:
        """Send to a servant."""
        self._mailbox.order.remote(self._place, number, data)
        self._place += 1

    def forget(self, number: int) -> None:
        """Take back a servant: one that waits for a place gets none, one that runs ends."""
        self._mailbox.dismiss.remote(number)
        for task in [task for task, owner in list(self._tasks.items()) if owner == number]:
            self._tasks.pop(task, None)
            self._ending.append(task)
            with contextlib.suppress(ray_package().exceptions.RayError):
                ray_package().cancel(task, force=False)

    def news(self, timeout_s: float) -> list[News] | None:
        """Wait for news; None if there will be nothing more."""
        ray = ray_package()
        watched = [self._asked, *list(self._tasks)]
        ready, _ = ray.wait(watched, num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = ray.wait(watched, num_returns=len(watched), timeout=0)
        news: list[News] = []
        for reference in ready:
            if reference != self._asked:
                self._bury(reference)
                continue
            for item in ray.get(reference):
                if item == _END:
                    return None
                news.append(Arrived(item) if isinstance(item, bytes) else Gone(*item))
            self._asked = self._mailbox.news.remote()
        return news

    def _bury(self, task: Any) -> None:
        """Report that a servant has ended, after everything that it had sent."""
        number = self._tasks.pop(task, None)
        if number is None:
            return
        try:
            ray_package().get(task)
            reason = "its servant ended"
        except ray_package().exceptions.RayError as error:
            reason = reason_of(error)
        self._mailbox.dismiss.remote(number)
        self._mailbox.report.remote([(number, reason)])

    def end(self) -> None:
        """Let nobody wait for news any more."""
        self._mailbox.report.remote([_END])

    def close(self) -> None:
        """Let all servants end, and wait a little for it."""
        self._wait()
        for number in list(self._tasks.values()):
            self.forget(number)
        self._wait()
        ray_package().kill(self._mailbox)

    def _wait(self) -> None:
        """Wait for servants that are about to end."""
        tasks = [*self._tasks, *self._ending]
        if tasks:
            ray_package().wait(tasks, num_returns=len(tasks), timeout=_FAREWELL_S)

    def leave(self) -> None:
        """Let all servants end, without Ray, which is gone."""
        for number in list(self._tasks.values()):
            self._mailbox.dismiss.remote(number)


def reason_of(error: Exception) -> str:
    """Say in one line why a task failed; tasks say it in their last line, Ray in its first."""
    cause = getattr(error, "cause", None)
    return str(cause or error).strip().partition("\n")[0]
