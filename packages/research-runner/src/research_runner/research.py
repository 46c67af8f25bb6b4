"""Research: an experiment, a domain, and the way to run one over the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from research_domain import Domain, UpdateRule
from research_experiment import Experiment, ExperimentBuilder, UnknownUnitError
from research_experiment.expressions.named import Expression, value_at
from research_runner.errors import NotRunError, OptionError, ResearchExistsError
from research_runner.running.attributes import in_results, nothing_to_add
from research_runner.scheduling.source import IterationOptions
from research_runner.settings.arguments import parse_name, parse_optional_count, parse_workers
from research_runner.system.libraries import library_environment
from research_runner.system.paths import has_number, next_free
from research_runner.worker.starting import start_early

if TYPE_CHECKING:
    from research_experiment import Executor, Hook, StorageFactory
    from research_runner.backends.protocol import BackendFactory
    from research_runner.detached import DetachedRun
    from research_runner.devices import DeviceSpec
    from research_runner.loaded import LoadedResearch
    from research_runner.pool.launch import StartMethod
    from research_runner.profiling.profiler import Profiler
    from research_runner.running.overview import ResearchPlan
    from research_runner.running.run import ResearchRun
    from research_runner.searching.protocol import Search, SearchFactory, StopFactory
    from research_runner.settings.parameters import Options
    from research_runner.settings.values import RunSettings

__all__ = ["Research"]


class Research(ExperimentBuilder):
    """Runs an experiment for every config of a domain, in parallel, and keeps the results.

    Parameters
    ----------
    name : str
        Name of the research and of the folder for its results.
    domain : Domain, optional
        The configs; by default a single empty one.
    experiment : Experiment, optional
        What to run; units can be added to the research itself as well.
    n_configs : int, optional
        How many configs to take from the domain.
    n_reps : int, optional
        How often each config is repeated.
    repeat_each : int, optional
        How many configs are taken before they are repeated. What is not given is as the domain was told by
        ``set_iter_params``; by default all configs once.

    Examples
    --------
    >>> from research_domain import Domain
    >>> from research_experiment import EC
    >>> research = Research(domain=Domain(x=[1, 2], y=[3]))
    >>> research = research.add_callable('add', lambda x, y: x + y, x=EC('x'), y=EC('y'), save_to='sum')
    >>> research.run(dump_results=False, parallel=False, bar=False).monitor.finished_experiments
    2
    """

    def __init__(
        self,
        name: str = "research",
        domain: Domain | None = None,
        experiment: ExperimentBuilder | None = None,
        n_configs: int | None = None,
        n_reps: int | None = None,
        repeat_each: int | None = None,
        *,
        namespaces: Iterable[ModuleType | str | Mapping[str, Any]] | None = None,
    ) -> None:
        base = Experiment(namespaces=namespaces) if experiment is None else experiment
        super().__init__(base._instances, base._units, base._namespaces)
        if domain is not None and not isinstance(domain, Domain):
            raise OptionError(
                "domain", f"must be a Domain, such as Domain(x=[1, 2]), got {type(domain).__name__}"
            )
        self.name = parse_name("name", name)
        self.domain = Domain() if domain is None else domain.copy()
        self._iteration = IterationOptions(
            parse_optional_count("n_configs", n_configs),
            parse_optional_count("n_reps", n_reps),
            parse_optional_count("repeat_each", repeat_each),
        )
        self._env: dict[str, str] = {}
        self._last: ResearchRun | DetachedRun | None = None
        self._last_counts = (1, 1)
        self._numbered = ("", "")

    def update_domain(self, function: Callable[..., Domain | None], when: Any = 1, **kwargs: Any) -> Self:
        """Replace the domain while it is being explored.

        Parameters
        ----------
        function : callable
            Returns the new domain, or None to keep the old one.
        when : int, str or list
            In the language of iterations, with "configs generated so far, minus one" in place of the
            iteration; ``'last'``: when the domain is exhausted and all of its experiments have ended.
        **kwargs
            Arguments of the function; may contain ``R()``, the results. ``n_items``, ``n_reps`` and
            ``repeat_each``, unless the function takes them, are for the iteration of the new domain.
            ``wait=False``, unless the function takes it, calls the function also while experiments run.

        Raises
        ------
        UpdateError, WhenError
            If they cannot be understood, or do not fit the function.
        ExpressionError
            If an argument asks for something that only experiments have.

        Notes
        -----
        When the function is called, everything that has ended can be read. With ``R()`` among its arguments
        it is called when all experiments generated so far have ended, the triggering one included, whatever
        `when` says; so the study is the same with any number of workers. With ``when=1`` its experiments run
        one after another. The function runs in the process of the coordinator, and a resumed research repeats
        what it returned.

        Examples
        --------
        >>> from research_domain import Domain
        >>> from research_experiment import EC
        >>> def halve(width):
        ...     return Domain(x=[-width / 2, width / 2])
        >>> research = Research(domain=Domain(x=[-8, 0, 8]))
        >>> research = research.add_callable('square', lambda x: (x - 3) ** 2, x=EC('x'), save_to='y')
        >>> research = research.update_domain(halve, when='%2', width=8)
        >>> research = research.run(dump_results=False, parallel=False, bar=False)
        >>> research.monitor.finished_experiments
        5

        With ``table=R().df`` among its arguments the function gets the table so far.
        """
        from research_experiment import check_outside  # late, here and below: `run` begins with less

        check_outside(kwargs)
        UpdateRule.parse(function, when, kwargs).check_call()
        self.domain.set_update(function, when, **kwargs)
        return self

    def run(
        self,
        name: str | None = None,
        workers: int | str | Iterable[Any] = 1,
        branches: int | Iterable[Any] = 1,
        n_iters: int | None = None,
        devices: DeviceSpec = None,
        executor_class: type[Executor] | None = None,
        dump_results: bool = True,
        parallel: bool = True,
        executor_target: str = "threads",
        loglevel: str | int | None = None,
        bar: Any = True,
        detach: bool = False,
        debug: bool = False,
        finalize: bool = True,
        git_meta: bool = False,
        env_meta: bool = False,
        seed: Any = None,
        profile: bool | int | str = False,
        memory_ratio: float | None = None,
        n_gpu_checks: int = 3,
        gpu_check_delay: float = 5,
        create_id_prefix: bool | int | None = None,
        redirect_stdout: bool | int = True,
        redirect_stderr: bool | int = True,
        *,
        max_attempts: int = 2,
        timeout: float | None = None,
        tasks_per_worker: float | None = None,
        start_method: StartMethod = "auto",
        strict_code: bool = True,
        threads: int | None = None,
        infinite: bool = False,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
        canary: int | None = None,
        resume: bool | str = False,
        retry_failed: bool = False,
        overwrite: bool = False,
        show: str | None = None,
        quiet: bool = False,
        raise_on_failure: bool = False,
        backend: str | BackendFactory | None = None,
        hooks: Iterable[Hook] = (),
        storage: str | StorageFactory | None = None,
        seed_globals: bool = True,
        stop: StopFactory | None = None,
        search: str | SearchFactory | None = None,
        order: str = "steps",
        slots: int = 16,
        budget: Mapping[str, float] | None = None,
    ) -> Self:
        """Run the experiment for every config.

        Parameters
        ----------
        name : str, optional
            Another name for the research; ``{n}`` in it is the next number that no folder has.
        workers : int, 'all' or list of configs
            Number of worker processes, or a config for each to append to those of its experiments. ``'all'``,
            or -1, is one for each core that this process may use.
        branches : int or list of configs
            Number of experiments that share a root, or a config for each to append.
        n_iters : int, optional
            Iterations of each experiment; by default 1 if all units are callables, else until a generator
            ends.
        devices : int, str, list, mapping or None
            Devices to share between workers and branches; see ``get_devices``. Of a cluster engine only their
            number is requested.
        executor_class : subclass of Executor, optional
            Runs the tasks.
        dump_results : bool
            Keep the results in the folder `name`, else in memory.
        parallel : bool
            Run in worker processes, else in this one.
        executor_target : {'threads', 't', 'for', 'f'}
            Run the branches of a task in threads or in turn.
        loglevel : str or int, optional
            The lowest level that goes into ``research.log`` and the ``experiment.log`` of each experiment; by
            default only ``research.log`` is written, at level info.
        bar : bool or tqdm-like class
            Show a progress bar, and a summary at the end.
        detach : bool
            Run in a process of its own that outlives this one, and return at once.
        debug : bool
            Raise the first exception; only with ``parallel=False, executor_target='for'``.
        finalize : bool
            Whether the remaining units of an iteration run after a stop or failure in it.
        git_meta : bool
            Keep the state of the git repository.
        env_meta : bool
            Keep the versions of Python and all packages.
        seed : None, bool, int or object with a seed sequence
            Makes everything random reproducible; see ``research_domain.make_seed_sequence``.
        profile : bool, int or 'detailed'
            1 or True: times of units. 2 or 'detailed': times of the functions below them as well.
        memory_ratio : float, optional
            Share of free memory that all devices of a worker must have before a task starts.
        n_gpu_checks : int
            Number of checks before the task goes back to the queue.
        gpu_check_delay : float
            Time between these checks in seconds.
        create_id_prefix : bool or int, optional
            Begin ids with the indices of the options; an int is the number of digits. Default: the domain's.
        redirect_stdout : bool or int
            0 nothing, 1 one file of the research, 2 a file per experiment, 3 both. True is 1 with a folder;
            without one it is 2, and ``storage.experiments_stdout[id]`` has the text.
        redirect_stderr : bool or int
            The same for what goes to standard error.
        max_attempts : int
            Number of attempts at an experiment whose worker dies.
        timeout : float, optional
            Seconds that a task may take; then its worker is killed, which costs its experiments an attempt.
        tasks_per_worker : int or inf, optional
            Tasks after which a worker process is replaced by a fresh one. By default 1 with devices, because
            that is what frees the memory of a GPU, and infinite without.
        start_method : {'auto', 'fork', 'forkserver', 'spawn'}
            How worker processes are started.
        strict_code : bool
            Refuse modules whose files were changed since this process imported them; False warns, and runs
            the current files.
        threads : int, optional
            Threads that OpenMP, BLAS, polars and the like may use in each worker; by default the cores shared
            among the workers, unless the variables of these libraries are set.
        infinite : bool
            Allow a domain without an end.
        retry_on : exception class or tuple of them
            Exceptions of units that cost an attempt; by default all of them fail an experiment at once.
        canary : int, optional
            Give up if this many first experiments all fail with the same error; by default three per worker,
            0 for never.
        resume : bool or 'force'
            Continue the research in the folder: finished experiments are kept, interrupted ones start again,
            with the seed of the first run. ``'force'`` does so even if units, or values under an alias of
            yours or in an edited function, have changed.
        retry_failed : bool
            Run failed experiments again when a research is resumed.
        overwrite : bool
            Remove the folder of that name first, if it is a research that is not running.
        show : str, optional
            Name of a saved variable whose latest value is shown on the bar: for long experiments.
        quiet : bool
            Print nothing about failed experiments on standard error.
        raise_on_failure : bool
            Raise `FailedExperimentsError` at the end if experiments have failed: for scripts and CI.
        backend : str or object, optional
            Where tasks run: ``'inline'`` or ``'processes'`` on this machine (by default as `parallel` says),
            ``'dask'`` or ``'ray'`` for a local cluster of `workers`, ``'dask://host:port'`` or
            ``'ray://host:port'`` for one that exists, or an object such as ``DaskBackend(client)``.
        hooks : list of Hook
            Are notified of events of experiments, in the process where these run.
        storage : str or class, optional
            Replaces the storage of results in the folder: a name that an installed package registers, or a
            class.
        seed_globals : bool
            Seed ``random``, ``numpy.random`` and, if it is imported, ``torch`` for each experiment, from
            `seed` and its config.
        stop : object, optional
            A rule that ends experiments early by the values that they save, such as ``StopWhen`` or
            ``MedianStop``.
        search : str or object, optional
            Chooses the next config by earlier results, instead of the order of the domain: a name that an
            installed package registers, or an object such as ``TPE('loss')`` of research-search.
        order : {'steps', 'arrival'}
            With a search, or a rule that compares: the order in which experiments count as ended.
            ``'steps'``: that of virtual time, the same for any number of workers. ``'arrival'``: as they end,
            which differs from run to run.
        slots : int
            Experiments that run at the same virtual time with ``order='steps'``, whatever the number of
            workers.
        budget : mapping, optional
            Limits after which no experiment starts, and running ones are finished: ``{'seconds': 3600}`` for
            all runs of the research together, and with a search or a rule ``{'steps': 10_000}``, the
            iterations of all experiments that have ended.

        Returns
        -------
        Research
            Itself, with :attr:`results` and :attr:`monitor`.

        Raises
        ------
        OptionError
            If parameters make no sense or contradict each other; nothing was created.
        ResearchExistsError
            If there already is a folder of that name and `resume` is not set; nothing was changed.
        ChangedError
            If units have changed since the run that is to be resumed.
        FailedExperimentsError
            At the end, with `raise_on_failure`, if experiments have failed; everything is stored.
        StaleCodeError
            If files of modules do not hold what this process imported; nothing was created.
        HopelessError
            If the first experiments all failed with the same error; see `canary`.
        PlanError, UnknownUnitError, TravelError
            If units refer to what does not exist, or cannot travel to a worker; nothing was created.
        KeyboardInterrupt
            After Ctrl-C, when what was running has ended and everything is stored.
        """
        options = dict(locals())
        del options["self"]
        if parallel and backend is None and devices is None and not detach:
            code = [getattr(each, "source", None) for each in self._units]
            _start_early(workers, threads, start_method, code)
        self._begin(options).execute(bar)
        return self

    def _begin(self, options: Mapping[str, Any]) -> ResearchRun | DetachedRun:
        """Start a run, with the next open number if another process has just taken this one."""
        name, parsed, settings = self._read(options)
        if not options["detach"]:
            settings.prepare()
        from research_runner.detached import start_detached
        from research_runner.loaded import replacing
        from research_runner.running.run import ResearchRun
        from research_runner.settings.contradictions import check_purpose

        check_purpose(name, settings.experiment)
        self._numbered, self.name = (self._template(options["name"]), name), name
        before, self._last = self._last, None
        try:
            with replacing(name) if options["overwrite"] else nullcontext():
                self._last = start_detached(settings) if options["detach"] else ResearchRun(settings)
        except Exception as error:
            self._last = before  # nothing was started
            if isinstance(error, ResearchExistsError) and self._numbered_name(parsed) != name:
                return self._begin(options)
            raise
        self._last_counts = (len(parsed["workers"]), len(parsed["branches"]))
        return self._last

    def plan(self, **options: Any) -> ResearchPlan:
        """Say what :meth:`run` would do with these parameters; nothing is run or created.

        Parameters
        ----------
        **options
            Parameters of :meth:`run`.

        Returns
        -------
        ResearchPlan
            How many configs, experiments and tasks, duplicates among them, devices and the seed; print it.

        Examples
        --------
        >>> from research_domain import Domain
        >>> print(Research(domain=Domain(x=[1, 2, 2]), n_reps=2).plan(workers=2, branches=3, seed=1))
        configs       3
        experiments   6, in 2 tasks
        iterations    1
        duplicates    2 among the first 6 experiments
        workers       2
        seed          1
        """
        from research_runner.running.overview import look_ahead

        return look_ahead(self._read(options)[-1])

    def _read(self, given: Mapping[str, Any]) -> tuple[str, Options, RunSettings]:
        """Return the name, the parsed parameters and the settings of a run."""
        from research_runner.settings.parameters import as_given, read_options
        from research_runner.settings.reading import make_settings
        from research_runner.settings.values import Study

        options = read_options(given)
        name = self._numbered_name(options)
        study = Study(name, self.build(), self.domain, self._iteration, self._env)
        return name, options, make_settings(study, options, as_given(given))

    def _template(self, given: Any) -> str:
        """Return the name of a run as it was given, which may leave its number open."""
        template, numbered = self._numbered
        return parse_name("name", given or (template if self.name == numbered else self.name))

    def _numbered_name(self, options: Options) -> str:
        """Return the name of a run; of one that leaves its number open, the next that is free."""
        name = self._template(options["name"])
        if not has_number(name):
            return name
        for option in ("resume", "overwrite"):
            if options[option]:
                raise OptionError(option, f"{name!r} is a new folder each time; give the number in its place")
        return next_free(name)

    def get_devices(
        self, devices: DeviceSpec, workers: int | None = None, branches: int | None = None
    ) -> list[list[list[str | None]]]:
        """Return how devices are shared between workers and branches.

        Parameters
        ----------
        devices : int, str, list, mapping or None
            Ids as indices, UUIDs or MIG UUIDs; see :func:`research_runner.devices.split_devices`.
        workers, branches : int, optional
            How many there are; by default as many as the last run had, 1 before any.

        Returns
        -------
        list of list of list of (str or None), shape (workers, branches, k)
            The devices of each branch of each worker.

        Examples
        --------
        >>> Research().get_devices([1, 2], workers=3, branches=2)
        [[['1'], ['1']], [['1'], ['2']], [['2'], ['2']]]
        """
        from research_runner.devices import split_devices

        last_workers, last_branches = self._last_counts
        workers, branches = workers or last_workers, branches or last_branches
        return split_devices(devices, workers, branches).as_lists()

    def attach_git_meta(self, cwd: str = ".") -> Self:
        """Keep the state of a git repository with the results: its commit, diff and status.

        After a run they go into its folder at once; before it, when it begins.

        Parameters
        ----------
        cwd : str
            The repository, or a folder in it.
        """
        from research_runner.system.environment import git_meta

        self._attach(git_meta(cwd))
        return self

    def attach_env_meta(self) -> Self:
        """Keep the versions of Python and of all installed packages with the results.

        After a run they go into its folder at once; before it, when it begins.
        """
        from research_runner.system.environment import env_meta

        self._attach(env_meta())
        return self

    def _attach(self, texts: Mapping[str, str]) -> None:
        """Keep texts for the next run, and with the results of the last one."""
        self._env.update(texts)
        if self._last is not None:
            from research_runner.recording.storage_lookup import keep_environment

            keep_environment(self._last.storage, texts)

    @property
    def experiment(self) -> Experiment:
        """An independent builder with the units of the research."""
        return Experiment(self._instances, self._units, self._namespaces)

    def _check_sugar(self, name: str) -> None:
        if self._last is not None:
            raise UnknownUnitError(self._instead(name) or nothing_to_add(self.name, name), name)

    def _instead(self, name: str) -> str | None:
        return in_results(name) or super()._instead(name)

    @property
    def storage(self) -> Any:
        """Where the results of the last run are."""
        return self._latest.storage

    @property
    def results(self) -> Any:
        """A reader of the results of the last run; ``results.df`` is the table."""
        return self._latest.storage.results

    @property
    def monitor(self) -> Any:
        """Counts of the last run."""
        return self._latest.monitor

    @property
    def profiler(self) -> Profiler:
        """Where the time of the last run went, if it was run with `profile`."""
        return self._latest.profiler

    @property
    def search(self) -> Search | None:
        """The search of the last run, as it is by now; None if there was none, or in another process."""
        return getattr(self._latest, "search", None)

    @property
    def is_finished(self) -> bool:
        """Whether all experiments of the last run have ended."""
        return self._last is not None and self._last.is_finished

    def terminate(self, kill_processes: bool = False, force: bool = False, wait: bool = True) -> None:
        """End the run before its time; from another thread, or after ``run(detach=True)``.

        Parameters
        ----------
        kill_processes, force : bool
            Kill what runs; by default it may end, and only nothing new is started.
        wait : bool
            Return when the run has ended.
        """
        self._latest.terminate(kill_processes or force)
        while wait and not self._latest.is_finished:
            time.sleep(0.1)

    @property
    def _latest(self) -> ResearchRun | DetachedRun:
        if self._last is None:
            raise NotRunError(self.name)
        return self._last

    @classmethod
    def load(cls, name: str, trusted: bool = False) -> LoadedResearch:
        """Open a research that was run before, or that another process runs now.

        Parameters
        ----------
        name : str
            Name of its folder.
        trusted : bool
            Allow its code to be run, which is what ``load(name, trusted=True).run(resume=True)`` needs, and
            let :attr:`results` give objects in place of ``Opaque``.

        Raises
        ------
        NotFoundError
            If there is none of that name.
        MissingPackageError
            If research-results is not installed.
        """
        from research_runner.loaded import LoadedResearch

        return LoadedResearch(name, trusted)

    @classmethod
    def remove(cls, name: str, ask: bool = True, force: bool = False) -> None:
        """Delete the folder of a research.

        Parameters
        ----------
        name : str
            Name of the folder.
        ask : bool
            Ask on the terminal first.
        force : bool
            Delete it even if it does not look like a research, or is being run.

        Warns
        -----
        ResearchWarning
            If there is no such folder.

        Raises
        ------
        NotAResearchError
            If the folder does not look like a research.
        RunnerError
            If it is being run.
        """
        from research_runner.loaded import remove_research

        remove_research(name, ask=ask, force=force)

    def copy(self) -> Research:
        """Return an independent research with the same units, domain and name, that has not been run."""
        twin = Research(self.name, self.domain, self.experiment)
        twin._iteration = self._iteration
        return twin

    def _rows(self) -> list[tuple[str, str]]:
        from research_runner.running.display import describe, progress_of

        last, progress = self._last, "not run yet"
        if last is not None:
            where = "memory" if last.storage.path is None else str(last.storage.path)
            progress = progress_of(last.monitor, last.is_finished, where)
        return describe(self.domain, self._iteration, self._draft(), progress)

    def __str__(self) -> str:
        from research_runner.running.display import as_text

        return as_text(f"Research {self.name!r}", self._rows())

    def _repr_html_(self) -> str:
        from research_runner.running.display import as_html

        return as_html(f"Research {self.name!r}", self._rows())

    def __repr__(self) -> str:
        return f"Research({self.name!r}, domain={self.domain!r}, units=[{', '.join(self._draft().names)}])"


def _start_early(workers: Any, threads: Any, start_method: Any, code: Collection[Any]) -> None:
    """Let workers begin while the other parameters are read, which takes as long as they take to begin."""
    with suppress(OptionError):  # whoever reads all of them says more
        count = len(parse_workers("workers", workers))
        limit = parse_optional_count("threads", threads)
        start_early([library_environment(limit, count, shares_machine=True)] * count, start_method, code)


@value_at.register(Research)
def _value_at_research(context: Research, expression: Expression) -> Any:
    from research_experiment import evaluate_outside

    return evaluate_outside(expression, lambda: context.results)
