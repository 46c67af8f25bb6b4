"""Which experiments, variables and iterations are wanted; what users write becomes one typed value here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from research_domain import Alias, Config, ConfigAlias, Domain
from research_domain.config import paths
from research_results.codec.encoding import encode_value
from research_results.errors import ArgumentError, ResultsError, UnknownParameterError
from research_results.reading.configs import ConfigTable
from research_results.reading.experiments import (
    decode_option,
    options_of,
    read_experiments,
    read_parameters,
)

if TYPE_CHECKING:
    import sqlite3

    from research_results.reading.experiments import Experiments, Option
    from research_results.reading.gather import Mask
    from research_results.reading.source import Source

__all__ = ["Query", "parse_filter", "select_experiments"]

_NUMBERS = ("float", "int", "bool")


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted; None stands for everything.

    Attributes
    ----------
    ids, names : tuple of str, optional
        Experiments and variables.
    iterations : tuple of int, optional
        Iterations.
    config : dict, optional
        Path of a parameter to its value.
    alias : dict, optional
        Path of a parameter, or its alias, to the alias of its value.
    domain : Domain, optional
        Configs must be among its.
    """

    ids: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    iterations: tuple[int, ...] | None = None
    config: Mapping[str, Any] | None = None
    alias: Mapping[str, str] | None = None
    domain: Domain | None = None


def parse_filter(
    *,
    experiment_id: Any = None,
    name: Any = None,
    iterations: Any = None,
    config: Any = None,
    alias: Any = None,
    domain: Any = None,
    **kwargs: Any,
) -> Query:
    """Return the filter that some arguments mean.

    Raises
    ------
    ArgumentError
        If an argument is of no use, or more than one of `config`, `alias` and `domain` is given.
    """
    given = [
        word
        for word, value in (("config", config), ("alias", alias), ("domain", domain))
        if value is not None
    ]
    if len(given) > 1:
        raise ArgumentError(
            " and ".join(given), "were given; filter by one of them, and by keywords if need be"
        )
    if domain is not None and not isinstance(domain, Domain):
        raise ArgumentError("domain", f"is a Domain, got {type(domain).__name__}; use config= for values")
    by_alias = _flat("alias", alias.alias() if isinstance(alias, ConfigAlias) else alias)
    by_value = _flat("config", config.config() if isinstance(config, ConfigAlias) else config)
    if kwargs and by_alias is not None:
        by_alias = {**by_alias, **kwargs}
    elif kwargs:
        by_value = {**(by_value or {}), **paths(Config(kwargs))}
    return Query(
        ids=_texts("experiment_id", experiment_id),
        names=_texts("name", name),
        iterations=_iterations(iterations),
        config=by_value,
        alias=None if by_alias is None else {key: _alias_text(value) for key, value in by_alias.items()},
        domain=domain,
    )


def select_experiments(connection: sqlite3.Connection, source: Source, wanted: Query) -> Experiments:
    """Return the experiments that a filter lets through.

    Raises
    ------
    UnknownParameterError
        If it names a parameter that no config has.
    """
    having = [_having_value(connection, source, path, value) for path, value in (wanted.config or {}).items()]
    having += [_having_alias(connection, path, text) for path, text in (wanted.alias or {}).items()]
    experiments = read_experiments(connection, wanted.ids, having)
    if wanted.domain is not None:
        experiments = experiments.where(_domain_mask(connection, source, experiments, wanted.domain))
    return experiments


def _having_value(connection: sqlite3.Connection, source: Source, path: str, value: Any) -> list[int]:
    """Return the options that are a value under a path, which may lead into a parameter that is a dict."""
    value = value.value if isinstance(value, Alias) else value
    matching: list[int] = []
    names = _prefixes(path)
    _check_known(connection, path, names)
    for name, rest in names.items():
        numbers = _parameters(connection, name, by_alias=False)
        test = _Equal(value, rest)
        matching += [
            number for number, option in options_of(connection, numbers).items() if test(option, source)
        ]
    return matching


def _having_alias(connection: sqlite3.Connection, path: str, text: str) -> list[int]:
    """Return the options of a parameter, named by name or alias, whose value has an alias."""
    _check_known(connection, path, (path,))
    options = options_of(connection, _parameters(connection, path, by_alias=True))
    return [number for number, option in options.items() if option.alias == text]


def _prefixes(path: str) -> dict[str, str]:
    """Return each beginning of a path that may be a parameter, with the rest of the path."""
    names = path.split("/")
    return {"/".join(names[:end]): "/".join(names[end:]) for end in range(1, len(names) + 1)}


def _parameters(connection: sqlite3.Connection, name: str, *, by_alias: bool) -> list[int]:
    return [
        number
        for number, parameter in read_parameters(connection).items()
        if parameter.name == name or (by_alias and parameter.alias == name)
    ]


def _check_known(connection: sqlite3.Connection, path: str, names: Iterable[str]) -> None:
    parameters = read_parameters(connection).values()
    known = {parameter.name for parameter in parameters} | {parameter.alias for parameter in parameters}
    inside = any(name.startswith(f"{path}/") for name in known)
    if known and not inside and known.isdisjoint(names):
        raise UnknownParameterError(path, tuple(sorted(known)))


class _Equal:
    """Compare options with a value without running code of theirs."""

    def __init__(self, value: Any, rest: str) -> None:
        self.value = value
        self.rest = rest
        self.encoded = _encoded(value.to_dict() if isinstance(value, Config) else value)

    def __call__(self, option: Option, source: Source) -> bool:
        """Tell whether an option is equal."""
        if not self.rest and self.encoded is not None and (option.kind, option.data) == self.encoded:
            return True
        if option.kind in ("dill", "opaque") and option.blob is None:
            return False
        found = decode_option(option, source, allow_pickle=False)
        if self.rest:
            if not isinstance(found, dict):
                return False
            try:
                found = Config(found)[self.rest]
            except (LookupError, TypeError, ValueError):
                return False
        return _equal(found, self.value) or (bool(self.rest) and _encoded(found) == self.encoded)


def _encoded(value: Any) -> tuple[str, bytes] | None:
    """Return kind and data of a value; what nothing can store is equal to nothing."""
    try:
        kind, _, _, data = encode_value(value)
    except ResultsError:
        return None
    return kind, data


def _equal(left: Any, right: Any) -> bool:
    """Tell whether two values are equal: arrays element by element, a bool only to a bool."""
    if isinstance(left, (bool, np.bool_)) != isinstance(right, (bool, np.bool_)):
        return False
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        if not all(isinstance(side, (np.ndarray, list, tuple)) for side in (left, right)):
            return False
        try:
            return bool(np.array_equal(np.asarray(left), np.asarray(right)))
        except ValueError:
            return False
    try:
        return bool(left == right) or bool(left != left and right != right)
    except (TypeError, ValueError):
        return False


def _flat(name: str, given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ArgumentError(name, f"maps parameters to values, got {type(given).__name__}")
    return dict(given.items()) if name == "alias" else paths(Config(given))


def _alias_text(value: Any) -> str:
    return value.alias if isinstance(value, Alias) else Alias(value).alias


def _texts(name: str, given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    values = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    if not all(isinstance(value, str) for value in values):
        raise ArgumentError(name, f"is a string or a list of strings, got {given!r}")
    return values


def _iterations(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    values = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values):
        raise ArgumentError("iterations", f"is an int or a list of ints, got {given!r}")
    return tuple(int(value) for value in values)


def _domain_mask(
    connection: sqlite3.Connection, source: Source, experiments: Experiments, domain: Domain
) -> Mask:
    """Tell for each experiment whether its config has all parameters of some config of a domain, equal."""
    configs = ConfigTable(connection, source, experiments, allow_pickle=False).values()
    return np.array([_holds(domain, config) for config in configs], np.bool_)


def _holds(domain: Domain, config: dict[str, Any]) -> bool:
    """Tell whether some config of the domain is part of `config`.

    The domain laid over the one config leaves it as it is exactly if what it lays over it is there already.
    """
    if not config:
        return config in domain
    return config in Domain({name: [value] for name, value in config.items()}) * domain
