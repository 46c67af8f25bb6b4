"""Running a task: one root with its branches, iteration by iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from operator import methodcaller
from os import getpid
from typing import Any, Literal, Self, TypeAlias

from research_domain import ConfigAlias, Identifier
from research_domain.config import as_mapping, overlap
from research_domain.identity import Identity
from research_experiment.building._checks import check_config_keys, check_root
from research_experiment.building.builder import ExperimentBuilder
from research_experiment.capture import ROUTING, Capture
from research_experiment.errors import ExecutorError
from research_experiment.execution._branch import Branch, Root
from research_experiment.execution._task import RunningTask
from research_experiment.execution._threads import Threads
from research_experiment.execution.hooks import Hook
from research_experiment.execution.running import RunningExperiment, Surroundings
from research_experiment.execution.settings import ExecutorSettings
from research_experiment.plan import ExperimentPlan
from research_experiment.protocols import Sink

Configs: TypeAlias = Iterable[ConfigAlias | Mapping[str, Any]]


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
    seed : object, optional
        What ``E().random`` of each experiment derives from, together with what the experiment is; see
        :func:`research_domain.make_seed_sequence`. By default that of `surroundings`, which is 0: the same
        streams in each run.
    surroundings : Surroundings, optional
        Folders and results for ``EP()`` and ``R()``, and the seed if it is not given.
    catch : tuple of exception classes
        What counts as a failure of a unit; `KeyboardInterrupt` only if it is named itself.
    flush_every_s : float, optional
        Put values at the end of an iteration when that many seconds have passed; by default only at dumps
        and at the end.
    capture : Capture, optional
        Gives each experiment the streams that its units print to; by default nothing is caught.
    profile : {0, 1, 2}
        1 measures each call of a unit, 2 (or ``'detailed'``) the functions inside as well; see
        :attr:`RunningExperiment.profile_info`.

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
        seed: Any = None,
        surroundings: Surroundings | None = None,
        catch: tuple[type[BaseException], ...] = (Exception, SystemExit),
        flush_every_s: float | None = None,
        capture: Capture | None = None,
        profile: bool | int | str = 0,
    ) -> None:
        plan = experiment if isinstance(experiment, ExperimentPlan) else experiment.build()
        settings = ExecutorSettings.parse(
            plan,
            target=target,
            n_iters=n_iters,
            finalize=finalize,
            debug=debug,
            sink=sink,
            hooks=hooks,
            surroundings=_with_seed(surroundings or Surroundings(), seed),
            catch=catch,
            flush_every_s=flush_every_s,
            profile=profile,
        )
        domain_configs, full_configs = _join_configs(configs, branches_configs, executor_config)
        if not isinstance(experiment, ExperimentPlan):
            check_config_keys(plan, {key for config in full_configs for key in config.full_keys})
        identified = _identify(identities, domain_configs)
        self._begin(settings, list(zip(identified, full_configs, strict=True)), None, capture)

    @classmethod
    def of(
        cls,
        settings: ExecutorSettings,
        experiments: Sequence[tuple[Identity, ConfigAlias]],
        *,
        root: Identity | None = None,
        capture: Capture | None = None,
    ) -> Self:
        """Return the executor of another task, without parsing or compiling again.

        A class of one's own is called, because its constructor may do more.

        Parameters
        ----------
        settings : ExecutorSettings
            What is run, and how.
        experiments : sequence of (Identity, ConfigAlias)
            The branches.
        root : Identity, optional
            Whose random stream that of the root derives from; by default that of `settings`.
        capture : Capture, optional
            Gives each experiment the streams that its units print to.
        """
        if cls is Executor:
            executor = cls.__new__(cls)
            executor._begin(settings, experiments, root, capture)
            return executor
        kind = settings.task
        return cls(
            kind.plan,
            configs=[config for _, config in experiments],
            identities=[identity for identity, _ in experiments],
            surroundings=replace(kind.surroundings, root=root),
            capture=capture,
            **settings.parameters,
        )

    def _begin(
        self,
        settings: ExecutorSettings,
        experiments: Sequence[tuple[Identity, ConfigAlias]],
        root: Identity | None,
        capture: Capture | None,
    ) -> None:
        kind = settings.task
        if kind.plan.has_root:
            check_root(kind.plan, [config for _, config in experiments])
        self._settings = settings
        self._capture = capture
        sink = settings.sink if len(experiments) == 1 else settings.locked_sink
        self._task = RunningTask(kind, experiments, sink, capture, root)
        self._state: Literal["new", "running", "interrupted", "ended"] = "new"

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

        Raises
        ------
        ExecutorError
            If it has run already.
        Exception
            The first exception of a unit, with ``debug=True``.
        """
        if self._state != "new":
            raise ExecutorError("this executor has run already; make a new one to run again")
        self._state = "running"
        if self._capture is None:
            self._run_task()
        else:
            with ROUTING:
                self._run_task()
        return self

    def close(self) -> None:
        """Close, and drop outputs and instances; saved values and failures remain.

        One that runs, in another thread, ends after its current iteration, and drops nothing.
        """
        match self._state:
            case "running":
                self._state = "interrupted"
            case "new":
                self._state = "ended"
                self._task.close()
            case "ended":
                self.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def forget(self) -> None:
        """Drop the outputs and instances of the experiments; what they saved, and how they ended, stays.

        An instance or output that was given ``E()`` refers to the experiment, which refers to it: otherwise
        both stay until Python's garbage collection, which counts objects, not bytes.
        """
        task = self._task
        for branch in task.branches if task.root is None else (*task.branches, task.root):
            branch.running.outputs.clear()
            branch.running.instances.clear()

    def _run_task(self) -> None:
        task, is_single = self._task, len(self._task.branches) == 1
        in_turn = is_single or self._settings.target == "for"
        try:
            task.start(in_turn=in_turn)
            if is_single:
                self._loop(task.branches, task.root, None)
            elif in_turn:
                self._run_branches(None)
            else:
                self._run_in_threads()
        finally:
            self._state = "ended"
            task.close()

    def _run_in_threads(self) -> None:
        with ThreadPoolExecutor(len(self._task.branches), thread_name_prefix="branch") as pool:
            try:
                self._run_branches(Threads(pool))
            except BaseException:
                self._state = "interrupted"  # the pool waits for branches that would otherwise go on
                raise

    def _run_branches(self, threads: Threads | None) -> None:
        branches = self._task.branches
        if self._settings.task.plan.in_step:
            self._loop(branches, self._task.root, threads)
        elif threads is not None:
            threads.each(lambda branch: self._loop([branch], None, None), branches)
        else:
            for branch in branches:
                self._loop([branch], None, None)

    def _loop(self, branches: Sequence[Branch], root: Root | None, threads: Threads | None) -> None:
        """Run branches in step; one that is alone runs its iterations itself."""
        iterations, owner = self._settings.iterations, getpid()
        n_iters, iteration = iterations.n_iters, 0
        due = None if n_iters == 1 else iterations.clock()
        try:
            if root is not None or len(branches) > 1:
                self._loop_in_step(branches, root, threads, due, owner)
                return
            iterate = branches[0].iterate
            while self._state == "running" and not iterate(iteration, iteration + 1 == n_iters, owner, due):
                iteration += 1
        except BaseException:
            self._state = "interrupted"
            raise

    def _loop_in_step(
        self,
        branches: Sequence[Branch],
        root: Root | None,
        threads: Threads | None,
        due: Callable[[], bool] | None,
        owner: int,
    ) -> None:
        """Run branches segment by segment, iteration by iteration."""
        n_iters, kind = self._settings.iterations.n_iters, self._settings.task
        alive, iteration = list(branches), 0
        while alive and self._state == "running":
            last = iteration + 1 == n_iters
            if root is not None:
                root.begin_iteration(iteration, last)
            for branch in alive:
                branch.begin_iteration(iteration, last)
            for segment, is_root in kind.program.order:
                if is_root and root is not None:
                    root.run(segment, owner)
                elif threads is not None:
                    threads.each(methodcaller("run", segment, owner), alive)
                else:
                    for branch in alive:
                        branch.run(segment, owner)
            flush = due is not None and due()
            has_ended = False
            is_told = flush or kind.rules.is_told
            for branch in alive:
                if is_told or branch.running.progress.last:
                    has_ended |= branch.end_iteration(flush)
            if has_ended:
                alive = [branch for branch in alive if not branch.running.progress.ended]
            iteration += 1


def _with_seed(surroundings: Surroundings, seed: Any) -> Surroundings:
    if seed is None:
        return surroundings
    from research_domain.seeds import entropy_of  # late, as they import NumPy

    return replace(surroundings, entropy=entropy_of(seed))


def _as_config(config: ConfigAlias | Mapping[str, Any]) -> ConfigAlias:
    return config if isinstance(config, ConfigAlias) else ConfigAlias(config)


def _as_configs(configs: Configs, parameter: str) -> list[ConfigAlias]:
    if isinstance(as_mapping(configs), Mapping | ConfigAlias | str):
        raise ExecutorError(f"{parameter} must be a list with one config per branch, got {configs!r}")
    return [_as_config(config) for config in configs]


def _join_configs(
    configs: Configs | None,
    branches_configs: Configs | None,
    executor_config: ConfigAlias | Mapping[str, Any] | None,
) -> tuple[list[ConfigAlias], list[ConfigAlias]]:
    """Return the configs as they identify the experiments, and as the experiments see them."""
    additions = None if branches_configs is None else _as_configs(branches_configs, "branches_configs")
    if configs is None:
        base = [ConfigAlias()] * (1 if additions is None else len(additions))
    else:
        base = _as_configs(configs, "configs")
    if additions is not None and len(additions) != len(base):
        raise ExecutorError(f"{len(base)} configs but {len(additions)} branches_configs; give one per branch")
    if not base:
        raise ExecutorError("an executor needs at least one config")
    full = base
    if additions is not None:
        full = [_with(*pair, "branches_configs") for pair in zip(base, additions, strict=True)]
    if executor_config is not None:
        full = [_with(config, _as_config(executor_config), "executor_config") for config in full]
    return base, full


def _with(config: ConfigAlias, more: ConfigAlias, parameter: str) -> ConfigAlias:
    """Return a config with some more, which takes the place of nothing in it."""
    for key in more.full_keys:
        for own in config.full_keys:
            if overlap(key, own):
                raise ExecutorError(
                    f"{parameter} adds {key!r} to a config that has {own!r}; leave it out of one of them"
                )
    return config + more


def _identify(identities: Iterable[Identity] | None, configs: Sequence[ConfigAlias]) -> tuple[Identity, ...]:
    if identities is None:
        return tuple(map(Identifier().identify, configs))
    who = tuple(identities)
    if len(who) != len(configs):
        raise ExecutorError(f"{len(configs)} configs but {len(who)} identities; give one per config")
    if len(who) > 1 and len({identity.id for identity in who}) != len(who):
        raise ExecutorError(f"identities must differ, got {', '.join(identity.id for identity in who)}")
    return who
