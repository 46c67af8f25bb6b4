"""What each parameter of `Research.run` may be by itself: rules from a name and a value to a typed value."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from research_domain import ConfigAlias
from research_domain.config import as_mapping
from research_domain.seeds import entropy_of
from research_experiment import Executor, ExecutorError, Hook, StorageFactory, parse_target
from research_runner.devices.grid import MOST
from research_runner.errors import OptionError
from research_runner.profiling import ProfileLevel
from research_runner.searching.protocol import SearchFactory, StopFactory
from research_runner.system.libraries import available_cores
from research_runner.worker.plan import Entropy

__all__ = [
    "parse_anything",
    "parse_bar",
    "parse_budget",
    "parse_canary",
    "parse_configs",
    "parse_count",
    "parse_entropy",
    "parse_executor",
    "parse_hooks",
    "parse_id_prefix",
    "parse_log_level",
    "parse_name",
    "parse_number_of_tasks",
    "parse_optional_count",
    "parse_optional_name",
    "parse_order",
    "parse_profile",
    "parse_redirect",
    "parse_resume",
    "parse_retry_on",
    "parse_search",
    "parse_seed",
    "parse_share",
    "parse_show",
    "parse_start_method",
    "parse_stop",
    "parse_storage",
    "parse_switch",
    "parse_target_name",
    "parse_time",
    "parse_timeout",
    "parse_workers",
]

SEARCHES: Final = "research.searches"
"""Entry-point group under which packages register searches: callables without arguments."""

_START_METHODS = ("auto", "fork", "forkserver", "spawn")


def parse_anything(option: str, value: Any) -> Any:
    """Take any value; what uses it checks it, before anything is created."""
    return value


def parse_switch(option: str, value: Any) -> bool:
    """Read a boolean; texts such as 'False' would be true."""
    if value not in (0, 1) or isinstance(value, float):
        raise OptionError(option, f"must be True or False, got {value!r}")
    return bool(value)


def parse_count(option: str, value: Any) -> int:
    """Read a positive whole number."""
    if not _is_count(value):
        raise OptionError(option, f"must be a positive whole number, got {value!r}")
    return int(value)


def parse_optional_count(option: str, value: Any) -> int | None:
    """Read a positive whole number or None."""
    if value is not None and not _is_count(value):
        raise OptionError(option, f"must be a positive whole number or None, got {value!r}")
    return value  # type: ignore[no-any-return]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    if (count := parse_count(option, value)) > MOST:
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
    """Read the class that runs tasks; None is `Executor`."""
    cls = Executor if value is None else value
    if not (isinstance(cls, type) and issubclass(cls, Executor)):
        raise OptionError(option, f"must be a subclass of Executor, got {value!r}")
    return cls


def parse_target_name(option: str, value: Any) -> str:
    """Read how branches are run; return ``'threads'`` or ``'for'``."""
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
    hooks = tuple(value) if isinstance(value, Iterable) else (value,)
    for hook in hooks:
        if not isinstance(hook, Hook):
            called = f"; call it: {hook.__name__}()" if isinstance(hook, type) else ""
            raise OptionError(
                option, f"must be a list of objects of subclasses of Hook, got {hook!r}{called}"
            )
    return hooks


def parse_bar(option: str, value: Any) -> Any:
    """Read whether there is a bar, or which class makes it."""
    if not (value is None or isinstance(value, bool) or callable(value)):
        raise OptionError(option, f"must be True, False or a class like tqdm, got {value!r}")
    return value


def parse_entropy(seed: Any) -> Entropy:
    """Return the entropy of a seed as plain numbers; drawn from the operating system if there is no seed."""
    return entropy_of(seed)


def parse_seed(option: str, value: Any) -> Entropy | None:
    """Read the entropy of a seed that was given; None if fresh entropy is to be drawn."""
    return None if value is None or isinstance(value, bool) else parse_entropy(value)


def parse_profile(option: str, value: Any) -> int:
    """Read how much is measured."""
    return int(ProfileLevel.parse(value))


def parse_share(option: str, value: Any) -> float | None:
    """Read a share of memory or None."""
    if value is not None and not (_is_number(value) and 0 < value <= 1):
        raise OptionError(option, f"must be more than 0 and at most 1, got {value!r}")
    return value  # type: ignore[no-any-return]


def parse_time(option: str, value: Any) -> float:
    """Read a time in seconds that may be 0."""
    if not (_is_number(value) and value >= 0):
        raise OptionError(option, f"must be a time in seconds, got {value!r}")
    return value  # type: ignore[no-any-return]


def parse_timeout(option: str, value: Any) -> float | None:
    """Read a time limit in seconds or None."""
    if value is None:
        return None
    if not (_is_number(value) and value > 0):
        raise OptionError(option, f"must be a positive number of seconds, got {value!r}")
    return float(value)


def parse_id_prefix(option: str, value: Any) -> int | None:
    """Read whether ids have a prefix, or of how many digits; None for what the domain says."""
    if value is not None and (not isinstance(value, int) or value < 0):
        raise OptionError(option, f"must be True, False or a number of digits, got {value!r}")
    return value


def parse_redirect(option: str, value: Any) -> bool | int:
    """Read where output goes: a boolean, or a number between 0 and 3."""
    if not isinstance(value, int) or not 0 <= value <= 3:
        raise OptionError(option, f"must be 0, 1, 2, 3, True or False, got {value!r}")
    return value


def parse_number_of_tasks(option: str, value: Any) -> float | None:
    """Read after how many tasks a worker is replaced: a number, infinity, or None for what suits."""
    return value if value is None or value == math.inf else parse_count(option, value)


def parse_start_method(option: str, value: Any) -> str:
    """Read how processes are started."""
    if value not in _START_METHODS:
        raise OptionError(option, f"must be one of {', '.join(_START_METHODS)}, got {value!r}")
    return str(value)


def parse_search(option: str, value: Any) -> SearchFactory | None:
    """Read what makes a search, or the name of what an installed package offers, or None."""
    factory = _named_search(value) if isinstance(value, str) else value
    if factory is None or (hasattr(factory, "make") and not isinstance(factory, type)):
        return factory
    raise OptionError(option, f"must be a name, or a search such as TPE('loss'), got {value!r}")


def _named_search(name: str) -> Any:
    offered = {entry.name: entry for entry in entry_points(group=SEARCHES)}
    if name in offered:
        return offered[name].load()()
    names = ", ".join(sorted(offered)) or "none: pip install research-search"
    raise OptionError("search", f"there is no {name!r}; there are {names}")


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


def parse_order(option: str, value: Any) -> str:
    """Read the order in which experiments are told."""
    if value not in ("steps", "arrival"):
        raise OptionError(option, f"must be 'steps' or 'arrival', got {value!r}")
    return str(value)


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


def parse_canary(option: str, value: Any) -> int | None:
    """Read a number of experiments, 0 for never, None for what suits."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise OptionError(option, f"must be a number of experiments, or 0 for never, got {value!r}")
    return value


def parse_resume(option: str, value: Any) -> bool | str:
    """Read whether a run goes on with an earlier one."""
    if not (value is None or isinstance(value, bool) or value == "force"):
        raise OptionError(option, f"must be False, True or 'force', got {value!r}")
    return value or False


def parse_show(option: str, value: Any) -> str | None:
    """Read the name of a variable or None."""
    if value is not None and (not isinstance(value, str) or not value):
        raise OptionError(option, f"must be the name of a saved variable, got {value!r}")
    return value
