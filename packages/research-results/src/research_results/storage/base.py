"""The contract of all storages.

A storage has **one writer**: the thread of the coordinator that made it. Calls inside of
``with storage.transaction():`` are one commit; a call outside is a commit of its own. Once such a call has
returned, or the transaction has ended, what was written survives the death of the process. Readers, here or
in other processes, see whole commits only and never make the writer wait (except on network file systems,
where they wait for each other).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from research_domain import ConfigAlias
from research_results.codec.encoding import Encoded, Values, encode
from research_results.disk.curation import Curated
from research_results.disk.outputs import Outputs
from research_results.reading.status import Status
from research_results.storage.recording import ExperimentRecorder
from research_results.writing.opened import OpenResearch
from research_results.writing.writer import Added, Attempt

if TYPE_CHECKING:
    from research_results.results import ResearchResults

Stream: TypeAlias = Literal["stdout", "stderr"]


class BaseStorage(ABC):
    """What all storages do, over an `OpenResearch` and `Outputs`; see the module for the contract."""

    encode: Callable[[Values], Encoded] = staticmethod(encode)
    """Runs where values were made; its result is for `put_encoded`, in this or another process."""

    has_other_writers = False
    """Whether an experiment that runs may run in another process."""

    def __init__(self, opened: OpenResearch, outputs: Outputs) -> None:
        self._opened = opened
        self._writer = opened.writer
        self._outputs = outputs
        self.rounds: set[str] = set()

    @property
    def path(self) -> Path | None:
        """Folder of the research, None in memory."""
        return self._opened.source.path

    @property
    @abstractmethod
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the research, as JSON values."""

    @property
    def results(self) -> ResearchResults:
        """A reader of committed values; it remains usable after `close`."""
        from research_results.results import ResearchResults  # late: few runs read while they write

        return ResearchResults.of(self._opened.source, self._opened)

    @property
    def curation(self) -> Curated:
        """What people have said of the research and its experiments."""
        return self._opened.source.curation

    def folders(self, experiment_id: str) -> list[Path]:
        """Return the folders with files of an experiment, those of interrupted attempts too."""
        return self._opened.source.folders(experiment_id)

    @abstractmethod
    def update_meta(self, **values: Any) -> None:
        """Keep some more about the whole research."""

    @abstractmethod
    def experiment_path(self, experiment_id: str) -> Path:
        """Return the folder for the files of an experiment; made on first use."""

    @abstractmethod
    def put_environment(self, name: str, text: str) -> None:
        """Keep a text about the environment under a file's name."""

    def close(self) -> None:
        """End writing; reading goes on. In a folder this leaves one file of data."""
        self._opened.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Make one commit of all calls inside; blocks nest and the outermost commits.

        Examples
        --------
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage.create()
        >>> with storage.transaction():
        ...     storage.add('a', {'lr': 0.1})
        ...     storage.put('a', {'loss': {0: 0.5}})
        """
        return self._writer.database

    def add(
        self,
        experiment_id: str,
        config: ConfigAlias | Mapping[Any, Any],
        *,
        index: int | None = None,
        digest: bytes | None = None,
    ) -> None:
        """Write down an experiment as queued.

        Parameters
        ----------
        experiment_id : str
            Its name. One that is there already is queued again with this config.
        config : ConfigAlias or mapping
            Its parameters.
        index : int, optional
            Its position in the order of the domain, by default after all others.
        digest : bytes, optional
            Its identity, by which a resumed run knows it again.
        """
        alias = config if isinstance(config, ConfigAlias) else ConfigAlias(config)
        self._writer.add(experiment_id, alias, index, digest)

    def mark(self, experiment_id: str, status: str, **details: Any) -> None:
        """Write down what became of an experiment.

        Parameters
        ----------
        experiment_id : str
            One that was added.
        status : {'queued', 'running', 'done', 'failed', 'lost'}
            A new attempt begins with ``'running'``: values of an earlier attempt are dropped then.
        **details
            ``attempt``, ``worker``, ``host``, ``device``, ``code`` (the version of the code), ``started``
            (seconds since 1970), ``elapsed_s``, ``iterations``, ``stopped`` (the step at which it was ended
            early), and ``failure``: an exception, or an object
            with ``cause``, ``type``, ``message``, ``traceback``, ``unit``, ``iteration``, ``host`` and
            ``device``; the attributes that it lacks are None.

        Raises
        ------
        UnknownExperimentError
            If it was not added.
        """
        self._writer.mark(experiment_id, status, details)

    def put(self, experiment_id: str, values: Values) -> None:
        """Store values of an experiment; one that was not added gets an empty config.

        Parameters
        ----------
        experiment_id : str
            The experiment.
        values : mapping of str to mapping of int to object
            Variable to iteration to value. A value for an iteration that has one replaces it.

        Raises
        ------
        UnstorableError
            If a value can be neither written as plain data nor serialised.
        """
        self._opened.put(experiment_id, values)

    def put_encoded(self, experiment_id: str, encoded: Encoded) -> None:
        """Store what `encode` made of values of an experiment that was added."""
        self._writer.put(experiment_id, encoded)

    def put_attempts(
        self, attempts: Iterable[Attempt], added: Mapping[str, Added], code: str | None = None
    ) -> None:
        """Write down whole attempts that went well: their beginnings, values and ends.

        Parameters
        ----------
        attempts : iterable of tuples
            Experiment, number of the attempt, worker, host, device, start in seconds since 1970, iterations,
            seconds that it took, and what `encode` made of its values; `mark` says more of them.
        added : mapping of str to tuple
            Of each of these experiments that was not added yet, what `add` takes: experiment, config, index
            and digest.
        code : str, optional
            The version of the code.

        Examples
        --------
        >>> from research_domain import ConfigAlias
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage.create()
        >>> attempt = ('a', 1, 0, None, None, 5.0, 1, 0.1, storage.encode({'loss': {0: 0.5}}))
        >>> storage.put_attempts([attempt], {'a': ('a', ConfigAlias({'lr': 0.1}), 0, None)})
        >>> storage.results.df[['lr', 'loss']]
            lr  loss
        0  0.1   0.5
        """
        self._writer.put_attempts(attempts, added, code)

    def put_output(self, experiment_id: str | None, stream: Stream, text: str) -> None:
        """Append to the standard output or error of an experiment, or with None of the whole research."""
        self._writer.database.check_owner()
        self._outputs.append(experiment_id, stream, text)

    def check(self) -> None:
        """Check that the files that were written still exist.

        Raises
        ------
        StorageLostError
            If research.db was removed, replaced or overwritten since the storage was opened.
        ForkedError
            In a process that was forked from the one that opened the storage.
        """
        self._writer.database.check()

    def counts(self) -> Mapping[str, int]:
        """Return the number of experiments for each status that occurs."""
        return self._writer.counts()

    @property
    def experiments_stdout(self) -> Mapping[str, str]:
        """Experiment to its standard output, as far as it was kept."""
        return self._outputs.view("stdout", self._ids)

    @property
    def experiments_stderr(self) -> Mapping[str, str]:
        """Experiment to its standard error, as far as it was kept."""
        return self._outputs.view("stderr", self._ids)

    def _ids(self) -> Iterable[str]:
        """Return the experiments in order, also when nothing can be written any more."""
        return self.results.filter().experiment_id

    def statuses(self) -> Mapping[str, Status]:
        """Return the status of every experiment, in the order of the domain."""
        return self._writer.statuses()

    def digests(self) -> Mapping[bytes, str]:
        """Return the identity of each experiment that was added with one, and its name."""
        return self._writer.digests()

    def named_values(self) -> Mapping[tuple[str, str], frozenset[bytes]]:
        """Return the digests of values with a permanent name.

        Returns
        -------
        mapping of (str, str) to frozenset of bytes
            Parameter and name: an alias that a user chose, or that of a function or class in its module.
        """
        return self._writer.named_values()

    @property
    def is_open(self) -> bool:
        """Whether more can be written."""
        return self._opened.is_open

    @property
    def removed(self) -> frozenset[str]:
        """Removed experiments: hidden from readers, and not run again."""
        return self._opened.removed

    def check_there(self, experiment_id: str) -> None:
        """Refuse to write values of removed experiments.

        Raises
        ------
        ArgumentError
            If the experiment was removed.
        """
        self._opened.check_there(experiment_id)

    def collect(self, *, ended_only: bool) -> list[str]:
        """Delete the values and files of removed experiments permanently; see `ResearchResults.gc`.

        Parameters
        ----------
        ended_only : bool
            Leave alone those that have not ended.
        """
        return self._opened.collect(ended_only=ended_only)

    def __contains__(self, experiment_id: str) -> bool:
        return self._writer.known(experiment_id)

    def state(self, experiment_id: str) -> tuple[Status, int] | None:
        """Return the status of an experiment and how many attempts it has had; None if there is none."""
        return self._writer.state(experiment_id)

    def experiment(
        self,
        config: ConfigAlias | Mapping[Any, Any] | None = None,
        *,
        experiment_id: str | None = None,
        skip_done: bool = False,
    ) -> ExperimentRecorder:
        """Return one round of a loop of your own, to be used as ``with storage.experiment(config) as run:``.

        Parameters
        ----------
        config : ConfigAlias or mapping, optional
            Its parameters.
        experiment_id : str, optional
            Its name, by default derived from the config.
        skip_done : bool
            Continue a loop that was begun before: a config that is done is left alone, ``run.is_done`` says
            so, and any other starts again. Without it, a config that has ended is another experiment when it
            comes again. What a killed process had begun is replaced in any case.

        Examples
        --------
        >>> from research_results import MemoryStorage
        >>> storage = MemoryStorage.create()
        >>> with storage.experiment({'lr': 0.1}) as run:
        ...     for _ in range(2):
        ...         run.put(loss=0.5)
        >>> storage.results.df[['lr', 'iteration', 'loss']]
            lr  iteration  loss
        0  0.1          0   0.5
        1  0.1          1   0.5
        """
        return ExperimentRecorder(self, config, experiment_id, skip_done=skip_done)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a storage cannot be pickled, as it has one writer; open SharedStorage(path) in each process, "
            "or send what storage.encode(values) returns to the process that has this one"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
