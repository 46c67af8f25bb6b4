"""Running a task: one root with its branches, iteration by iteration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from threading import Lock
from typing import Any, Literal, Self, TypeAlias

from research_domain import ConfigAlias, Identifier
from research_domain.identity import Identity
from research_experiment._branch import Branch, Root, Rules, tell
from research_experiment._checks import check_config_keys, check_root
from research_experiment._program import Step, make_instance, make_step
from research_experiment._references import leaves
from research_experiment.builder import ExperimentBuilder
from research_experiment.errors import ExecutorError
from research_experiment.plan import CallUnit, ExperimentPlan, Unit
from research_experiment.protocols import Hook, Sink, Values
from research_experiment.running import RunningExperiment, Surroundings
from research_experiment.storage import ExperimentStorage, RootStorage

__all__ = ["Executor", "Target", "parse_target"]

Target: TypeAlias = Literal["for", "threads"]
Configs: TypeAlias = Iterable[ConfigAlias | Mapping[str, Any]]

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


class _LockedSink:
    """Lets one branch at a time put its values."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = Lock()

    def put(self, experiment_id: str, values: Values) -> None:
        with self._lock:
            self._sink.put(experiment_id, values)


class Executor:
    """Runs an experiment for one config, or for several that share a root.

    Parameters
    ----------
    experiment : Experiment or ExperimentPlan
        What to run.
    configs : iterable of config, optional
        One per branch; mappings or ConfigAlias. By default a single empty config.
    branches_configs : iterable of config, optional
        Appended to `configs`, one per branch.
    executor_config : config, optional
        Appended to all of them.
    target : {'threads', 'for'}
        Run branches in threads or in turn.
    n_iters : int, optional
        Number of iterations; by default 1 if all units are callables, else until a generator ends.
    finalize : bool
        Whether the remaining units of an iteration run after a stop or failure in it.
    debug : bool
        Raise the first exception; only with ``target='for'``.
    sink : Sink, optional
        Where saved values go; without one they stay in ``experiments[i].results``.
    hooks : iterable of Hook
        Who is told what happens.
    identities : iterable of Identity, optional
        Who the experiments are; by default derived from `configs`.
    surroundings : Surroundings, optional
        Seed, folders and results.
    catch : tuple of exception classes
        What counts as a failure of a unit.
    flush_every_s : float, optional
        Put values at the end of an iteration when that many seconds have passed; by default only at dumps
        and at the end.

    Attributes
    ----------
    experiments : tuple of RunningExperiment
        One per branch.

    Raises
    ------
    ExecutorError
        If parameters contradict each other.
    PlanError
        If the experiment refers to things that do not exist.

    Examples
    --------
    >>> from research_experiment import EC, Executor, Experiment
    >>> experiment = Experiment().add_callable('square', lambda x: x * x, x=EC('x'), save_to='y')
    >>> executor = Executor(experiment, configs=[{'x': 2}, {'x': 3}], target='for').run()
    >>> [running.results['y'][0] for running in executor.experiments]
    [4, 9]
    """

    def __init__(
        self,
        experiment: ExperimentBuilder | ExperimentPlan,
        configs: Configs | None = None,
        branches_configs: Configs | None = None,
        executor_config: ConfigAlias | Mapping[str, Any] | None = None,
        target: str = "threads",
        n_iters: int | None = None,
        finalize: bool = True,
        debug: bool = False,
        *,
        sink: Sink | None = None,
        hooks: Iterable[Hook] = (),
        identities: Iterable[Identity] | None = None,
        surroundings: Surroundings | None = None,
        catch: tuple[type[BaseException], ...] = (Exception, SystemExit),
        flush_every_s: float | None = None,
    ) -> None:
        self._target = parse_target(target)
        if debug and self._target != "for":
            raise ExecutorError("debug=True raises exceptions to the caller, which needs target='for'")
        self._plan = experiment if isinstance(experiment, ExperimentPlan) else experiment.plan()
        self._n_iters = _count_iterations(n_iters, self._plan)
        self._flush_every_s = flush_every_s
        domain_configs, full_configs = _join_configs(configs, branches_configs, executor_config)
        if not isinstance(experiment, ExperimentPlan):
            check_config_keys(self._plan, {key for config in full_configs for key in config.keys()})  # noqa: SIM118
        check_root(self._plan, full_configs)
        who = (
            tuple(identities) if identities is not None else tuple(map(Identifier().identify, domain_configs))
        )
        rules = Rules(finalize, debug, catch, tuple(hooks))
        self._task = _Task(self._plan, who, full_configs, _sink_for(sink, full_configs), surroundings, rules)

    @property
    def experiments(self) -> tuple[RunningExperiment, ...]:
        """The experiments, one per branch."""
        return tuple(branch.running for branch in self._task.branches)

    def run(self) -> Self:
        """Run all branches to their ends.

        Returns
        -------
        Executor
            Itself, with the results in :attr:`experiments`.
        """
        task = self._task
        task.start()
        parallel = self._target == "threads" and len(task.branches) > 1
        if not parallel:
            self._run_branches(_in_turn)
            return self
        with ThreadPoolExecutor(len(task.branches), thread_name_prefix="branch") as pool:
            self._run_branches(lambda action, branches: list(pool.map(action, branches)))
        return self

    def _run_branches(self, each: Callable[[Callable[[Branch], Any], Sequence[Branch]], Any]) -> None:
        if _in_step(self._plan):
            self._loop(self._task.branches, self._task.root, each)
        else:
            each(lambda branch: self._loop([branch], None, _in_turn), self._task.branches)

    def _loop(
        self,
        branches: Sequence[Branch],
        root: Root | None,
        each: Callable[[Callable[[Branch], Any], Sequence[Branch]], Any],
    ) -> None:
        """Run branches in step: segment by segment, iteration by iteration."""
        alive = [branch for branch in branches if branch.running.is_alive]
        iteration, flushed = 0, time.monotonic()
        while alive:
            last = iteration + 1 == self._n_iters
            for branch in alive if root is None else [root, *alive]:
                branch.begin_iteration(iteration, last or branch.ending)
            for segment, is_root in enumerate(self._task.is_root):
                if is_root and root is not None:
                    root.run(segment)
                elif len(alive) == 1:
                    alive[0].run(segment)
                else:
                    each(partial(_run_segment, segment), alive)
            for branch in alive:
                branch.end_iteration()
            alive = [branch for branch in alive if branch.running.is_alive]
            if self._flush_every_s is not None and time.monotonic() - flushed >= self._flush_every_s:
                for branch in alive:
                    branch.flush()
                flushed = time.monotonic()
            iteration += 1


def _in_turn(action: Callable[[Branch], Any], branches: Sequence[Branch]) -> None:
    for branch in branches:
        action(branch)


def _run_segment(segment: int, branch: Branch) -> None:
    branch.run(segment)


def _in_step(plan: ExperimentPlan) -> bool:
    """Whether branches have to wait for each other: they share a root, or look at each other."""
    if plan.has_root:
        return True
    values = [unit.arguments for unit in plan.units if isinstance(unit, CallUnit)]
    return any(getattr(leaf, "all", False) for leaf in leaves(values))


def _count_iterations(n_iters: int | None, plan: ExperimentPlan) -> int | None:
    if n_iters is None:
        return 1 if plan.only_callables else None
    if isinstance(n_iters, bool) or not isinstance(n_iters, int) or n_iters < 1:
        raise ExecutorError(f"n_iters must be a positive int or None, got {n_iters!r}")
    return n_iters


def _as_config(config: ConfigAlias | Mapping[str, Any]) -> ConfigAlias:
    return config if isinstance(config, ConfigAlias) else ConfigAlias(config)


def _join_configs(
    configs: Configs | None,
    branches_configs: Configs | None,
    executor_config: ConfigAlias | Mapping[str, Any] | None,
) -> tuple[list[ConfigAlias], list[ConfigAlias]]:
    """Return the configs as they identify the experiments, and as the experiments see them."""
    additions = None if branches_configs is None else [_as_config(config) for config in branches_configs]
    if configs is None:
        base = [ConfigAlias()] * (1 if additions is None else len(additions))
    else:
        base = [_as_config(config) for config in configs]
    if additions is not None and len(additions) != len(base):
        raise ExecutorError(f"{len(base)} configs but {len(additions)} branches_configs; give one per branch")
    if not base:
        raise ExecutorError("an executor needs at least one config")
    full = (
        base if additions is None else [config + more for config, more in zip(base, additions, strict=True)]
    )
    if executor_config is not None:
        full = [config + _as_config(executor_config) for config in full]
    return base, full


def _sink_for(sink: Sink | None, configs: Sequence[ConfigAlias]) -> Sink | None:
    return sink if sink is None or len(configs) == 1 else _LockedSink(sink)


class _Task:
    """The branches of an executor and what they share."""

    def __init__(
        self,
        plan: ExperimentPlan,
        identities: Sequence[Identity],
        configs: Sequence[ConfigAlias],
        sink: Sink | None,
        surroundings: Surroundings | None,
        rules: Rules,
    ) -> None:
        self._plan, self._rules = plan, rules
        around = surroundings or Surroundings()
        self.running = [
            RunningExperiment(identity, index, config, ExperimentStorage(identity.id, sink), around)
            for index, (identity, config) in enumerate(zip(identities, configs, strict=True))
        ]
        for running in self.running:
            running.branches = tuple(self.running)
        groups = [
            (is_root, list(units)) for is_root, units in groupby(plan.units, key=lambda unit: unit.root)
        ]
        self.is_root = [is_root for is_root, _ in groups]
        self.branches = [
            Branch(running, self._segments(groups, False, running, [running]), rules)
            for running in self.running
        ]
        self.root = self._make_root(groups, around) if plan.has_root else None

    def _make_root(self, groups: Sequence[tuple[bool, list[Unit]]], around: Surroundings) -> Root:
        storage = RootStorage(self.running[0].id, [running.storage for running in self.running])
        identity = _root_identity(self.running[0].identity)
        running = RunningExperiment(identity, None, self.running[0].config_alias, storage, around)
        running.branches = tuple(self.running)
        segments = self._segments(groups, True, running, [running, *self.running])
        return Root(running, segments, self._rules, self.branches)

    def _segments(
        self,
        groups: Sequence[tuple[bool, list[Unit]]],
        root: bool,
        running: RunningExperiment,
        owners: Sequence[RunningExperiment],
    ) -> list[list[Step]]:
        called = self._rules.listeners("called")
        wrap = partial(_watched, running, called) if called else _unwatched
        return [
            [make_step(unit, running, owners, wrap) for unit in units] if is_root is root else []
            for is_root, units in groups
        ]

    def start(self) -> None:
        """Make all instances; those of the root first."""
        started = self._rules.listeners("started")
        for branch in self.branches:
            tell(started, branch.running)
        if self.root is not None:
            self._make_instances(self.root, True, [self.root.running, *self.running])
        for branch in self.branches:
            self._make_instances(branch, False, [branch.running])

    def _make_instances(self, branch: Branch, root: bool, owners: Sequence[RunningExperiment]) -> None:
        for instance in self._plan.instances:
            if instance.root is root:
                try:
                    make_instance(instance, branch.running, owners)
                except StopIteration:
                    branch.stop()
                except self._rules.catch as error:
                    branch.fail(error, instance.name)


def _root_identity(first: Identity) -> Identity:
    """Return an identity for what all branches share, with a random stream of its own."""
    return Identity(first.id, bytes(255 - byte for byte in first.digest), first.repetition, first.occurrence)


def _unwatched(_: str, action: Callable[[], None]) -> Callable[[], None]:
    return action


def _watched(
    running: RunningExperiment, called: Sequence[Callable[..., None]], unit: str, action: Callable[[], None]
) -> Callable[[], None]:
    """Tell the hooks about each call of a unit."""

    def watched() -> None:
        started_s = time.perf_counter()
        try:
            action()
        finally:
            tell(called, running, unit, started_s, time.perf_counter() - started_s)

    return watched
