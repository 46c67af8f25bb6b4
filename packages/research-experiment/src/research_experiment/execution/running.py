"""A running experiment: what ``E()`` gives to a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from threading import RLock
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from research_domain import Config, ConfigAlias
from research_domain.alias import plain_config, with_values
from research_domain.identity import Identity
from research_experiment.careful_logging import CarefulLogger, careful_logger
from research_experiment.errors import ExperimentError, UnitOutputError, UnknownUnitError, hint
from research_experiment.execution.copies import LARGE_BYTES, UNCHANGING, Copier
from research_experiment.execution.saved_values import ExperimentStorage
from research_experiment.execution.units import RunningPipeline, RunningUnit, UnitKind
from research_experiment.failures import Failure
from research_experiment.profiling import FunctionTime, Profile, UnitTime

if TYPE_CHECKING:
    import numpy as np


def _temporary_path(experiment_id: str) -> Path:
    return Path(mkdtemp(prefix=f"research-{experiment_id}-"))


def _no_results() -> Any:
    raise ExperimentError(
        "R() has no results to give: this experiment runs without a storage that can be read; "
        "run it by Research.run(dump_results=True), or give Surroundings(results=...)"
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a runner provides to an experiment.

    Parameters
    ----------
    entropy : int or sequence of int
        The seed of the research; an experiment's stream derives from it and the experiment's identity.
    path_of : callable
        Experiment id → its folder, made when it is asked for.
    results : callable
        Returns the reader of the research's results, or raises.
    root : Identity or None
        Whose random stream the root of a task derives from; by default that of its first branch. It matters
        where branches of a task are run again without those before them.
    seed_globals : bool
        Whether `random`, `numpy.random` and `torch`, if it is imported, are seeded for each experiment. The
        states that they had are lost.
    """

    entropy: int | Sequence[int] = 0
    path_of: Callable[[str], Path] = _temporary_path
    results: Callable[[], Any] = _no_results
    root: Identity | None = None
    seed_globals: bool = False


_UNMEASURED: Final = Profile()
"""The profile of experiments that nobody measures: it stays empty."""

_RLock: Final = type(RLock())
"""What `RLock` makes; without a function of Python in between."""

_NO_UNITS: Final[Mapping[str, UnitKind]] = {}
_NOTHING_RAN: Final[Mapping[str, int]] = {}


class Progress:
    """How far an experiment has come; changed by the executor alone.

    Attributes
    ----------
    functions : dict
        Unit → its function or iterator, those of the root as well.
    ran, root_ran : dict
        Unit → the iteration in which it last ran, or tried to: its own, and those of the root.
    made : list
        Its own instances and iterators with their names, in the order in which they were made.
    """

    __slots__ = ("ended", "failure", "functions", "last", "made", "open", "profile", "ran", "root_ran")

    def __init__(self) -> None:
        self.last = self.ended = False
        self.open = True
        self.failure: Failure | None = None
        self.functions: dict[str, Any] = {}
        self.ran: dict[str, int] = {}
        self.root_ran: Mapping[str, int] = _NOTHING_RAN
        self.profile = _UNMEASURED
        self.made: list[tuple[str, Any]] = []


class Outputs(dict[str, Any]):
    """Unit → its last output; a unit that has none is named by the error."""

    __slots__ = ()

    def __missing__(self, unit: str) -> Any:
        raise UnitOutputError(unit)


class RunningExperiment:
    """One experiment of a task while it runs.

    Attributes
    ----------
    id : str
        Stable id: a hash of the config, its repetition and occurrence.
    index : int or None
        Index among the branches of the task; None for the root.
    recorded_config : ConfigAlias
        The config as it is recorded; units get :attr:`config`, whose values are the experiment's own.
    outputs : dict
        Unit → its last output.
    instances : dict
        Name → object, as far as they have been made.
    storage : ExperimentStorage
        The values saved so far.
    """

    __slots__ = (
        "__weakref__",
        "_branches",
        "_cache",
        "_config",
        "_copier",
        "_lock",
        "_surroundings",
        "_units",
        "identity",
        "index",
        "instances",
        "outputs",
        "progress",
        "recorded_config",
        "storage",
    )

    def __init__(
        self,
        identity: Identity,
        index: int | None,
        recorded_config: ConfigAlias,
        storage: ExperimentStorage,
        surroundings: Surroundings,
        units: Mapping[str, UnitKind] = _NO_UNITS,
    ) -> None:
        self.identity = identity
        self.index = index
        self.recorded_config = recorded_config
        self.storage = storage
        self.outputs: dict[str, Any] = Outputs()
        self.instances: dict[str, Any] = {}
        self._branches: Sequence[ref[RunningExperiment]] = ()
        self._surroundings = surroundings
        self._units = units
        self.progress = Progress()
        self._config: Config | None = None
        self._cache: dict[str, Any] = {}
        self._copier: Copier | None = None
        self._lock = _RLock()

    @property
    def id(self) -> str:
        """Stable id of the experiment."""
        return self.identity.id

    @property
    def branches(self) -> tuple[RunningExperiment, ...]:
        """All experiments of the task, including ended ones, as long as its executor exists."""
        if not self._branches:
            return (self,)
        return tuple(one for one in [weak() for weak in self._branches] if one is not None)

    def share_task(self, branches: Sequence[ref[RunningExperiment]]) -> None:
        """Make known the branches of the task; weakly, so that nothing outlives its executor."""
        self._branches = branches

    @property
    def config(self) -> Config:
        """All parameters, with the auxiliary ones: nested, values as the domain gave them.

        Values that can change are the experiment's own copies.
        """
        if self._config is None:
            self._config = plain_config(self.recorded_config) or self.config_alias.config()
        return self._config

    def config_of(self, branch: RunningExperiment) -> Config:
        """Return the config of a branch of the task, its values copies of this experiment's own."""
        if branch is self:
            return self.config
        return with_values(branch.recorded_config, self.own).config()

    @property
    def config_alias(self) -> ConfigAlias:
        """The config with names for its values."""
        if "config_alias" not in self._cache:
            with self._lock:  # siblings may ask as well
                own = with_values(self.recorded_config, self._copy)
                self._cache.setdefault("config_alias", own)
        return self._cache["config_alias"]  # type: ignore[no-any-return]

    def own(self, value: Any) -> Any:
        """Return the experiment's own copy of a value that was given, the same one each time.

        Parameters
        ----------
        value : object
            What cannot change, or cannot be copied, is returned as it is; arrays of over 1 MB are returned as
            read-only views.
        """
        if type(value) in UNCHANGING:
            return value
        with self._lock:
            return self._copy(value)

    def _copy(self, value: Any) -> Any:
        if self._copier is None:
            self._copier = Copier(large_bytes=LARGE_BYTES)
        return self._copier.copy(value)

    def forget_originals(self) -> None:
        """Release the originals of copies when no further unit will run."""
        if self._copier is not None:
            with self._lock:
                self._copier.forget()

    @property
    def iteration(self) -> int:
        """The current iteration, zero-based."""
        return self.storage.iteration

    @property
    def last(self) -> bool:
        """Whether the current iteration is known to be the last one."""
        return self.progress.last

    @property
    def is_alive(self) -> bool:
        """Whether more iterations will follow, as far as is known."""
        return not self.progress.ended

    @property
    def is_failed(self) -> bool:
        """Whether a unit has raised an exception other than StopIteration."""
        return self.progress.failure is not None

    @property
    def failure(self) -> Failure | None:
        """The first failure."""
        return self.progress.failure

    @property
    def results(self) -> Mapping[str, Mapping[int, Any]]:
        """Variable → iteration → value: what was saved and not yet dumped."""
        return self.storage.results

    @property
    def random(self) -> np.random.Generator:
        """The experiment's own random stream: equal for equal seed and identity, wherever it runs."""
        if "random" not in self._cache:
            from research_domain.seeds import experiment_seed, make_rng  # late, as they import NumPy

            seed = experiment_seed(self._surroundings.entropy, self.identity.digest)
            self._cache["random"] = make_rng(seed)
        return self._cache["random"]  # type: ignore[no-any-return]

    @property
    def path(self) -> Path:
        """The experiment's folder, made on first use."""
        if "path" not in self._cache:
            if len(self.branches) > 1 and self.index is None:
                raise ExperimentError(
                    "a root shared by several branches has no folder of its own; use EP(all=True)"
                )
            self._cache["path"] = self._surroundings.path_of(self.id)
        return self._cache["path"]  # type: ignore[no-any-return]

    @property
    def research_results(self) -> Any:
        """The results of the research so far; what ``R()`` gives."""
        return self._surroundings.results()

    @property
    def logger(self) -> CarefulLogger:
        """A logger whose records carry ``experiment_id``."""
        return careful_logger("research.experiment", experiment_id=self.id)

    @property
    def profile_info(self) -> Sequence[UnitTime]:
        """One row per call of a unit; empty when profiling is off.

        The calls of a root are found in the first branch of its task: their time was spent once.
        """
        return self.progress.profile.units

    @property
    def profile_details(self) -> Sequence[FunctionTime]:
        """One row per function and call of a unit; empty unless profiling is detailed."""
        return self.progress.profile.functions

    def show_profile_info(self, per_iter: bool = False, detailed: bool = False) -> dict[Any, float]:
        """Return the seconds spent, the longest first.

        Parameters
        ----------
        per_iter : bool
            Keep the iterations apart.
        detailed : bool
            Keep the functions inside each unit apart; the time of a function is without those it calls.

        Returns
        -------
        dict
            Unit → seconds; the key is a tuple with the iteration before the unit, and the function behind it,
            where these are kept apart.
        """
        return self.progress.profile.summary(per_iter, detailed)

    def lookup(self, name: str) -> Any:
        """Return an instance, the iterator of a generator, or the function of a callable.

        Parameters
        ----------
        name : str
            Name of a unit or instance.

        Raises
        ------
        UnknownUnitError
            If there is none, or it has not been made yet.
        """
        for known in (self.instances, self.progress.functions):
            if name in known:
                return known[name]
        if self.progress.ended and name in self._units:
            raise UnknownUnitError(
                f"E({name!r}): the experiment has ended, and its units with it; "
                f"experiment[{name!r}].output is the last output",
                name,
            )
        known_names = [*self.instances, *self._units]
        raise UnknownUnitError(
            f"E({name!r}): no instance or unit of that name has been made yet{hint(name, known_names)}", name
        )

    def __getitem__(self, name: str) -> Any:
        """Return a unit as a :class:`~research_experiment.RunningUnit`, or an instance itself.

        Raises
        ------
        UnknownUnitError
            If there is none of that name.
        """
        kind = self._units.get(name)
        if kind is None or name in self.instances:
            return self.lookup(name)
        unit = RunningPipeline if kind.is_pipeline else RunningUnit
        ran = self.progress.root_ran if kind.is_root else self.progress.ran
        return unit(name, ran, self.outputs, partial(self.lookup, name))

    def __repr__(self) -> str:
        state = "failed" if self.is_failed else "alive" if self.is_alive else "ended"
        return f"<RunningExperiment {self.id} at iteration {self.iteration}, {state}>"
