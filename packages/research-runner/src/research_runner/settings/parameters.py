"""The one table of the parameters of `Research.run`.

A new parameter needs a row here, its entry in the signature and docstring of `Research.run`, and its use in
`settings.reading`; `settings.contradictions` refuses it beside parameters that it contradicts. Tests compare
signature, docstring and the table in ``docs/running.md`` with the rows.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from research_runner.backends.registry import parse_backend
from research_runner.settings import arguments

_LONGEST: Final = 1000
_DEEPEST: Final = 10
Options: TypeAlias = Mapping[str, Any]
"""Parameter → value, each of which makes sense by itself."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of :meth:`Research.run`."""

    name: str
    annotation: str  # its type, for type checkers
    default: Any
    # name and value → typed value; raises `OptionError` for what makes no sense by itself
    rule: Callable[[str, Any], Any]
    type: str  # the same for people
    sentence: str  # what it does


# fmt: off
PARAMETERS: Final = (
    Parameter("name", "str | None", None, arguments.parse_optional_name, "str, optional",
        "Another name for the research; ``{n}`` in it is the next number that no folder has."),
    Parameter("workers", "int | str | Iterable[Any]", 1, arguments.parse_workers,
        "int, 'all' or list of configs",
        "Number of worker processes, or a config for each to append to those of its experiments. ``'all'``, "
        "or -1, is one for each core that this process may use."),
    Parameter("branches", "int | Iterable[Any]", 1, arguments.parse_configs, "int or list of configs",
        "Number of experiments that share a root, or a config for each to append."),
    Parameter("n_iters", "int | None", None, arguments.parse_optional_count, "int, optional",
        "Iterations of each experiment; by default 1 if all units are callables, else until a generator "
        "ends."),
    Parameter("devices", "DeviceSpec", None, arguments.parse_anything, "int, str, list, mapping or None",
        "Devices to share between workers and branches; see ``get_devices``. Of a cluster engine only their "
        "number is requested."),
    Parameter("executor_class", "type[Executor] | None", None, arguments.parse_executor,
        "subclass of Executor, optional",
        "Runs the tasks."),
    Parameter("dump_results", "bool", True, arguments.parse_switch, "bool",
        "Keep the results in the folder `name`, else in memory."),
    Parameter("parallel", "bool", True, arguments.parse_switch, "bool",
        "Run in worker processes, else in this one."),
    Parameter("executor_target", "str", "threads", arguments.parse_target_name,
        "{'threads', 't', 'for', 'f'}",
        "Run the branches of a task in threads or in turn."),
    Parameter("loglevel", "str | int | None", None, arguments.parse_log_level, "str or int, optional",
        "The lowest level that goes into ``research.log`` and the ``experiment.log`` of each experiment; "
        "by default only ``research.log`` is written, at level info."),
    Parameter("bar", "Any", True, arguments.parse_bar, "bool or tqdm-like class",
        "Show a progress bar, and a summary at the end."),
    Parameter("detach", "bool", False, arguments.parse_switch, "bool",
        "Run in a process of its own that outlives this one, and return at once."),
    Parameter("debug", "bool", False, arguments.parse_switch, "bool",
        "Raise the first exception; only with ``parallel=False, executor_target='for'``."),
    Parameter("finalize", "bool", True, arguments.parse_switch, "bool",
        "Whether the remaining units of an iteration run after a stop or failure in it."),
    Parameter("git_meta", "bool", False, arguments.parse_switch, "bool",
        "Keep the state of the git repository."),
    Parameter("env_meta", "bool", False, arguments.parse_switch, "bool",
        "Keep the versions of Python and all packages."),
    Parameter("seed", "Any", None, arguments.parse_seed, "None, bool, int or object with a seed sequence",
        "Makes everything random reproducible; see ``research_domain.make_seed_sequence``."),
    Parameter("profile", "bool | int | str", False, arguments.parse_profile, "bool, int or 'detailed'",
        "1 or True: times of units. 2 or 'detailed': times of the functions below them as well."),
    Parameter("memory_ratio", "float | None", None, arguments.parse_share, "float, optional",
        "Share of free memory that all devices of a worker must have before a task starts."),
    Parameter("n_gpu_checks", "int", 3, arguments.parse_count, "int",
        "Number of checks before the task goes back to the queue."),
    Parameter("gpu_check_delay", "float", 5, arguments.parse_time, "float",
        "Time between these checks in seconds."),
    Parameter("create_id_prefix", "bool | int | None", None, arguments.parse_id_prefix,
        "bool or int, optional",
        "Begin ids with the indices of the options; an int is the number of digits. Default: the domain's."),
    Parameter("redirect_stdout", "bool | int", True, arguments.parse_redirect, "bool or int",
        "0 nothing, 1 one file of the research, 2 a file per experiment, 3 both. True is 1 with a folder; "
        "without one it is 2, and ``storage.experiments_stdout[id]`` has the text."),
    Parameter("redirect_stderr", "bool | int", True, arguments.parse_redirect, "bool or int",
        "The same for what goes to standard error."),
    Parameter("max_attempts", "int", 2, arguments.parse_count, "int",
        "Number of attempts at an experiment whose worker dies."),
    Parameter("timeout", "float | None", None, arguments.parse_timeout, "float, optional",
        "Seconds that a task may take; then its worker is killed, which costs its experiments an attempt."),
    Parameter("tasks_per_worker", "float | None", None, arguments.parse_number_of_tasks,
        "int or inf, optional",
        "Tasks after which a worker process is replaced by a fresh one. By default 1 with devices, "
        "because that is what frees the memory of a GPU, and infinite without."),
    Parameter("start_method", "StartMethod", "auto", arguments.parse_start_method,
        "{'auto', 'fork', 'forkserver', 'spawn'}",
        "How worker processes are started."),
    Parameter("strict_code", "bool", True, arguments.parse_switch, "bool",
        "Refuse modules whose files were changed since this process imported them; False warns, and runs "
        "the current files."),
    Parameter("threads", "int | None", None, arguments.parse_optional_count, "int, optional",
        "Threads that OpenMP, BLAS, polars and the like may use in each worker; by default the cores shared "
        "among the workers, unless the variables of these libraries are set."),
    Parameter("infinite", "bool", False, arguments.parse_switch, "bool",
        "Allow a domain without an end."),
    Parameter("retry_on", "type[BaseException] | tuple[type[BaseException], ...]", (),
        arguments.parse_retry_on, "exception class or tuple of them",
        "Exceptions of units that cost an attempt; by default all of them fail an experiment at once."),
    Parameter("canary", "int | None", None, arguments.parse_canary, "int, optional",
        "Give up if this many first experiments all fail with the same error; by default three per worker, "
        "0 for never."),
    Parameter("resume", "bool | str", False, arguments.parse_resume, "bool or 'force'",
        "Continue the research in the folder: finished experiments are kept, interrupted ones start again, "
        "with the seed of the first run. ``'force'`` does so even if units, or values under an alias of "
        "yours or in an edited function, have changed."),
    Parameter("retry_failed", "bool", False, arguments.parse_switch, "bool",
        "Run failed experiments again when a research is resumed."),
    Parameter("overwrite", "bool", False, arguments.parse_switch, "bool",
        "Remove the folder of that name first, if it is a research that is not running."),
    Parameter("show", "str | None", None, arguments.parse_show, "str, optional",
        "Name of a saved variable whose latest value is shown on the bar: for long experiments."),
    Parameter("quiet", "bool", False, arguments.parse_switch, "bool",
        "Print nothing about failed experiments on standard error."),
    Parameter("raise_on_failure", "bool", False, arguments.parse_switch, "bool",
        "Raise `FailedExperimentsError` at the end if experiments have failed: for scripts and CI."),
    Parameter("backend", "str | BackendFactory | None", None, parse_backend, "str or object, optional",
        "Where tasks run: ``'inline'`` or ``'processes'`` on this machine (by default as `parallel` "
        "says), ``'dask'`` or ``'ray'`` for a local cluster of `workers`, ``'dask://host:port'`` or "
        "``'ray://host:port'`` for one that exists, or an object such as ``DaskBackend(client)``."),
    Parameter("hooks", "Iterable[Hook]", (), arguments.parse_hooks, "list of Hook",
        "Are notified of events of experiments, in the process where these run."),
    Parameter("storage", "str | StorageFactory | None", None, arguments.parse_storage,
        "str or class, optional",
        "Replaces the storage of results in the folder: a name that an installed package registers, or a "
        "class."),
    Parameter("seed_globals", "bool", True, arguments.parse_switch, "bool",
        "Seed ``random``, ``numpy.random`` and, if it is imported, ``torch`` for each experiment, from "
        "`seed` and its config."),
    Parameter("stop", "StopFactory | None", None, arguments.parse_stop, "object, optional",
        "A rule that ends experiments early by the values that they save, such as ``StopWhen`` or "
        "``MedianStop``."),
    Parameter("search", "str | SearchFactory | None", None, arguments.parse_search, "str or object, optional",
        "Chooses the next config by earlier results, instead of the order of the domain: a name that an "
        "installed package registers, or an object such as ``TPE('loss')`` of research-search."),
    Parameter("order", "str", "steps", arguments.parse_order, "{'steps', 'arrival'}",
        "With a search, or a rule that compares: the order in which experiments count as ended. "
        "``'steps'``: that of virtual time, the same for any number of workers. ``'arrival'``: as they end, "
        "which differs from run to run."),
    Parameter("slots", "int", 16, arguments.parse_count, "int",
        "Experiments that run at the same virtual time with ``order='steps'``, whatever the number of "
        "workers."),
    Parameter("budget", "Mapping[str, float] | None", None, arguments.parse_budget, "mapping, optional",
        "Limits after which no experiment starts, and running ones are finished: ``{'seconds': 3600}`` for "
        "all runs of the research together, and with a search or a rule ``{'steps': 10_000}``, the "
        "iterations of all experiments that have ended."),
)
# fmt: on

DEFAULTS: Final = {parameter.name: parameter.default for parameter in PARAMETERS}


def read_options(given: Mapping[str, Any]) -> Options:
    """Parse each parameter by itself; missing ones get their defaults.

    Raises `OptionError` for a value that makes no sense, and `TypeError` for a name that is no parameter.

    Examples
    --------
    >>> read_options({"executor_target": "f"})["executor_target"]
    'for'
    >>> read_options({"worker": 2})
    Traceback (most recent call last):
    ...
    TypeError: run() has no parameter 'worker' (did you mean 'workers'?)
    """
    for name in given:
        if name not in DEFAULTS:
            close = difflib.get_close_matches(name, DEFAULTS, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise TypeError(f"run() has no parameter {name!r}{hint}")
    values = {**DEFAULTS, **given}
    return {each.name: each.rule(each.name, values[each.name]) for each in PARAMETERS}


def as_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are not as by default, as plain JSON values.

    Examples
    --------
    >>> as_given({"workers": 2, "bar": True, "retry_on": OSError})
    {'workers': 2, 'retry_on': "<class 'OSError'>"}
    """
    return {name: _as_plain(value) for name, value in given.items() if value is not DEFAULTS[name]}


def _as_plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it; objects as the beginning of their text."""
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    if depth < _DEEPEST:
        if isinstance(value, list | tuple):
            return [_as_plain(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {str(key): _as_plain(item, depth + 1) for key, item in value.items()}
    try:
        return repr(value)[:_LONGEST]
    except Exception as error:  # noqa: BLE001 - whatever the repr of a user's object raises
        return f"<{type(value).__qualname__}, whose repr raised {type(error).__name__}>"
