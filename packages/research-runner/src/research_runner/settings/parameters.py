"""The one table of the parameters of `Research.run`.

A new parameter needs a row here, its entry in the signature and docstring of `Research.run`, and its use in
`settings.reading`; `settings.contradictions` refuses it beside parameters that it contradicts. Tests compare
the rows with the signature, and the docstring with the table in ``docs/running.md``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from research_runner.backends.registry import parse_backend
from research_runner.settings import arguments

__all__ = ["DEFAULTS", "PARAMETERS", "Options", "Parameter", "as_given", "read_options"]

_LONGEST: Final = 1000
_DEEPEST: Final = 10
Options: TypeAlias = Mapping[str, Any]
"""Parameter → value, each of which makes sense by itself."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of :meth:`Research.run`."""

    name: str
    default: Any
    # name and value → typed value; raises `OptionError` for what makes no sense by itself
    rule: Callable[[str, Any], Any]


PARAMETERS: Final = (
    Parameter("name", None, arguments.parse_optional_name),
    Parameter("workers", 1, arguments.parse_workers),
    Parameter("branches", 1, arguments.parse_configs),
    Parameter("n_iters", None, arguments.parse_optional_count),
    Parameter("devices", None, arguments.parse_anything),
    Parameter("executor_class", None, arguments.parse_executor),
    Parameter("dump_results", True, arguments.parse_switch),
    Parameter("parallel", True, arguments.parse_switch),
    Parameter("executor_target", "threads", arguments.parse_target_name),
    Parameter("loglevel", None, arguments.parse_log_level),
    Parameter("bar", True, arguments.parse_bar),
    Parameter("detach", False, arguments.parse_switch),
    Parameter("debug", False, arguments.parse_switch),
    Parameter("finalize", True, arguments.parse_switch),
    Parameter("git_meta", False, arguments.parse_switch),
    Parameter("env_meta", False, arguments.parse_switch),
    Parameter("seed", None, arguments.parse_seed),
    Parameter("profile", False, arguments.parse_profile),
    Parameter("memory_ratio", None, arguments.parse_share),
    Parameter("n_gpu_checks", 3, arguments.parse_count),
    Parameter("gpu_check_delay", 5, arguments.parse_time),
    Parameter("create_id_prefix", None, arguments.parse_id_prefix),
    Parameter("redirect_stdout", True, arguments.parse_redirect),
    Parameter("redirect_stderr", True, arguments.parse_redirect),
    Parameter("max_attempts", 2, arguments.parse_count),
    Parameter("timeout", None, arguments.parse_timeout),
    Parameter("tasks_per_worker", None, arguments.parse_number_of_tasks),
    Parameter("start_method", "auto", arguments.parse_start_method),
    Parameter("strict_code", True, arguments.parse_switch),
    Parameter("threads", None, arguments.parse_optional_count),
    Parameter("infinite", False, arguments.parse_switch),
    Parameter("retry_on", (), arguments.parse_retry_on),
    Parameter("canary", None, arguments.parse_canary),
    Parameter("resume", False, arguments.parse_resume),
    Parameter("retry_failed", False, arguments.parse_switch),
    Parameter("overwrite", False, arguments.parse_switch),
    Parameter("show", None, arguments.parse_show),
    Parameter("quiet", False, arguments.parse_switch),
    Parameter("raise_on_failure", False, arguments.parse_switch),
    Parameter("backend", None, parse_backend),
    Parameter("hooks", (), arguments.parse_hooks),
    Parameter("storage", None, arguments.parse_storage),
    Parameter("seed_globals", True, arguments.parse_switch),
    Parameter("stop", None, arguments.parse_stop),
    Parameter("search", None, arguments.parse_search),
    Parameter("order", "steps", arguments.parse_order),
    Parameter("slots", 16, arguments.parse_count),
    Parameter("budget", None, arguments.parse_budget),
)

DEFAULTS: Final = {parameter.name: parameter.default for parameter in PARAMETERS}


def read_options(given: Mapping[str, Any]) -> Options:
    """Read each parameter by itself; those that are missing have their defaults.

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
