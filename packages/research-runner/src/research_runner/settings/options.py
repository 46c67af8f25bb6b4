"""The parameters of `Research.run`, read once into typed values."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any

from research_domain import ConfigAlias, Domain, make_seed_sequence
from research_experiment import Executor, ExecutorError, ExperimentPlan
from research_experiment.execution.executor import parse_target
from research_runner.errors import OptionError
from research_runner.profiling import ProfileLevel
from research_runner.scheduling.coordinator import Limits
from research_runner.settings.arguments import parse_count
from research_runner.settings.values import Resume
from research_runner.worker.output import STDERR, STDOUT, Redirect
from research_runner.worker.plan import Entropy, Execution

__all__ = [
    "check_bounded",
    "check_debug",
    "check_detach",
    "check_time_limits",
    "parse_configs",
    "parse_entropy",
    "parse_execution",
    "parse_limits",
    "parse_log_level",
    "parse_redirects",
    "parse_resume",
    "parse_retry_on",
]


def parse_configs(option: str, value: Any) -> tuple[ConfigAlias, ...]:
    """Read `workers` or `branches`: a number, or a list of configs to append.

    Returns
    -------
    tuple of ConfigAlias
        One per worker or branch; empty configs if a number was given.

    Raises
    ------
    OptionError
        If it is neither.
    """
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | ConfigAlias):
        configs = list(value)
        if configs and all(isinstance(config, Mapping | ConfigAlias) for config in configs):
            return tuple(ConfigAlias(config) for config in configs)
        raise OptionError(option, f"must be a positive whole number or a list of configs, got {value!r}")
    return (ConfigAlias(),) * (parse_count(option, value) or 1)


def parse_entropy(seed: Any) -> Entropy:
    """Return the entropy of a seed; drawn from the operating system if there is none.

    Parameters
    ----------
    seed : None, bool, int or object with a seed sequence
        See :func:`research_domain.make_seed_sequence`.

    Returns
    -------
    int or list of int
        Plain numbers that can be recorded, and given as a seed again.
    """
    sequence = make_seed_sequence(seed)
    if sequence.spawn_key or sequence.entropy is None:
        return [int(word) for word in sequence.generate_state(8)]
    if isinstance(sequence.entropy, int):
        return int(sequence.entropy)
    return [int(part) for part in sequence.entropy]


def check_debug(debug: bool, parallel: bool, target: str) -> None:
    """Check that exceptions can be raised to the caller at all.

    Raises
    ------
    OptionError
        If they cannot.
    """
    if debug and (parallel or target != "for"):
        raise OptionError(
            "debug", "exceptions reach the caller only with parallel=False and executor_target='for'"
        )


def parse_execution(
    *,
    n_iters: int | None,
    target: str,
    finalize: bool,
    debug: bool,
    parallel: bool,
    profile: Any,
    executor_class: Any,
    retry_on: Any,
    show: str | None = None,
) -> Execution:
    """Read how tasks are executed.

    Raises
    ------
    OptionError
        If something makes no sense.
    """
    try:
        parsed = parse_target(target)
    except ExecutorError as error:
        raise OptionError("executor_target", str(error)) from error
    check_debug(debug, parallel, parsed)
    cls = Executor if executor_class is None else executor_class
    if not (isinstance(cls, type) and issubclass(cls, Executor)):
        raise OptionError("executor_class", f"must be a subclass of Executor, got {executor_class!r}")
    return Execution(
        n_iters=parse_count("n_iters", n_iters, optional=True),
        target=parsed,
        finalize=finalize,
        debug=debug,
        executor_class=cls,
        profile=int(ProfileLevel.parse(profile)),
        retry_on=parse_retry_on(retry_on),
        show=show,
    )


def parse_retry_on(value: Any) -> tuple[type[BaseException], ...]:
    """Read which exceptions are worth another attempt.

    Raises
    ------
    OptionError
        If it is not an exception class or a tuple of them.
    """
    classes = value if isinstance(value, tuple) else tuple(value) if isinstance(value, list) else (value,)
    if not all(isinstance(each, type) and issubclass(each, BaseException) for each in classes):
        raise OptionError("retry_on", f"must be an exception class or a tuple of them, got {value!r}")
    return classes


def parse_resume(resume: Any, retry_failed: bool, dump_results: bool) -> Resume | None:
    """Read how to go on with an earlier run.

    Raises
    ------
    OptionError
        If there can be none, or the parameters contradict each other.
    """
    if resume is False or resume is None:
        if retry_failed:
            raise OptionError("retry_failed", "only makes sense with resume=True")
        return None
    if resume is not True and resume != "force":
        raise OptionError("resume", f"must be False, True or 'force', got {resume!r}")
    if not dump_results:
        raise OptionError("resume", "results in memory end with their process: use dump_results=True")
    return Resume(retry_failed, resume == "force")


def check_time_limits(experiment: ExperimentPlan, parallel: bool) -> None:
    """Check that units with a time limit run where they can be killed.

    Raises
    ------
    OptionError
        If they do not.
    """
    limited = [unit.name for unit in experiment.units if getattr(unit, "timeout_s", None) is not None]
    if limited and not parallel:
        raise OptionError(
            "timeout", f"unit {limited[0]!r} needs a worker process that can be killed: use parallel=True"
        )


def parse_limits(
    max_attempts: Any, timeout: Any, tasks_per_worker: Any, canary: Any, *, has_devices: bool, parallel: bool
) -> Limits:
    """Read what the coordinator keeps to.

    Parameters
    ----------
    max_attempts, timeout, tasks_per_worker, canary
        See :meth:`Research.run`.
    has_devices : bool
        Whether workers are replaced after each task by default, which is what frees the memory of a GPU.
    parallel : bool
        Whether there is a process that can be killed.

    Raises
    ------
    OptionError
        If something makes no sense.
    """
    if isinstance(canary, bool) or not isinstance(canary, int) or canary < 0:
        raise OptionError("canary", f"must be a number of experiments, or 0 for never, got {canary!r}")
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
            raise OptionError("timeout", f"must be a positive number of seconds, got {timeout!r}")
        if not parallel:
            raise OptionError("timeout", "needs a worker process that can be killed: use parallel=True")
    if tasks_per_worker is None:
        tasks = 1 if has_devices else None
    elif tasks_per_worker == math.inf:
        tasks = None
    else:
        tasks = parse_count("tasks_per_worker", tasks_per_worker)
    return Limits(
        max_attempts=parse_count("max_attempts", max_attempts) or 1,
        timeout_s=None if timeout is None else float(timeout),
        tasks_per_worker=tasks,
        canary=canary,
    )


def parse_redirects(stdout: Any, stderr: Any, dump_results: bool) -> dict[int, Redirect]:
    """Read where the output of experiments goes.

    Raises
    ------
    OptionError
        If a value is unknown, or needs a folder and there is none.
    """
    return {
        STDOUT: Redirect.parse(stdout, dump_results=dump_results),
        STDERR: Redirect.parse(stderr, dump_results=dump_results, option="redirect_stderr"),
    }


def check_detach(detach: bool, dump_results: bool, debug: bool) -> None:
    """Check that a detached run can be found again.

    Raises
    ------
    OptionError
        If its results would be gone with its process, or nobody could get its exceptions.
    """
    if detach and not dump_results:
        raise OptionError(
            "detach", "results in memory would end with the detached process: use dump_results=True"
        )
    if detach and debug:
        raise OptionError(
            "detach", "exceptions of a detached process cannot reach the caller: use debug=False"
        )


def check_bounded(domain: Domain, n_configs: int | None, allowed: bool) -> None:
    """Check that a research can come to an end.

    Raises
    ------
    OptionError
        If the domain is infinite, and neither a number of configs, an update nor a permission bounds it.
    """
    if domain.is_finite or n_configs is not None or domain.update_rule is not None or allowed:
        return
    raise OptionError(
        "domain",
        "it is infinite and this research would never end; give Research(n_configs=...), an update by "
        "update_domain(...), or allow it by run(infinite=True) and end it by terminate() or Ctrl-C",
    )


def parse_log_level(level: Any) -> int | None:
    """Read a logging level, a name or a number.

    Raises
    ------
    OptionError
        If there is no such level.
    """
    if level is None:
        return None
    known = logging.getLevelNamesMapping()
    if isinstance(level, str) and level.upper() in known:
        return known[level.upper()]
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    raise OptionError("loglevel", f"must be one of {', '.join(sorted(known)).lower()}, got {level!r}")
