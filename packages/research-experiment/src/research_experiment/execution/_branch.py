"""One branch of a task, and the root that branches share: running steps, and what stops or fails them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass
from os import getpid
from typing import Any, Final

from research_experiment.capture import Streams
from research_experiment.careful_logging import careful_logger
from research_experiment.execution._closing import close
from research_experiment.execution._program import Action, CompiledInstance, CompiledUnit, Scope, Watch
from research_experiment.execution._rules import Rules, tell
from research_experiment.execution.global_random import Turns
from research_experiment.execution.read_only import explained
from research_experiment.execution.running import RunningExperiment
from research_experiment.failures import FAILURES_LOGGER, Failure
from research_experiment.forks import DEPTH, end_if_forked
from research_experiment.plan import ExperimentPlan

_LOG = careful_logger("research.experiment")


_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the units of one experiment run: a context of their own, with streams to print to."""

    context: Context
    streams: Streams

    def flush(self) -> None:
        """Write buffered output."""
        for stream in (self.streams.stdout, self.streams.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except Exception:  # noqa: BLE001 - the experiment has ended; its output must not change that
                _LOG.exception("output of an experiment could not be flushed")


class Branch(Scope):
    """Runs the steps of one experiment, and keeps to the rules when a unit stops or fails.

    Attributes
    ----------
    ending : bool
        Whether the current iteration is known to be the last one.
    stage : Stage or None
        Where its units run; None for the caller's own context.
    turns : Turns or None
        Who has the global generators of random numbers; None if they are nobody's.
    """

    __slots__ = (
        "_actions",
        "_exhausted",
        "_listeners",
        "_missing",
        "_plan",
        "_rules",
        "_segments",
        "ending",
        "stage",
        "turns",
    )

    def __init__(
        self,
        running: RunningExperiment,
        owners: tuple[RunningExperiment, ...],
        watch: Watch | None,
        segments: Sequence[Sequence[CompiledUnit]],
        rules: Rules,
        plan: ExperimentPlan,
    ) -> None:
        self.running, self.owners, self.watch = running, owners, watch
        self._plan = plan
        self.ending = False
        self.stage: Stage | None = None
        self.turns: Turns | None = None
        self._segments = segments
        self._actions: dict[CompiledUnit, Action] = {}
        self._rules = rules
        self._missing = self._exhausted = _NONE
        self._listeners = rules.listeners

    def make_instances(self, instances: Iterable[CompiledInstance]) -> None:
        """Make the instances that belong here and give them to their owners."""
        self.enter(self._make_instances, instances)

    def _make_instances(self, instances: Iterable[CompiledInstance]) -> None:
        self._take_turn()
        owner = getpid()
        for instance in instances:
            if instance.is_root is not (self.running.index is None):
                continue
            if self.ending and self._skips(instance.name, instance.needs):
                continue
            try:
                try:
                    instance.make(self.running, self.owners)
                finally:
                    end_if_forked(owner)
            except StopIteration:
                self.stop(instance.name)
            except self._rules.catch as error:
                self.fail(error, instance.name)

    def enter(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function where the experiment's units run and print."""
        if self.stage is None:
            function(*args)
        else:
            self.stage.context.run(function, *args)

    def begin_iteration(self, iteration: int, last: bool) -> None:
        """Move on to an iteration; one that has failed before the first is in its last."""
        running = self.running
        running.storage.iteration = iteration
        running.progress.last = last or self.ending

    def run(self, segment: int, owner: int) -> None:
        """Run the steps of one segment that are due, in the process with the id `owner`."""
        if self.stage is None:
            self._run(self._segments[segment], owner)
        else:
            self.stage.context.run(self._run, self._segments[segment], owner)

    def iterate(self, iteration: int, last: bool, owner: int, due: Callable[[], bool] | None) -> bool:
        """Run a whole iteration of a branch without a root; return whether the experiment has ended."""
        running = self.running
        running.storage.iteration = iteration
        running.progress.last = last or self.ending
        for units in self._segments:
            if self.stage is None:
                self._run(units, owner)
            else:
                self.stage.context.run(self._run, units, owner)
        flush = due is not None and due()
        if flush or running.progress.last or self._rules.is_told:
            return self.end_iteration(flush)
        return False

    def _take_turn(self) -> None:
        if self.turns is not None:
            self.turns.take(self.running.identity.digest)

    def run_by_hand(self, name: str) -> bool:
        """Run a step if it is due, in spite of failures; return whether it ran without stopping."""
        for unit in (unit for units in self._segments for unit in units if unit.name == name):
            self.ending = False
            self._missing = self._exhausted = _NONE
            self.enter(self._run, [unit], getpid())
            due = unit.when is None or unit.when.due(self.running.iteration, self.running.last)
            return due and not self.ending
        return False

    def _run(self, units: Sequence[CompiledUnit], owner: int) -> None:
        if self.turns is not None:
            self._take_turn()
        running, catch = self.running, self._rules.catch
        progress, iteration = running.progress, running.storage.iteration
        ran, actions, depth = progress.ran, self._actions, DEPTH[0]
        for unit in units:
            if unit.when is not None and not unit.when.due(iteration, progress.last):
                continue
            if self.ending and not unit.is_dump and self._skips(unit.name, unit.needs, unit.consumes):
                continue
            try:
                ran[unit.name] = iteration
                try:
                    (actions.get(unit) or self._bind(unit))()
                finally:
                    if DEPTH[0] != depth:
                        end_if_forked(owner)
            except StopIteration:
                self.stop(unit.name)
            except catch as error:
                self.fail(error, unit.name)
        if getpid() != owner:  # a library of C may fork without Python
            end_if_forked(owner)

    def _bind(self, unit: CompiledUnit) -> Action:
        """Return the action of a unit that is due for the first time; it stays the same from now on."""
        watch = self.watch
        if watch is None or not unit.is_working:
            self._actions[unit] = action = unit.bind(self)
            return action

        def first() -> None:
            action = unit.bind(self)
            self._actions[unit] = watch(unit.name, action)
            action()

        return watch(unit.name, first)

    def _skips(self, name: str, needs: frozenset[str], consumes: frozenset[str] = frozenset()) -> bool:
        """Whether a step is left out after a stop or failure; what depends on it is left out as well."""
        if self._missing and needs & self._missing:
            self.miss(name)
            return True
        if consumes & self._exhausted:
            self.exhaust(name)
            return True
        return not self._rules.finalize

    def stop(self, unit: str) -> None:
        """End in this iteration because a unit has nothing more to give.

        What it gave before is still there for the others; if there is nothing, they are left out.
        """
        if unit in self.running.outputs:
            self.exhaust(unit)
        else:
            self.miss(unit)
        self.end_here()

    def fail(self, error: BaseException, unit: str | None) -> None:
        """Record a failure; the first one counts as the cause."""
        if unit is not None:
            self.miss(unit)
            error = explained(error, unit, self._plan, self.running)
        self.end_here()
        self._note(error, unit)

    def _note(self, error: BaseException, unit: str | None) -> None:
        if isinstance(error, KeyboardInterrupt) and KeyboardInterrupt not in self._rules.catch:
            raise error
        running = self.running
        failure = Failure.of(
            error,
            unit=unit,
            iteration=running.iteration,
            experiment_id=running.id,
            config=running.recorded_config.alias(),
        )
        if running.progress.failure is None:
            running.progress.failure = failure
        careful_logger(FAILURES_LOGGER, experiment_id=running.id).error(
            "%s\n%s", failure, failure.traceback.rstrip("\n")
        )
        tell(self._listeners["failed"], running, failure)
        if self._rules.debug:
            error.add_note(f"in {failure.where}")
            raise error

    def miss(self, name: str) -> None:
        """Record that a unit or instance has no output in this iteration."""
        self._missing |= {name}

    def exhaust(self, name: str) -> None:
        """Record that a unit has no new output; its last one remains."""
        self._exhausted |= {name}

    def end_here(self) -> None:
        """Make the current iteration the last one."""
        self.ending = True
        self.running.progress.last = True
        self.running.progress.open = self._rules.finalize

    def end_iteration(self, flush: bool) -> bool:
        """Tell that the iteration has ended; return whether it was the last, and the experiment has ended."""
        listeners, progress = self._listeners, self.running.progress
        if listeners["iterated"]:
            tell(listeners["iterated"], self.running)
        if listeners["ends"] and not progress.last:
            self._ask_ends()
        if flush:
            self._flush()
        if not progress.last:
            return False
        self.end()
        return True

    def _ask_ends(self) -> None:
        """Let hooks decide whether this iteration was the last one."""
        try:
            answers = [ends(self.running) for ends in self._listeners["ends"]]
        except self._rules.catch as error:
            self.enter(self.fail, error, None)
        else:
            if any(answers):
                self.end_here()

    def _flush(self) -> None:
        """Put what has been saved; what cannot be put is a failure."""
        try:
            self.running.storage.flush()
        except self._rules.catch as error:
            self.enter(self.fail, error, None)

    def end(self) -> None:
        """End the experiment, with everything put and closed."""
        running = self.running
        try:
            self._flush()
        finally:
            try:
                if running.progress.made:
                    self.enter(self._close_made, self.fail)
            finally:
                self.release()
                tell(self._listeners["ended"], running)

    def _close_made(self, report: Callable[[BaseException, str], None]) -> None:
        """Close iterators and instances in reverse order of creation."""
        if self.running.progress.made:
            self._take_turn()
        made, owner = self.running.progress.made, getpid()
        while made:
            name, thing = made.pop()
            try:
                try:
                    close(thing)
                finally:
                    end_if_forked(owner)
            except self._rules.catch as error:
                report(error, name)

    def abandon(self) -> None:
        """End because of an interrupt; saved values are put into the sink if possible."""
        try:
            self.running.storage.flush()
        except self._rules.catch:
            self.running.logger.exception("values saved before the interruption could not be put")
        self.close()

    def close(self) -> None:
        """Close created objects and release them; errors are logged."""
        self.enter(self._close_made, self._log_unclosed)
        self.release()

    def _log_unclosed(self, error: BaseException, name: str) -> None:
        self.running.logger.error("%r could not be closed", name, exc_info=error)

    def release(self) -> None:
        """Release objects that compiled steps hold."""
        running = self.running
        progress = running.progress
        progress.ended, progress.open = True, False
        progress.functions = {}
        if running._copier is not None:
            running.forget_originals()
        self._segments, self._actions = (), {}
        if self.stage is not None:
            self.stage.flush()


class Root(Branch):
    """The part of a task that its branches share; its stops and failures are theirs."""

    __slots__ = ("_branches",)

    def __init__(
        self,
        running: RunningExperiment,
        owners: tuple[RunningExperiment, ...],
        watch: Watch | None,
        segments: Sequence[Sequence[CompiledUnit]],
        rules: Rules,
        plan: ExperimentPlan,
        branches: Sequence[Branch],
    ) -> None:
        super().__init__(running, owners, watch, segments, rules, plan)
        self._branches = branches

    @property
    def _alive(self) -> list[Branch]:
        return [branch for branch in self._branches if branch.running.is_alive]

    def run(self, segment: int, owner: int) -> None:
        """Run the root's steps of one segment; it ends when all of its branches do."""
        for branch in self._branches:  # those that have ended are ending still
            if not branch.ending:
                break
        else:
            super().end_here()
        super().run(segment, owner)

    def end_here(self) -> None:
        """Make the current iteration the last one, for all branches."""
        super().end_here()
        for branch in self._alive:
            branch.end_here()

    def miss(self, name: str) -> None:
        """Record for all branches that a unit has no output."""
        super().miss(name)
        for branch in self._alive:
            branch.miss(name)

    def exhaust(self, name: str) -> None:
        """Record for all branches that a unit has no new output."""
        super().exhaust(name)
        for branch in self._alive:
            branch.exhaust(name)

    def _note(self, error: BaseException, unit: str | None) -> None:
        alive = self._alive
        for branch in alive:
            branch.enter(branch._note, error, unit)
        self.running.progress.failure = self.running.failure or next(iter(alive)).running.failure
