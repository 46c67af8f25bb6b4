"""Parameters of `Research.run` that make sense one by one, but not together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

from research_runner.errors import OptionError

if TYPE_CHECKING:
    from research_runner.settings.reading import RunOptions

__all__ = ["check_together"]

_Complaints: TypeAlias = Iterator[tuple[str, str]]

_SWITCHES: Final = (
    "dump_results",
    "parallel",
    "detach",
    "debug",
    "finalize",
    "git_meta",
    "env_meta",
    "infinite",
    "retry_failed",
)
_START_METHODS: Final = ("auto", "fork", "forkserver", "spawn")


def check_together(options: RunOptions) -> None:
    """Check that no parameter would be ignored because of another one.

    Parameters
    ----------
    options : RunOptions
        Parameters as they were given.

    Raises
    ------
    OptionError
        If one would be; names it, and what to do.
    """
    for check in (_switches, _choices, _inline, _memory, _gpu_checks, _detached):
        for option, reason in check(options):
            raise OptionError(option, reason)


def _switches(options: RunOptions) -> _Complaints:
    """Texts such as 'False' are true."""
    for name in _SWITCHES:
        value = getattr(options, name)
        if value not in (0, 1) or isinstance(value, float):
            yield name, f"must be True or False, got {value!r}"


def _choices(options: RunOptions) -> _Complaints:
    if options.start_method not in _START_METHODS:
        yield "start_method", f"must be one of {', '.join(_START_METHODS)}, got {options.start_method!r}"
    digits = options.create_id_prefix
    if not isinstance(digits, int) or digits < 0:
        yield "create_id_prefix", f"must be True, False or a number of digits, got {digits!r}"
    if not (options.bar is None or isinstance(options.bar, bool) or callable(options.bar)):
        yield "bar", f"must be True, False or a class like tqdm, got {options.bar!r}"
    if options.show is not None and (not isinstance(options.show, str) or not options.show):
        yield "show", f"must be the name of a saved variable, got {options.show!r}"


def _inline(options: RunOptions) -> _Complaints:
    """Without worker processes there is one worker, which is this process and lives on."""
    if options.parallel:
        return
    if isinstance(options.workers, list | tuple) and len(options.workers) > 1:
        yield "workers", f"{len(options.workers)} configs of workers, but parallel=False has one worker"
    if options.start_method != "auto":
        yield "start_method", "no process is started with parallel=False"
    if options.tasks_per_worker not in (None, math.inf):
        yield "tasks_per_worker", "this process cannot be replaced: use parallel=True"


def _memory(options: RunOptions) -> _Complaints:
    """Without a folder there are no files."""
    if not options.dump_results and options.loglevel is not None:
        yield "loglevel", "log files are in the folder of a research: use dump_results=True"


def _gpu_checks(options: RunOptions) -> _Complaints:
    """What is asked of devices needs devices."""
    if options.memory_ratio is None:
        for name, default in (("n_gpu_checks", 3), ("gpu_check_delay", 5)):
            if getattr(options, name) != default:
                yield name, "nothing is checked without memory_ratio"
    elif options.devices is None and not _gives_devices(options.backend):
        yield "memory_ratio", "there is no device whose memory could be asked for: give devices=..."


def _gives_devices(backend: object) -> bool:
    """Whether an engine was asked for devices when its backend was made."""
    capabilities = getattr(backend, "capabilities", None)
    return bool(capabilities is not None and capabilities.gpus)


def _detached(options: RunOptions) -> _Complaints:
    """A detached process has no terminal, and what it keeps in memory is gone with it."""
    if not options.detach:
        return
    if options.profile:
        yield "profile", "profiles are kept in the process that runs a research: use detach=False"
    if options.show is not None:
        yield "show", "a detached research has no bar: use detach=False"
    if not (options.bar is None or isinstance(options.bar, bool)):
        yield "bar", "a detached research has no bar: use detach=False"
