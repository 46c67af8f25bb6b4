"""Settings of an executor: what stays the same from task to task."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, Self, TypeAlias

from research_experiment.errors import ExecutorError
from research_experiment.execution._rules import Rules
from research_experiment.execution._task import TaskKind
from research_experiment.execution.hooks import Hook
from research_experiment.execution.running import Surroundings
from research_experiment.plan import ExperimentPlan
from research_experiment.profiling import parse_profile
from research_experiment.protocols import KeepingSink, Sink, Values

Target: TypeAlias = Literal["for", "threads"]

_TARGETS: Mapping[str, Target] = {"for": "for", "f": "for", "threads": "threads", "t": "threads"}


def parse_target(target: str) -> Target:
    """Read how branches are run.

    Parameters
    ----------
    target : {'threads', 't', 'for', 'f'}
        In threads, or in turn.

    Raises
    ------
    ExecutorError
        If it is anything else.
    """
    try:
        return _TARGETS[target]
    except (KeyError, TypeError):
        raise ExecutorError(f"target must be 'threads' ('t') or 'for' ('f'), got {target!r}") from None


@dataclass(frozen=True, slots=True)
class Iterations:
    """How many iterations there are, None until something ends, and how often values are put between them.

    Without a number of seconds they are put only at dumps and at the end.
    """

    n_iters: int | None
    flush_every_s: float | None = None

    def clock(self) -> Callable[[], bool] | None:
        """Return what tells when values are to be put between iterations, if they are."""
        return None if self.flush_every_s is None else _Clock(self.flush_every_s).due


class _Clock:
    """Tells when a period has passed."""

    __slots__ = ("_period_s", "_started_s")

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._started_s = time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if now - self._started_s < self._period_s:
            return False
        self._started_s = now
        return True


class _LockedSink:
    """Lets one branch at a time put its values."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = Lock()

    def put(self, experiment_id: str, values: Values) -> None:
        with self._lock:
            self._sink.put(experiment_id, values)


class _LockedKeepingSink(_LockedSink):
    """Lets one branch at a time put its values or keep one."""

    _sink: KeepingSink

    def keep(self, name: str, iteration: int, value: Any) -> Any:
        with self._lock:
            return self._sink.keep(name, iteration, value)


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """What does not change from one task of a plan to the next, with the plan compiled."""

    task: TaskKind
    iterations: Iterations
    target: Target
    sink: Sink | None

    @classmethod
    def parse(
        cls,
        plan: ExperimentPlan,
        *,
        target: str = "threads",
        n_iters: int | None = None,
        finalize: bool = True,
        debug: bool = False,
        sink: Sink | None = None,
        hooks: Iterable[Hook] = (),
        surroundings: Surroundings,
        catch: tuple[type[BaseException], ...] = (Exception, SystemExit),
        flush_every_s: float | None = None,
        profile: bool | int | str = 0,
    ) -> Self:
        """Read parameters of an :class:`Executor`; an ExecutorError if they contradict each other."""
        where = parse_target(target)
        if debug and where != "for":
            raise ExecutorError("debug=True raises exceptions to the caller, which needs target='for'")
        iterations = Iterations(_count_iterations(n_iters, plan), flush_every_s)
        rules = Rules(finalize, debug, catch, tuple(hooks))
        return cls(TaskKind(plan, rules, surroundings, parse_profile(profile)), iterations, where, sink)

    @property
    def parameters(self) -> dict[str, Any]:
        """What `parse` was given, but for the plan and the surroundings."""
        rules = self.task.rules
        return {
            "target": self.target,
            "n_iters": self.iterations.n_iters,
            "finalize": rules.finalize,
            "debug": rules.debug,
            "sink": self.sink,
            "hooks": rules.hooks,
            "catch": rules.catch,
            "flush_every_s": self.iterations.flush_every_s,
            "profile": self.task.profile,
        }

    @property
    def locked_sink(self) -> Sink | None:
        """A sink for branches, which put their values one at a time."""
        sink = self.sink
        if sink is None:
            return None
        return _LockedKeepingSink(sink) if isinstance(sink, KeepingSink) else _LockedSink(sink)


def _count_iterations(n_iters: int | None, plan: ExperimentPlan) -> int | None:
    if n_iters is None:
        return 1 if plan.only_callables else None
    if isinstance(n_iters, bool) or not hasattr(n_iters, "__index__") or n_iters < 1:
        raise ExecutorError(f"n_iters must be a positive int or None, got {n_iters!r}")
    return operator.index(n_iters)
