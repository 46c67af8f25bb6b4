"""Filters: which experiments, variables and iterations are wanted, parsed into one typed value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from research_domain import Alias, Config, ConfigAlias, Domain, same
from research_domain.config import as_mapping
from research_domain.texts import clean_text
from research_results.codec.pickles import Opaque, pickle_value
from research_results.errors import (
    ArgumentError,
    UnknownAliasError,
    UnknownExperimentError,
    UnknownParameterError,
)
from research_results.reading.configs import ConfigTable
from research_results.reading.experiments import (
    Experiments,
    Option,
    decode_option,
    read_experiments,
    read_options,
    read_parameters,
)
from research_results.reading.source import Source
from research_results.reading.typed import Typed


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed filter; None means no restriction."""

    ids: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    """Experiments and variables."""
    iterations: tuple[int, ...] | None = None
    config: Mapping[str, Any] | None = None
    """Path of a parameter to its value."""
    alias: Mapping[str, tuple[str, ...]] | None = None
    """Path of a parameter, or its alias, to the alias of its value and those of its items, if it is a list.
    """
    domain: Domain | None = None
    """Configs must be among its."""
    tags: tuple[str, ...] | None = None
    """Experiments must have one of these tags."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Like `config`, but the items of a list are values as well."""
    researches: tuple[str, ...] | None = None
    """Of several researches only these."""

    def describe(self) -> str:
        """Return the values of parameters that are wanted as text."""
        wanted = {**(self.config or {}), **self.keywords}
        return clean_text(", ".join(f"{name}={Alias(value).alias}" for name, value in wanted.items()))

    def over(self, own: Query) -> Query:
        """Return `own`, a filter that always holds, together with this one, which wins where both apply."""
        given = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(own, **{**given, "keywords": {**own.keywords, **self.keywords}})


def parse_filter(
    *,
    experiment_id: Any = None,
    name: Any = None,
    iterations: Any = None,
    config: Any = None,
    alias: Any = None,
    domain: Any = None,
    tags: Any = None,
    **kwargs: Any,
) -> Query:
    """Return the filter that some arguments mean; ArgumentError if one is of no use."""
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
    if by_alias is not None:
        by_alias, kwargs = {**by_alias, **kwargs}, {}
    return Query(
        ids=texts_of("experiment_id", experiment_id),
        names=texts_of("name", name),
        iterations=_iterations(iterations),
        config=by_value,
        alias=None if by_alias is None else {key: _alias_texts(value) for key, value in by_alias.items()},
        domain=domain,
        tags=texts_of("tags", tags),
        keywords=kwargs,
    )


def select_experiments(
    connection: sqlite3.Connection, source: Source, wanted: Query, *, configs: bool = True
) -> Experiments:
    """Return the experiments that a filter selects, with their configs if requested.

    A filter that names what is not there is refused, and one with the alias of a value in place of the value.
    """
    names = _Names(connection)
    values = _Values(connection, source, names)
    having = [values.having(path, (value,)) for path, value in names.spread(wanted.config or {})]
    having += [values.having(path, _alternatives(value)) for path, value in names.spread(wanted.keywords)]
    having += [values.having_alias(path, texts) for path, texts in (wanted.alias or {}).items()]
    if wanted.domain is not None:
        for parameter in wanted.domain.parameters:
            names.check(parameter)
    needs_configs = configs or bool(having) or wanted.domain is not None
    experiments = read_experiments(connection, wanted.ids, having, configs=needs_configs)
    _check_ids(connection, source, wanted.ids, having, experiments)
    if wanted.domain is not None:
        found = ConfigTable.read(connection, source, experiments, allow_pickle=False).values()
        mask = [_holds(wanted.domain, config) for config in found]
        experiments = experiments.where(np.array(mask, np.bool_))
    if wanted.tags is not None:
        tagged = _tagged(source, wanted.tags)
        experiments = experiments.where(np.array([name in tagged for name in experiments.ids], np.bool_))
    return experiments


def known_tags(source: Source) -> list[str]:
    """Return the tags that experiments have."""
    return sorted({tag for each in source.curation.read().experiments.values() for tag in each.tags})


def check_tags(wanted: Iterable[str], known: Sequence[str]) -> None:
    """Refuse tags that no experiment has."""
    for tag in wanted:
        if tag not in known:
            there = ", ".join(map(repr, known)) or "none"
            raise ArgumentError("tags", f"no experiment has the tag {tag!r}; there are: {there}")


def _tagged(source: Source, tags: tuple[str, ...]) -> set[str]:
    """Return the experiments that have one of some tags; an error if nothing has one of these."""
    check_tags(tags, known_tags(source))
    said = source.curation.read().experiments
    return {name for name, remarks in said.items() if not {*tags}.isdisjoint(remarks.tags)}


def _alternatives(value: Any) -> tuple[Any, ...]:
    """Return what a keyword may equal: its value, or an item of a list."""
    return (value, *value) if isinstance(value, list) else (value,)


def _check_ids(
    connection: sqlite3.Connection,
    source: Source,
    ids: tuple[str, ...] | None,
    having: list[Any],
    found: Experiments,
) -> None:
    """Refuse experiments that are not there, unless there are none at all."""
    missing = set(ids).difference(found.ids) if ids else set()
    if missing and having:
        missing.difference_update(read_experiments(connection, sorted(missing)).ids)
    if missing:
        if removed := missing & source.curation.read().removed:
            raise UnknownExperimentError(min(removed), is_removed=True)
        known = connection.execute("SELECT id FROM experiments ORDER BY position LIMIT 1000").fetchall()
        if known:
            raise UnknownExperimentError(min(missing), tuple(str(row[0]) for row in known))


class _Names:
    """The parameters that configs have, by name and, where no name is like it, by alias."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._parameters = read_parameters(connection)
        self.known = {each.name for each in self._parameters.values()}
        self.known |= {each.alias for each in self._parameters.values()}

    def numbers(self, name: str) -> list[int]:
        """Return the numbers of a parameter."""
        parameters = self._parameters.items()
        by_name = [number for number, each in parameters if each.name == name]
        return by_name or [number for number, each in parameters if each.alias == name]

    def spread(self, wanted: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
        """Yield paths and values; a mapping under a path that is above parameters is looked into."""
        for name, value in wanted.items():
            path = f"{above}{name}"
            if isinstance(value, Mapping) and not self.numbers(path) and self._is_above(path):
                yield from self.spread(value, f"{path}/")
            else:
                yield path, value.to_dict() if isinstance(value, Config) else value

    def _is_above(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in self.known)

    def check(self, path: str) -> None:
        """Refuse a path that leads to no parameter and into none, unless there are none at all."""
        if self.known and not self._is_above(path) and self.known.isdisjoint(_prefixes(path)):
            self.refuse(path)

    def refuse(self, path: str, inner: Iterable[str] = ()) -> NoReturn:
        """Raise an error that names close matches."""
        raise UnknownParameterError(path, tuple(sorted(self.known.union(inner))))


def _prefixes(path: str) -> dict[str, str]:
    """Return each beginning of a path that may be a parameter, with the rest of the path."""
    names = path.split("/")
    return {"/".join(names[:end]): "/".join(names[end:]) for end in range(1, len(names) + 1)}


@dataclass(frozen=True, slots=True)
class _Values:
    """Options compared with values, without running code of theirs."""

    connection: sqlite3.Connection
    source: Source
    names: _Names

    def having(self, path: str, values: tuple[Any, ...]) -> list[int]:
        """Return the options that are one of some values or aliases; a path may lead on into dictionaries."""
        self.names.check(path)
        wanted = [each.value if isinstance(each, Alias) else each for each in values]
        matching: list[int] = []
        inner: set[str] = set()
        seen = False
        for name, rest in _prefixes(path).items():
            for number, option in self._options(name).items():
                found = decode_option(option, allow_pickle=False)
                if rest:
                    inner.update(_paths(name, found))
                    found = _inside(found, rest)
                    if found is _NOTHING:
                        continue
                seen = True
                if any(_is_same(found, value, None if rest else option.alias) for value in wanted):
                    matching.append(number)
        if inner and not seen and not any(name.startswith(f"{path}/") for name in inner):
            self.names.refuse(path, inner)
        if not matching:
            self._check_alias(path, wanted)
        return matching

    def having_alias(self, path: str, texts: tuple[str, ...]) -> list[int]:
        """Return the options with an alias: that of the whole value, or else one of those of its items."""
        self.names.check(path)
        options = self._options(path)
        known = {option.alias for option in options.values()}
        if known and texts[0] not in known:
            for text in texts[1:] or texts:
                if text not in known:
                    raise UnknownAliasError(path, text, tuple(sorted(known)))
        return [number for number, option in options.items() if option.alias in texts]

    def _options(self, name: str) -> dict[int, Option]:
        return read_options(self.connection, self.source, self.names.numbers(name), by="parameter")

    def _check_alias(self, path: str, wanted: list[Any]) -> None:
        """Refuse a text that is no value but the alias of one."""
        for option in self._options(path).values():
            is_alias = option.given or option.kind in ("dill", "opaque")
            if is_alias and any(isinstance(each, str) and each == option.alias for each in wanted):
                raise ArgumentError(
                    path,
                    f"has no value {option.alias!r}; that is the alias of one: "
                    f"use alias={{{path!r}: {option.alias!r}}}",
                )


def _is_same(found: Any, value: Any, alias: str | None) -> bool:
    if isinstance(value, Typed):
        return value.means(found, alias)
    if isinstance(found, Opaque) and found.value_digest is None:  # older folders have pickles alone
        try:
            return pickle_value(value) == found.data
        except Exception:  # noqa: BLE001 - a value of the user's may raise anything
            return False
    return same(found, value)


_NOTHING = object()


def _inside(value: Any, path: str) -> Any:
    """Return what a path leads to in a dictionary."""
    try:
        return Config(value)[path] if isinstance(value, dict) else _NOTHING
    except (LookupError, TypeError, ValueError):
        return _NOTHING


def _paths(name: str, value: Any) -> set[str]:
    """Return all paths into a dictionary."""
    try:
        return {f"{name}/{path}" for path in Config(value).flatten()} if isinstance(value, dict) else set()
    except (LookupError, TypeError, ValueError):
        return set()


def _flat(name: str, given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    given = as_mapping(given)
    if not isinstance(given, Mapping):
        raise ArgumentError(name, f"maps parameters to values, got {type(given).__name__}")
    if isinstance(given, Config):
        return given.flatten()
    for key in given:
        if not isinstance(key, str):
            raise ArgumentError(name, f"maps names of parameters to values, got the key {key!r}")
    return dict(given)


def _alias_texts(value: Any) -> tuple[str, ...]:
    aliases = (each if isinstance(each, Alias) else Alias(each) for each in _alternatives(value))
    return tuple(each.alias for each in aliases)


def texts_of(name: str, given: Any, what: str = "a string or a list of strings") -> tuple[str, ...] | None:
    """Return the texts that an argument gives: one, some, or None."""
    if given is None:
        return None
    values = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    if not all(isinstance(value, str) for value in values):
        raise ArgumentError(name, f"is {what}, got {given!r}")
    return values


def _iterations(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    values = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values):
        raise ArgumentError("iterations", f"is an int or a list of ints, got {given!r}")
    return tuple(int(value) for value in values)


def _holds(domain: Domain, config: dict[str, Any]) -> bool:
    """Tell whether some config of the domain is part of `config`.

    The domain laid over the one config leaves it as it is exactly if what it lays over it is there already.
    """
    if not config:
        return config in domain
    return config in Domain({name: [value] for name, value in config.items()}) * domain
