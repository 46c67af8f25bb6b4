"""Research: an experiment, a domain, and the way to run one over the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from research_domain import Domain
from research_experiment import Experiment, ExperimentBuilder, ExperimentPlan, Storage
from research_runner.coordinator import Limits
from research_runner.errors import NotRunError, OptionError
from research_runner.loading import LoadedResearch, remove_research
from research_runner.monitor import Monitor
from research_runner.options import (
    parse_configs,
    parse_count,
    parse_entropy,
    parse_execution,
    parse_name,
)
from research_runner.pool import StartMethod
from research_runner.run import ResearchRun, RunSettings
from research_runner.tasks import IterationOptions

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
        How many configs to take from the domain; by default all.
    n_reps : int
        How often each config is repeated.
    repeat_each : int, optional
        How many configs are taken before they are repeated; by default all, 100 if the domain is infinite.

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
        n_reps: int = 1,
        repeat_each: int | None = None,
        *,
        namespaces: Iterable[ModuleType | str | Mapping[str, Any]] | None = None,
    ) -> None:
        base = Experiment(namespaces=namespaces) if experiment is None else experiment
        super().__init__(base._instances, base._units, base._namespaces)
        if domain is not None and not isinstance(domain, Domain):
            raise OptionError("domain", f"must be a Domain, got {type(domain).__name__}")
        self.name = name
        self.domain = Domain() if domain is None else domain.copy()
        self._iteration = IterationOptions(
            parse_count("n_configs", n_configs, optional=True),
            parse_count("n_reps", n_reps) or 1,
            parse_count("repeat_each", repeat_each, optional=True),
        )
        self._last: ResearchRun | None = None

    def update_domain(self, function: Callable[..., Domain | None], when: Any = 1, **kwargs: Any) -> Self:
        """Replace the domain while it is being explored.

        Parameters
        ----------
        function : callable
            Returns the new domain, or None to go on with the old one.
        when : int, str or list
            In the language of iterations, with "configs generated so far, minus one" in place of the
            iteration; ``'last'``: when the domain is exhausted and all of its experiments have ended.
        **kwargs
            Arguments of the function; may contain named expressions such as ``R()``.
        """
        self.domain.set_update(function, when, **kwargs)
        return self

    def run(
        self,
        name: str | None = None,
        workers: int | Iterable[Any] = 1,
        branches: int | Iterable[Any] = 1,
        n_iters: int | None = None,
        executor_class: Any = None,
        dump_results: bool = True,
        parallel: bool = True,
        executor_target: str = "threads",
        bar: Any = True,
        debug: bool = False,
        finalize: bool = True,
        seed: Any = None,
        create_id_prefix: bool | int = False,
        *,
        max_attempts: int = 2,
        tasks_per_worker: int | None = None,
        start_method: StartMethod = "auto",
    ) -> Self:
        """Run the experiment for every config.

        Parameters
        ----------
        name : str, optional
            Another name for the research.
        workers : int or list of configs
            Number of worker processes, or a config for each to append to those of its experiments.
        branches : int or list of configs
            Number of experiments that share a root, or a config for each to append.
        n_iters : int, optional
            Iterations of each experiment; by default 1 if all units are callables, else until a generator
            ends.
        executor_class : subclass of Executor, optional
            Runs the tasks.
        dump_results : bool
            Keep the results in the folder `name`, else in memory.
        parallel : bool
            Run in worker processes, else in this one.
        executor_target : {'threads', 't', 'for', 'f'}
            Run the branches of a task in threads or in turn.
        bar : bool or tqdm-like class
            Show a progress bar.
        debug : bool
            Raise the first exception; only with ``parallel=False, executor_target='for'``.
        finalize : bool
            Whether the remaining units of an iteration run after a stop or failure in it.
        seed : None, bool, int or object with a seed sequence
            Makes everything random reproducible; see :func:`research_domain.make_seed_sequence`.
        create_id_prefix : bool or int
            Begin ids with the indices of the options; an int is the number of digits.
        max_attempts : int
            How often an experiment is tried whose worker dies.
        tasks_per_worker : int, optional
            Tasks after which a worker process is replaced by a fresh one; by default workers are kept.
        start_method : {'auto', 'fork', 'forkserver', 'spawn'}
            How worker processes are started.

        Returns
        -------
        Research
            Itself, with :attr:`results` and :attr:`monitor`.

        Raises
        ------
        OptionError
            If parameters make no sense or contradict each other; nothing was created.
        ResearchExistsError
            If there already is a folder of that name; nothing was changed.
        PlanError, UnknownUnitError
            If units refer to what does not exist; nothing was created.
        """
        self.name = parse_name(self.name if name is None else name)
        settings = RunSettings(
            path=Path(self.name).absolute() if dump_results else None,
            experiment=self._checked_plan(),
            domain=self.domain,
            iteration=replace(self._iteration, seed=parse_entropy(seed), create_id_prefix=create_id_prefix),
            execution=parse_execution(
                n_iters=n_iters,
                target=executor_target,
                finalize=finalize,
                debug=debug,
                parallel=parallel,
                executor_class=executor_class,
            ),
            workers=parse_configs("workers", workers),
            branches=parse_configs("branches", branches),
            limits=Limits(
                max_attempts=parse_count("max_attempts", max_attempts) or 1,
                tasks_per_worker=parse_count("tasks_per_worker", tasks_per_worker, optional=True),
            ),
            start_method=start_method if parallel else None,
        )
        self._last = ResearchRun(settings, self)
        self._last.execute(bar)
        return self

    def _checked_plan(self) -> ExperimentPlan:
        """Return the plan, after a look at whether its config keys are parameters of the domain."""
        return self.plan()

    @property
    def storage(self) -> Storage:
        """Where the results of the last run are."""
        return self._latest.storage

    @property
    def results(self) -> Any:
        """A reader of the results of the last run; ``results.df`` is the table."""
        return self._latest.storage.results

    @property
    def monitor(self) -> Monitor:
        """Counts of the last run."""
        return self._latest.monitor

    @property
    def _latest(self) -> ResearchRun:
        if self._last is None:
            raise NotRunError(self.name)
        return self._last

    @classmethod
    def load(cls, name: str) -> LoadedResearch:
        """Open the results of a research that was run before, or that another process runs now.

        Parameters
        ----------
        name : str
            Name of its folder.

        Raises
        ------
        MissingPackageError
            If research-results is not installed.
        """
        return LoadedResearch(name)

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
            Delete it even if it does not look like a research.

        Raises
        ------
        NotAResearchError
            If the folder does not look like a research, or there is none.
        """
        remove_research(name, ask=ask, force=force)

    def copy(self) -> Research:
        """Return an independent research with the same units, domain and name, that has not been run."""
        twin = Research(self.name, self.domain, Experiment(self._instances, self._units, self._namespaces))
        twin._iteration = self._iteration
        return twin

    def __repr__(self) -> str:
        return f"Research({self.name!r}, domain={self.domain!r}, units=[{', '.join(self._draft().names)}])"
