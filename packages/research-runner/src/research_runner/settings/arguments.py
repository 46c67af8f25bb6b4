"""Rules for single parameters of `Research.run`: from a name and a value to a typed value."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from research_domain import ConfigAlias
from research_domain.config import as_mapping
from research_domain.seeds import entropy_of
from research_runner.errors import OptionError
from research_runner.system.libraries import available_cores
from research_runner.system.limits import MOST

if TYPE_CHECKING:
    from research_experiment import Executor, Hook, StorageFactory
    from research_runner.searching.protocol import SearchFactory, StopFactory
    from research_runner.worker.plan import Entropy

SEARCHES: Final = "research.searches"
"""Entry-point group under which packages register searches: callables without arguments."""

_START_METHODS = ("auto", "fork", "forkserver", "spawn")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rule(
    what: str,
    fits: Callable[[Any], bool],
    convert: Callable[[Any], Any] = lambda value: value,
    *,
    optional: bool = False,
) -> Callable[[str, Any], Any]:
    """Return the rule that converts a value that fits, and says of any other one what it must be."""

    def rule(option: str, value: Any) -> Any:
        if optional and value is None:
            return None
        if not fits(value):
            raise OptionError(option, f"must be {what}, got {value!r}")
        return convert(value)

    return rule


parse_anything = _rule("anything", lambda value: True)  # what uses it checks it, before anything is created
parse_switch = _rule(  # texts such as 'False' would be true
    "True or False", lambda value: value in (0, 1) and not isinstance(value, float), bool
)
parse_count = _rule("a positive whole number", _is_count, int)
parse_optional_count = _rule("a positive whole number or None", _is_count, optional=True)
parse_bar = _rule(
    "True, False or a class like tqdm", lambda bar: isinstance(bar, bool) or callable(bar), optional=True
)
parse_share = _rule(
    "more than 0 and at most 1", lambda share: _is_number(share) and 0 < share <= 1, optional=True
)
parse_time = _rule("a time in seconds", lambda time_s: _is_number(time_s) and time_s >= 0)
parse_timeout = _rule(
    "a positive number of seconds", lambda time_s: _is_number(time_s) and time_s > 0, float, optional=True
)
parse_id_prefix = _rule(
    "True, False or a number of digits", lambda digits: isinstance(digits, int) and digits >= 0, optional=True
)
parse_redirect = _rule("0, 1, 2, 3, True or False", lambda mode: isinstance(mode, int) and 0 <= mode <= 3)
parse_start_method = _rule(f"one of {', '.join(_START_METHODS)}", lambda name: name in _START_METHODS, str)
parse_order = _rule("'steps' or 'arrival'", lambda name: name in ("steps", "arrival"), str)
parse_canary = _rule(
    "a number of experiments, or 0 for never",
    lambda count: _is_count(count) or (count == 0 and type(count) is int),
    optional=True,
)
parse_resume = _rule(
    "False, True or 'force'",
    lambda value: value is None or isinstance(value, bool) or value == "force",
    lambda value: value or False,
)
parse_profile = _rule(
    "0, 1, 2, False, True or 'detailed'",
    lambda level: level == "detailed" or (isinstance(level, int) and 0 <= level <= 2),
    lambda level: 2 if level == "detailed" else int(level),
)
parse_show = _rule(
    "the name of a saved variable", lambda name: isinstance(name, str) and name != "", optional=True
)


def parse_name(option: str, value: Any) -> str:
    """Read the name of a research, which is the relative path of its folder."""
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise OptionError(option, f"must be the name of a folder, got {value!r}")
    if Path(value).name in ("", ".", ".."):
        raise OptionError(option, f"must be the name of a folder, got {str(value)!r}")
    return str(value)


def parse_optional_name(option: str, value: Any) -> str | None:
    """Read the name of a research or None."""
    return None if value is None else parse_name(option, value)


def parse_configs(option: str, value: Any) -> tuple[ConfigAlias, ...]:
    """Read `workers` or `branches`: a number, which stands for as many empty configs, or a list of them."""
    value = as_mapping(value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | ConfigAlias):
        configs = [as_mapping(config) for config in value]
        if configs and all(isinstance(config, Mapping | ConfigAlias) for config in configs):
            return tuple(ConfigAlias(config) for config in configs)
        raise OptionError(option, f"must be a positive whole number or a list of configs, got {value!r}")
    count: int = parse_count(option, value)
    if count > MOST:
        raise OptionError(option, f"must be at most {MOST:,}, got {value!r}")
    return (ConfigAlias(),) * count


def parse_workers(option: str, value: Any) -> tuple[ConfigAlias, ...]:
    """Read `workers`: as `parse_configs`, or one for each core."""
    is_all = value == "all" if isinstance(value, str) else type(value) is int and value == -1
    try:
        return parse_configs(option, available_cores() if is_all else value)
    except OptionError as error:
        raise OptionError(option, f"{error.reason}; 'all' is one for each core") from None


def parse_executor(option: str, value: Any) -> type[Executor]:
    """Read the class that runs experiments."""
    from research_experiment import Executor  # late, here and below: a builder needs only the simple rules

    if value is not None and not (isinstance(value, type) and issubclass(value, Executor)):
        raise OptionError(option, f"must be a subclass of Executor, got {value!r}")
    return value or Executor


def parse_target_name(option: str, value: Any) -> str:
    """Read how branches are run; return ``'threads'`` or ``'for'``."""
    from research_experiment import ExecutorError, parse_target

    try:
        return parse_target(value)
    except ExecutorError as error:
        raise OptionError(option, str(error)) from error


def parse_log_level(option: str, value: Any) -> int | None:
    """Read a logging level, a name or a number, or None."""
    if value is None:
        return None
    known = logging.getLevelNamesMapping()
    if isinstance(value, str) and value.upper() in known:
        return known[value.upper()]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise OptionError(option, f"must be one of {', '.join(sorted(known)).lower()}, got {value!r}")


def parse_storage(option: str, value: Any) -> str | StorageFactory | None:
    """Read what keeps the results: a name, or a class that creates, opens and reads storages."""
    if value is None or (isinstance(value, str) and value):
        return value
    missing = [name for name in ("create", "open", "read", "is_there", "encode") if not hasattr(value, name)]
    if missing:
        raise OptionError(
            option,
            f"must be a name, or a class with create, open, read, is_there and encode; got {value!r}, "
            f"without {', '.join(missing)}",
        )
    return value  # type: ignore[no-any-return]


def parse_hooks(option: str, value: Any) -> tuple[Hook, ...]:
    """Read what watches experiments: objects of subclasses of `Hook`."""
    from research_experiment import Hook

    hooks = tuple(value) if isinstance(value, Iterable) else (value,)
    for hook in hooks:
        if not isinstance(hook, Hook):
            called = f"; call it: {hook.__name__}()" if isinstance(hook, type) else ""
            raise OptionError(
                option, f"must be a list of objects of subclasses of Hook, got {hook!r}{called}"
            )
    return hooks


def parse_seed(option: str, value: Any) -> Entropy | None:
    """Read the entropy of a seed that was given; None if fresh entropy is to be drawn."""
    return None if value is None or isinstance(value, bool) else entropy_of(value)


def parse_number_of_tasks(option: str, value: Any) -> Any:
    """Read after how many tasks a worker is replaced: a number, infinity, or None for what suits."""
    return value if value is None or value == math.inf else parse_count(option, value)


def parse_search(option: str, value: Any) -> SearchFactory | None:
    """Read what makes a search, or the name of what an installed package offers, or None."""
    factory = value
    if isinstance(value, str):
        from importlib.metadata import entry_points

        offered = {entry.name: entry for entry in entry_points(group=SEARCHES)}
        if value not in offered:
            names = ", ".join(sorted(offered)) or "none: pip install research-search"
            raise OptionError(option, f"there is no {value!r}; there are {names}")
        factory = offered[value].load()()
    if factory is None or (hasattr(factory, "make") and not isinstance(factory, type)):
        return factory
    raise OptionError(option, f"must be a name, or a search such as TPE('loss'), got {value!r}")


def parse_budget(option: str, value: Any) -> Mapping[str, float] | None:
    """Read after how many steps and seconds nothing new begins, or None."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value or not set(value) <= {"steps", "seconds"}:
        raise OptionError(option, f"must be a mapping with 'steps', 'seconds' or both, got {value!r}")
    for name, amount in value.items():
        is_amount = _is_count(amount) if name == "steps" else _is_number(amount) and amount > 0
        if not is_amount:
            kind = "whole number" if name == "steps" else "number"
            raise OptionError(option, f"{name} must be a positive {kind}, got {amount!r}")
    return dict(value)


def parse_stop(option: str, value: Any) -> StopFactory | None:
    """Read what makes a rule that ends experiments early, or None."""
    if value is None or (hasattr(value, "make") and not isinstance(value, type)):
        return value
    hint = ": a function needs StopWhen('variable', function)" if callable(value) else ""
    raise OptionError(option, f"must be a rule such as MedianStop('loss'), got {value!r}{hint}")


def parse_retry_on(option: str, value: Any) -> tuple[type[BaseException], ...]:
    """Read which exceptions are worth another attempt."""
    classes = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(each, type) and issubclass(each, BaseException) for each in classes):
        raise OptionError(option, f"must be an exception class or a tuple of them, got {value!r}")
    return classes
