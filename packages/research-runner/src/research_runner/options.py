"""The parameters of `Research.run`, read once into typed values."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from research_domain import ConfigAlias, make_seed_sequence
from research_experiment import Executor, ExecutorError
from research_experiment.executor import parse_target
from research_runner.errors import OptionError
from research_runner.plan import Entropy, Execution

__all__ = [
    "check_debug",
    "parse_configs",
    "parse_count",
    "parse_entropy",
    "parse_execution",
    "parse_log_level",
    "parse_name",
]


def parse_count(option: str, value: Any, *, optional: bool = False) -> int | None:
    """Read a positive whole number.

    Raises
    ------
    OptionError
        If it is none.
    """
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OptionError(
            option, f"must be a positive whole number{' or None' if optional else ''}, got {value!r}"
        )
    return value


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


def parse_name(name: Any) -> str:
    """Read the name of a research, which is the relative path of its folder.

    Raises
    ------
    OptionError
        If it is empty, absolute, or leads out of the current folder.
    """
    if not isinstance(name, str | Path) or not str(name).strip() or "\0" in str(name):
        raise OptionError("name", f"must be the name of a folder, got {name!r}")
    path = Path(name)
    if path.name in ("", ".", ".."):
        raise OptionError("name", f"must be the name of a folder, got {str(name)!r}")
    return str(name)


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
    *, n_iters: int | None, target: str, finalize: bool, debug: bool, parallel: bool, executor_class: Any
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
    return Execution(parse_count("n_iters", n_iters, optional=True), parsed, finalize, debug, cls)


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
