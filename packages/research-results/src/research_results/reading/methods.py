"""Methods of results that return values, configs, files and changes of experiments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from research_domain import ConfigAlias
    from research_results.reading.artifacts import Artifact
    from research_results.reading.changes import Change
    from research_results.reading.filters import Query
    from research_results.reading.reader import Reader
    from research_results.reading.together import Member, ReaderOfSeveral


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `ResearchResults.load` returns.

    Attributes
    ----------
    results : dict
        Experiment to variable to iteration to value.
    configs : dict
        Experiment to its config.
    artifacts : dict
        Experiment to its files.
    """

    results: Mapping[str, Mapping[str, Mapping[int, Any]]]
    configs: Mapping[str, ConfigAlias]
    artifacts: Mapping[str, list[Artifact]]


class Selection(NamedTuple):
    """What `ResearchResults.filter` returns; None stands for all.

    Attributes
    ----------
    experiment_id : list of str
        Experiments, in the order of the domain.
    name : list of str or None
        Variables.
    iterations : list of int or None
        Iterations.
    """

    experiment_id: list[str]
    name: list[str] | None
    iterations: list[int] | None


class PastExperiment(NamedTuple):
    """What `ResearchResults.history` yields.

    Attributes
    ----------
    experiment_id : str
        The experiment.
    config : ConfigAlias
        Its config.
    status : {'done', 'failed'}
        How it ended.
    iterations : int or None
        Iterations that it did; None if it died with its worker.
    stopped : int or None
        The step at which a search or a rule has ended it; None if none has.
    values : dict
        Variable to iteration to value.
    """

    experiment_id: str
    config: ConfigAlias
    status: str
    iterations: int | None
    stopped: int | None
    values: Mapping[str, Mapping[int, Any]]


class Changes:
    """What `ResearchResults.follow` returns: changes in their order, read while they are iterated over.

    Attributes
    ----------
    since : int
        Changes come after this revision.
    revision : int
        The last of them has this revision, or an earlier one; what to give to `follow` next time.
    """

    def __init__(self, reader: Reader | ReaderOfSeveral, wanted: Query, since: int, revision: int) -> None:
        self.since = since
        self.revision = revision
        self._reader = reader
        self._wanted = wanted

    def __iter__(self) -> Iterator[Change]:
        return self._reader.changes(self.since, self.revision, self._wanted)

    def __repr__(self) -> str:
        return f"Changes(since={self.since}, revision={self.revision})"


class ResultsReading:
    """What a reader finds, under filters that always hold."""

    _reader: Reader | ReaderOfSeveral
    _filters: Mapping[str, Any]

    @property
    def results(self) -> dict[str, dict[str, dict[int, Any]]]:
        """Experiment to variable to iteration to value, read now."""
        return self.load_results()

    @property
    def configs(self) -> dict[str, ConfigAlias]:
        """Experiment to its config, read now."""
        return self.load_configs()

    @property
    def artifacts(self) -> dict[str, list[Artifact]]:
        """Experiment to the files in its folder, looked for now."""
        return self.load_artifacts()

    @property
    def path(self) -> Path | None:
        """Folder of the research; None in memory, and for several."""
        return self._reader.path

    @property
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the research: options, entropy, times; for several, of each of them."""
        return dict(self._reader.meta)

    def load(self, **kwargs: Any) -> Loaded:
        """Return results, configs and artifacts of the experiments that pass a filter."""
        wanted = self._wanted(kwargs)
        values, configs = self._reader.values(wanted), self._reader.configs(wanted)
        return Loaded(values, configs, self._reader.artifacts(wanted))

    def load_configs(self, **kwargs: Any) -> dict[str, ConfigAlias]:
        """Return the config of each experiment, with its aliases."""
        return self._reader.configs(self._wanted(kwargs))

    def load_results(
        self,
        experiment_id: str | list[str] | None = None,
        name: str | list[str] | None = None,
        iterations: int | list[int] | None = None,
        config: Any = None,
        alias: Any = None,
        domain: Any = None,
        **kwargs: Any,
    ) -> dict[str, dict[str, dict[int, Any]]]:
        """Return the values, each exactly as it was put.

        Parameters
        ----------
        experiment_id, name, iterations, config, alias, domain, **kwargs
            Filters, see `filter`.

        Returns
        -------
        dict
            Experiment to variable to iteration to value.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {'loss': {0: 1, 1: (2, None)}}, {})
        >>> results.load_results(iterations=1)
        {'a': {'loss': {1: (2, None)}}}
        """
        given = _given(experiment_id, name, iterations, config, alias, domain)
        return self._reader.values(self._wanted({**given, **kwargs}))

    def load_artifacts(
        self,
        experiment_id: str | list[str] | None = None,
        name: str | list[str] | None = None,
        config: Any = None,
        alias: Any = None,
        domain: Any = None,
        **kwargs: Any,
    ) -> dict[str, list[Artifact]]:
        """Return what experiments left in their folders; `name` chooses by name, the rest as in `filter`."""
        given = _given(experiment_id, name, None, config, alias, domain)
        return self._reader.artifacts(self._wanted({**given, **kwargs}))

    def load_iteration_files(self, path: str, iterations: int | list[int] | None = None) -> dict[int, Any]:
        """Return the values of one variable of one experiment.

        Parameters
        ----------
        path : str
            ``'<experiment id>/<variable>'``, as the variable's file was called when there were files; of
            several researches ``'<research>/<experiment id>/<variable>'``.
        iterations : int or list of int, optional
            Some of them.
        """
        experiment_id, name = self._reader.split(path)
        values = self.load_results(experiment_id=experiment_id, name=name, iterations=iterations)
        return values.get(experiment_id, {}).get(name, {})

    def filter(
        self,
        experiment_id: str | list[str] | None = None,
        name: str | list[str] | None = None,
        iterations: int | list[int] | None = None,
        config: Any = None,
        alias: Any = None,
        domain: Any = None,
        **kwargs: Any,
    ) -> Selection:
        """Return which experiments pass, and `name` and `iterations` as lists.

        Parameters
        ----------
        experiment_id : str or list of str, optional
            Experiments.
        name : str or list of str, optional
            Variables.
        iterations : int or list of int, optional
            Iterations.
        config : mapping, Config or ConfigAlias, optional
            Parameters, or their aliases, and the values they must have; see :func:`research_domain.same`.
        alias : mapping or ConfigAlias, optional
            The same with aliases of values; a list stands for any of its items.
        domain : Domain, optional
            The config must have all parameters of one of its configs, with equal values; any value will do
            for a sampled parameter.
        tags : str or list of str, optional
            The experiment must have one of these tags.
        **kwargs
            More parameters, as in `alias` if that is given, else as in `config`, but a list also matches what
            equals one of its items.

        Raises
        ------
        ArgumentError
            If more than one of `config`, `alias` and `domain` is given, or an alias in place of a value.
        UnknownParameterError, UnknownAliasError, UnknownVariableError, UnknownExperimentError
            If there is nothing of such a name.
        """
        given = _given(experiment_id, name, iterations, config, alias, domain)
        wanted = self._wanted({**given, **kwargs})
        self._reader.check_names(wanted)
        return Selection(
            self._reader.ids(wanted),
            None if wanted.names is None else list(wanted.names),
            None if wanted.iterations is None else list(wanted.iterations),
        )

    def filter_ids_by_configs(
        self, config: Any = None, alias: Any = None, domain: Any = None, **kwargs: Any
    ) -> list[str]:
        """Return the experiments whose configs pass; parameters as those of `filter`.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {}, {'layers': [64, 10]})
        >>> results.put('b', {}, {'layers': [32, 10]})
        >>> results.filter_ids_by_configs(layers=[32, 10])
        ['b']
        """
        given = _given(None, None, None, config, alias, domain)
        return self._reader.ids(self._wanted({**given, **kwargs}))

    def follow(self, since: int = 0) -> Changes:
        """Return what has changed after a revision: to watch a research, also from another process.

        Parameters
        ----------
        since : int
            The `revision` of an earlier call; 0 for everything from the beginning.

        Returns
        -------
        Changes
            To be iterated over; its `revision` is what to give next time.

        Raises
        ------
        ArgumentError
            If the research has not come as far as `since`: it is another one of the same name. If these are
            several researches.
        OldFormatError
            If the folder was made before revisions were counted.

        Examples
        --------
        >>> from research_results import ResearchResults
        >>> results = ResearchResults('memory', dump_results=False)
        >>> results.put('a', {'loss': {0: 0.5}}, {'lr': 0.1})
        >>> changes = results.follow()
        >>> for change in changes:
        ...     print(change)
        Queued(revision=1, experiment_id='a')
        Stored(revision=2, experiment_id='a', variable='loss', values={0: 0.5})
        >>> results.put('a', {'loss': {1: 0.25}})
        >>> list(results.follow(since=changes.revision))
        [Stored(revision=3, experiment_id='a', variable='loss', values={1: 0.25})]
        """
        return Changes(self._reader, self._wanted({}), since, self._reader.revision(since))

    def history(self, variables: Iterable[str]) -> Iterator[PastExperiment]:
        """Yield what has become of the experiments that have ended, and what they saved of some variables.

        Parameters
        ----------
        variables : iterable of str
            Names of variables; those that nobody saved are left out.

        Yields
        ------
        PastExperiment
            One for each experiment that is done or failed, in the order of the domain.

        Examples
        --------
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage.create()
        >>> storage.add('a', {'lr': 0.1})
        >>> storage.put('a', {'loss': {0: 0.5}, 'net': {0: [1, 2]}})
        >>> storage.mark('a', 'done', iterations=1)
        >>> [(ended.experiment_id, ended.status, ended.values) for ended in storage.results.history(['loss'])]
        [('a', 'done', {'loss': {0: 0.5}})]
        """
        known = set(self._reader.variables())
        names = [name for name in variables if name in known]
        saved = self._reader.values(self._wanted({"name": names})) if names else {}
        with self._reader.selected(self._wanted({})) as selected:
            ids, configs = list(selected.experiments.names), selected.config_table().configs()
            _, ends = selected.rows(
                "SELECT key, status, iterations, stopped FROM experiments ORDER BY position, key"
            )
        for experiment_id, config, status, iterations, stopped in zip(ids, configs, *ends, strict=True):
            if status in ("done", "failed"):
                values = saved.get(experiment_id, {})
                yield PastExperiment(experiment_id, config, status, iterations, stopped, values)

    def close_manager(self) -> None:
        """Do nothing: there is no manager process; kept for programs that call it."""

    def _wanted(self, given: Mapping[str, Any]) -> Query:
        """Return the filter of a call together with those of this object."""
        return self._reader.query({**self._filters, **given})

    def _parts(self) -> list[Member]:
        """Return the researches that these are, each with the filter that always holds."""
        from research_results.reading.together import Member, ReaderOfSeveral

        if isinstance(self._reader, ReaderOfSeveral):
            return self._reader.narrowed(self._wanted({}))
        return [Member(self._reader.name, self._reader, self._wanted({}))]


def _given(
    experiment_id: Any, name: Any, iterations: Any, config: Any, alias: Any, domain: Any
) -> dict[str, Any]:
    """Return the filters that are not None."""
    given = {"experiment_id": experiment_id, "name": name, "iterations": iterations}
    given |= {"config": config, "alias": alias, "domain": domain}
    return {word: value for word, value in given.items() if value is not None}
