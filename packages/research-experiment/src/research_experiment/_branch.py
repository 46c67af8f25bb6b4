"""One branch of a task, and the root that branches share: running steps, and what stops or fails them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from research_experiment._program import Step
from research_experiment.failures import Failure
from research_experiment.protocols import Hook
from research_experiment.running import RunningExperiment

__all__ = ["Branch", "Rules", "Root", "tell"]

_LOG = logging.getLogger("research.experiment")


@dataclass(frozen=True, slots=True)
class Rules:
    """How the branches of an executor behave.

    Parameters
    ----------
    finalize : bool
        Whether the remaining units of the last iteration run after a stop or failure.
    debug : bool
        Raise the first exception to the caller.
    catch : tuple of exception classes
        What counts as a failure of a unit; everything else passes through.
    hooks : tuple of Hook
        Who is told.
    """

    finalize: bool = True
    debug: bool = False
    catch: tuple[type[BaseException], ...] = (Exception, SystemExit)
    hooks: tuple[Hook, ...] = ()

    def listeners(self, method: str) -> tuple[Callable[..., None], ...]:
        """Return the bound methods of those hooks that override `method`."""
        overriding = [hook for hook in self.hooks if getattr(type(hook), method) is not getattr(Hook, method)]
        return tuple(getattr(hook, method) for hook in overriding)


def tell(listeners: Iterable[Callable[..., None]], *args: Any) -> None:
    """Call the listeners; what they raise is logged."""
    for listener in listeners:
        try:
            listener(*args)
        except Exception:  # noqa: BLE001 - a hook may raise anything
            _LOG.exception("a hook failed and was ignored: %r", listener)


class Branch:
    """Runs the steps of one experiment, and keeps to the rules when a unit stops or fails.

    Parameters
    ----------
    running : RunningExperiment
        The experiment.
    segments : sequence of sequence of Step
        Its steps, in groups between the root's.
    rules : Rules
        How it behaves.
    """

    __slots__ = ("_iterated", "_rules", "_tainted", "ending", "running", "segments")

    def __init__(self, running: RunningExperiment, segments: Sequence[Sequence[Step]], rules: Rules) -> None:
        self.running = running
        self.segments = segments
        self.ending = False
        self._rules = rules
        self._tainted: set[str] = set()
        self._iterated = rules.listeners("iterated")

    def begin_iteration(self, iteration: int, last: bool) -> None:
        """Move on to an iteration."""
        self.running.storage.iteration = iteration
        self.running.progress.last = last

    def run(self, segment: int) -> None:
        """Run the steps of one segment that are due."""
        progress, iteration, catch = self.running.progress, self.running.storage.iteration, self._rules.catch
        for step in self.segments[segment]:
            if step.when is not None and not step.when.due(iteration, progress.last):
                continue
            if self.ending and self._skips(step):
                continue
            try:
                step.action()
            except StopIteration:
                self.stop()
            except catch as error:
                self.fail(error, step.name)

    def _skips(self, step: Step) -> bool:
        """Whether a step is left out after a stop or failure; what depends on it is left out as well."""
        if step.is_dump:
            return False
        if self._tainted and step.needs & self._tainted:
            self._tainted.add(step.name)
            return True
        return not self._rules.finalize

    def stop(self) -> None:
        """Make the current iteration the last one."""
        self.ending = True
        self.running.progress.last = True

    def fail(self, error: BaseException, unit: str | None) -> None:
        """Take note of a failure; the first one is the cause."""
        running = self.running
        failure = Failure.of(
            error,
            unit=unit,
            iteration=running.iteration,
            experiment_id=running.id,
            config=running.config_alias.alias(),
        )
        if running.progress.failure is None:
            running.progress.failure = failure
        running.logger.error("%s", failure)
        self.taint(unit)
        tell(self._rules.listeners("failed"), running, failure)
        if self._rules.debug:
            raise error

    def taint(self, unit: str | None) -> None:
        """End in this iteration, and mark what depends on a unit as missing."""
        if unit is not None:
            self._tainted.add(unit)
        self.stop()

    def end_iteration(self) -> None:
        """Tell that the iteration has ended, and end the experiment if it was the last."""
        if self._iterated:
            tell(self._iterated, self.running)
        if self.running.progress.last:
            self.end()

    def flush(self) -> None:
        """Put what has been saved; what cannot be put is a failure."""
        try:
            self.running.storage.flush()
        except self._rules.catch as error:
            self.fail(error, None)

    def end(self) -> None:
        """End the experiment, with everything put."""
        try:
            self.flush()
        finally:
            self.running.progress.ended = True
            tell(self._rules.listeners("ended"), self.running)


class Root(Branch):
    """The part of a task that its branches share; its stops and failures are theirs.

    Parameters
    ----------
    running : RunningExperiment
        The running root.
    segments : sequence of sequence of Step
        Its steps.
    rules : Rules
        How it behaves.
    branches : sequence of Branch
        All branches of the task.
    """

    __slots__ = ("_branches",)

    def __init__(
        self,
        running: RunningExperiment,
        segments: Sequence[Sequence[Step]],
        rules: Rules,
        branches: Sequence[Branch],
    ) -> None:
        super().__init__(running, segments, rules)
        self._branches = branches

    @property
    def _alive(self) -> list[Branch]:
        return [branch for branch in self._branches if branch.running.is_alive]

    def run(self, segment: int) -> None:
        """Run the root's steps of one segment; it ends when all of its branches do."""
        if all(branch.ending for branch in self._alive):
            super().stop()
        super().run(segment)

    def stop(self) -> None:
        """Stop all branches."""
        super().stop()
        for branch in self._alive:
            branch.stop()

    def fail(self, error: BaseException, unit: str | None) -> None:
        """Fail all branches."""
        super().taint(unit)
        for branch in self._alive:
            branch.fail(error, unit)

    def taint(self, unit: str | None) -> None:
        """End in this iteration, in all branches."""
        super().taint(unit)
        for branch in self._alive:
            branch.taint(unit)

    def _skips(self, step: Step) -> bool:
        """Leave out what depends on something missing, for the branches as well."""
        skips = super()._skips(step)
        if step.name in self._tainted:
            for branch in self._alive:
                branch.taint(step.name)
        return skips
