"""What leaves an experiment: the protocols that sinks and storages implement.

Ownership and threads
---------------------
* What :meth:`Sink.put` gets belongs to the sink: values that can change are copied when they are saved, or
  kept by the sink itself at once if it is a :class:`KeepingSink`.
* One executor calls its sink from the threads of its branches, one call at a time: it holds a lock. A sink
  need not be thread-safe.
* A :class:`Storage` has one writer, the thread that created it. Everybody else reads through ``results``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from research_domain import ConfigAlias

__all__ = ["Encoded", "KeepingSink", "Sink", "Status", "Storage", "StorageFactory", "Values"]

Values: TypeAlias = Mapping[str, Mapping[int, Any]]
"""Variable name → iteration → value."""

Encoded: TypeAlias = Any
"""Values as a storage wants them: builtin tuples, strings, numbers and bytes."""

Status: TypeAlias = Literal["queued", "running", "done", "failed", "lost"]


@runtime_checkable
class Sink(Protocol):
    """Receives what an experiment saves."""

    def put(self, experiment_id: str, values: Values) -> None:
        """Take over values; when this returns they are as safe as this sink makes them.

        Parameters
        ----------
        experiment_id : str
            The experiment that saved them.
        values : mapping
            Variable name → iteration → value. Later puts of the same variable and iteration win.
        """


@runtime_checkable
class KeepingSink(Sink, Protocol):
    """A sink that takes over values which can change in the moment in which they are saved.

    Examples
    --------
    >>> from research_experiment import Executor, Experiment, MemorySink
    >>> class TextSink(MemorySink):
    ...     def keep(self, name, iteration, value):
    ...         return f'{name} {iteration}: {value}'
    >>> sink, state = TextSink(), []
    >>> experiment = Experiment().add_callable('grow', lambda: state.append(1) or state, save_to='state')
    >>> executor = Executor(experiment, n_iters=2, sink=sink).run()
    >>> sink.values[executor.experiments[0].id]
    {'state': {0: 'state 0: [1]', 1: 'state 1: [1, 1]'}}
    """

    def keep(self, name: str, iteration: int, value: Any) -> Any:
        """Return what :meth:`put` is to get in place of a value, whatever becomes of the value meanwhile.

        Parameters
        ----------
        name : str
            The variable.
        iteration : int
            Where it is saved.
        value : object
            Neither a number nor a text; those are handed to `put` as they are.
        """


class Storage(Sink, Protocol):
    """Keeps the experiments of a research; written by one thread, the coordinator's.

    Calls inside :meth:`transaction` become durable together. Nothing here runs user code.
    Optional is ``put_attempts(attempts, added, code)``, which does in one call for many short experiments
    that went well what ``mark(..., "running")``, `put_encoded` and ``mark(..., "done")`` do. Each attempt is
    a tuple of experiment, attempt, worker, host, device, started, iterations, elapsed_s and encoded values;
    `added` has experiment, config, index and digest of those that `add` was not called for, by their ids.
    One from which people can remove experiments has the attributes ``removed``, the ids of these, which are
    in `statuses`, `digests` and `counts` all the same, and ``past``, a reader that still sees them.
    """

    encode: Callable[[Values], Encoded]
    """Picklable by reference; runs where the values were made and names the variable that cannot be kept."""

    @property
    def path(self) -> Path | None:
        """The folder of the research; None in memory."""

    @property
    def results(self) -> Any:
        """A reader of what has been stored so far; its ``failure_report()`` groups failures."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """Options, entropy and times of the research: plain JSON values."""

    @property
    def experiments_stdout(self) -> Mapping[str, str]:
        """Experiment id → captured standard output."""

    @property
    def experiments_stderr(self) -> Mapping[str, str]:
        """Experiment id → captured standard error."""

    def transaction(self) -> AbstractContextManager[None]:
        """Group the calls inside into one commit; inner transactions join the outer one."""

    def add(
        self, experiment_id: str, config: ConfigAlias, *, index: int, digest: bytes | None = None
    ) -> None:
        """Register a queued experiment with its position in the order of the domain and its identity."""

    def mark(self, experiment_id: str, status: Status, **details: Any) -> None:
        """Change the status.

        Details are attempt, worker, host, device, code, started, elapsed_s, iterations and failure, and with
        a search or a rule that ends experiments early stopped: the step at which it has ended this one.
        """

    def put_encoded(self, experiment_id: str, encoded: Encoded) -> None:
        """Take over values that :attr:`encode` made."""

    def put_output(self, experiment_id: str, stream: Literal["stdout", "stderr"], text: str) -> None:
        """Keep captured output."""

    def put_environment(self, name: str, text: str) -> None:
        """Keep a text about the environment, such as the commit or the installed packages."""

    def update_meta(self, **values: Any) -> None:
        """Merge values into :attr:`meta`."""

    def statuses(self) -> Mapping[str, Status]:
        """Experiment id → status."""

    def digests(self) -> Mapping[bytes, str]:
        """Identity of each experiment → experiment id."""

    def named_values(self) -> Mapping[tuple[str, str], frozenset[bytes]]:
        """Parameter and lasting name of a value → the digests of the values that had it."""

    def counts(self) -> Mapping[str, int]:
        """Status → number of experiments, without zeros."""

    def check(self) -> None:
        """Raise an error if what has been written is no longer where it was written.

        An error of a storage may say ``passes_when``: the same call will succeed when that has happened; and
        ``resumable = False``: nothing can go on from what is there.
        """

    def experiment_path(self, experiment_id: str) -> Path:
        """Return the folder of an experiment, made on first use."""

    def close(self) -> None:
        """Make everything durable and close all files."""


class StorageFactory(Protocol):
    """What makes, opens and reads storages that last: usually the class of a storage.

    A package offers one by an entry point of the group ``research.storages``, whose name is what
    ``Research.run(storage=...)`` takes. `research_experiment.storage_testing.StorageContract` tests it.
    """

    encode: Callable[[Values], Encoded]
    """As that of the storages."""

    def create(self, path: Path, meta: Mapping[str, Any], *, allow_pickle: bool = False) -> Storage:
        """Make the folder of a new research, and open it; an error if anything is there.

        With `FileExistsError` a run whose name leaves its number open takes the next one.
        `allow_pickle` says that `results` of this storage may run code to give objects back.
        """

    def open(self, path: Path, *, allow_pickle: bool = False) -> Storage:
        """Open an existing research for writing; an error if another process has it open."""

    def read(self, path: Path, *, allow_pickle: bool = False) -> Any:
        """Return a reader; it needs no writer, and disturbs none.

        What a run and `Research.load` say comes from its `meta`, from its frames `experiments` (with columns
        ``status`` and ``iterations``) and `failures` (``id``, ``unit``, ``iteration``, ``message``), and from
        `failure_report()`, which :func:`research_domain.group_failures` makes. What a rule that compares
        experiments, or a search, knows when a run is resumed comes from ``history(variables)``: for each
        experiment that is done or failed, in the order of the domain, a tuple of its id, its config as a
        `ConfigAlias`, its status, its number of iterations or None, the ``stopped`` that it was marked with
        or None, and variable → iteration → value of those variables that it saved.
        """

    def is_there(self, path: Path) -> bool:
        """Tell whether anything is at a path already."""
