"""Alias: a readable name for a value; ConfigAlias: a config that keeps both."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal, overload

from research_domain.config import Config, as_leaf, as_mapping, of_leaves, of_values, paths
from research_domain.errors import ConfigKeyError, ParameterError
from research_domain.values import lasting_name, same

__all__ = ["AUXILIARY_KEYS", "Alias", "AuxiliaryKey", "ConfigAlias"]

AUXILIARY_KEYS = ("repetition", "device", "updates")
"""Keys that say how a config is run, not what it is.

The first and the last always do; ``'device'`` only where a run adds it, see :class:`AuxiliaryKey`.
"""

_ALWAYS_AUXILIARY = ("repetition", "updates")


class Alias:
    """A value and the name to show for it.

    Parameters
    ----------
    value : object
        Any value.
    alias : str, optional
        Its name, by default ``value.__name__`` if it has one, else ``str(value)``.

    Attributes
    ----------
    value : object
        The value.
    given : bool
        Whether somebody chose the name; then it stands for the value in the identity of an experiment.

    Examples
    --------
    >>> Alias(max).alias
    'max'
    >>> Alias({'layers': [64, 64, 10]}, 'small').alias
    'small'
    """

    __slots__ = ("_alias", "given", "value")

    def __init__(self, value: Any, alias: str | None = None) -> None:
        self.value = value
        self.given = alias is not None
        self._alias = alias if alias is None else str(alias)

    @property
    def alias(self) -> str:
        """Name of the value."""
        name = self._alias
        if name is None:
            name = self._alias = _name(self.value)
        return name

    @property
    def lasting_name(self) -> str | None:
        """Name under which the value may not change: one that was given, or that of a function in its module.

        Examples
        --------
        >>> Alias([64], 'small').lasting_name, Alias(max).lasting_name, Alias([64]).lasting_name
        ('small', 'builtins.max', None)
        """
        return self.alias if self.given else lasting_name(self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alias):
            return NotImplemented
        return same(self.value, other.value) and self.alias == other.alias

    def __hash__(self) -> int:
        return hash(self.alias)

    def __repr__(self) -> str:
        return f"Alias({self.value!r}, {self.alias!r})"


class AuxiliaryKey(Alias):
    """A key that says how a config is run, even where parameters may have the same name.

    Its item is left out of the identity of an experiment, of ``EC()`` and, by default, of tables.

    Examples
    --------
    >>> config = ConfigAlias([('rate', 0.1), (AuxiliaryKey('device'), '0')])
    >>> config.auxiliary
    ('device',)
    >>> ConfigAlias({'rate': 0.1, 'device': 'cpu'}).auxiliary
    ()
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AuxiliaryKey) and super().__eq__(other)

    __hash__ = Alias.__hash__

    def __repr__(self) -> str:
        return f"AuxiliaryKey({self.value!r})"


def is_auxiliary(key: Alias) -> bool:
    """Whether an item of a config says how it is run."""
    return key.value in _ALWAYS_AUXILIARY or isinstance(key, AuxiliaryKey)


def _name(value: Any) -> str:
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else str(value)


PLAIN = frozenset((bool, int, float, str, type(None)))
"""Types whose values are their own names and need no alias."""

Pair = tuple[Alias, Any]
"""Name of a parameter, and its value or an alias of it."""

Pairs = tuple[Pair, ...]


def as_alias(value: Any) -> Alias:
    """Return `value` itself if it is an alias, else an alias of it."""
    return value if isinstance(value, Alias) else Alias(value)


def value_of(value: Any) -> Any:
    """Return the value of an alias; other objects are returned unchanged."""
    return value.value if isinstance(value, Alias) else value


def name_of(value: Any) -> str:
    """Return the name of an alias, or the name that an alias of anything else would have."""
    return value.alias if isinstance(value, Alias) else _name(value)


class ConfigAlias(Mapping[str, Any]):
    """A config together with readable names for its keys and values.

    It reads like a mapping of its parameters: ``config['lr']``, ``config.get('lr')``, ``function(**config)``,
    ``dict(config)``. Keys that say how the config is run, `auxiliary`, are left out, but can be looked up.

    Parameters
    ----------
    config : mapping, Config, ConfigAlias or iterable of pairs, optional
        Keys are strings or aliases of strings, values anything or aliases of it.
        Of equal keys the last one wins.

    Raises
    ------
    ParameterError
        If a key is not a string.

    Examples
    --------
    >>> config = ConfigAlias({'b': 2, 'a': Alias(max, 'the most')})
    >>> config.config()['a']([3, 5])
    5
    >>> config.alias(as_string=True)
    'a_the most-b_2'
    >>> config['b'], dict(config)['b'], config.get('c')
    (2, 2, None)
    """

    __slots__ = ("_pairs", "_prefix")

    def __init__(
        self, config: Mapping[Any, Any] | ConfigAlias | Iterable[tuple[Any, Any]] | None = None
    ) -> None:
        self._pairs: Pairs
        self._prefix: str
        if isinstance(config, ConfigAlias):
            self._pairs, self._prefix = config._pairs, config.prefix
            return
        given: Any = as_mapping(config)
        if isinstance(given, Config):
            given = given.flatten()
        items = given.items() if isinstance(given, Mapping) else check_order("config", given or ())
        self._pairs, self._prefix = unique(tuple((check_key(key), value) for key, value in items)), ""

    @classmethod
    def of_pairs(cls, pairs: Pairs) -> ConfigAlias:
        """Wrap pairs whose keys are known to differ."""
        config = _new(cls)
        config._pairs, config._prefix = pairs, ""
        return config

    @property
    def pairs(self) -> Pairs:
        """The aliases of keys, and the values or aliases of them, in order."""
        return self._pairs

    @property
    def prefix(self) -> str:
        """Readable beginning of the id, empty unless :meth:`set_prefix` was called."""
        return getattr(self, "_prefix", "")  # pickles of earlier versions have none

    def config(self) -> Config:
        """Return the values as a :class:`Config`, each as it was given.

        Raises
        ------
        ParameterError
            If a path goes through a value that is no mapping.

        Examples
        --------
        >>> ConfigAlias({'model/layers': 3}).config()
        Config({'model': {'layers': 3}})
        """
        leaves = {}
        for key, value in self._pairs:
            name = key.value
            if "/" in name:
                return of_values((key.value, as_leaf(value_of(value))) for key, value in self._pairs)
            leaves[name] = value if type(value) in PLAIN else as_leaf(value_of(value))
        return of_leaves(leaves)

    @overload
    def alias(self, as_string: Literal[False] = False, delim: str = "-") -> dict[str, str]: ...
    @overload
    def alias(self, as_string: Literal[True], delim: str = "-") -> str: ...
    @overload
    def alias(self, as_string: bool, delim: str = "-") -> dict[str, str] | str: ...

    def alias(self, as_string: bool = False, delim: str = "-") -> dict[str, str] | str:
        """Return the names.

        Parameters
        ----------
        as_string : bool, default False
            Whether to return one string ``key_value`` for each item, sorted by key.
        delim : str, default '-'
            What stands between the items of that string.

        Returns
        -------
        dict of str to str, or str

        Examples
        --------
        >>> ConfigAlias([('b', 2), ('a', 1)]).alias()
        {'b': '2', 'a': '1'}
        >>> ConfigAlias([('b', 2), ('a', 1)]).alias(as_string=True, delim=', ')
        'a_1, b_2'
        """
        names = {
            key._alias or key.alias: str(value) if type(value) in PLAIN else name_of(value)
            for key, value in self._pairs
        }
        if as_string:
            return delim.join([f"{key}_{names[key]}" for key in sorted(names)])
        return names

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the names of the parameters, not their aliases, in order.

        Examples
        --------
        >>> ConfigAlias({'a': 1, 'b/c': 2, 'repetition': 0}).keys()
        ['a', 'b/c']
        """
        return [key.value for key, _ in self._pairs if not is_auxiliary(key)]

    @property
    def full_keys(self) -> list[str]:
        """All keys in order, the auxiliary ones as well."""
        return [key.value for key, _ in self._pairs]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: str) -> Any:
        """Return the value under a key, or the branch under a path that several keys share."""
        for name, value in self._pairs:
            if name.value == key:
                return value_of(value)
        if isinstance(key, str):
            return self.config()[key]
        raise ConfigKeyError(str(key), tuple(self.full_keys))

    @property
    def auxiliary(self) -> tuple[str, ...]:
        """The keys that say how the config is run, not what it is."""
        return tuple([key.value for key, _ in self._pairs if is_auxiliary(key)])

    def pop_config(self, key: str | Iterable[str]) -> ConfigAlias | None:
        """Remove the item whose key is `key`, or those of several keys, and return them, else None.

        Examples
        --------
        >>> config = ConfigAlias({'a': 1, 'repetition': 0})
        >>> config.pop_config('repetition')
        ConfigAlias({'repetition': '0'})
        >>> config.pop_config(['a', 'b'])
        ConfigAlias({'a': '1'})
        >>> config.keys()
        []
        """
        return self._pop(key, lambda name: name.value)

    def pop_alias(self, key: str | Iterable[str]) -> ConfigAlias | None:
        """Remove the item whose key has the alias `key`, or those of several, and return them, else None.

        Examples
        --------
        >>> config = ConfigAlias([(Alias('learning_rate', 'lr'), 0.1)])
        >>> config.pop_alias('lr').config()
        Config({'learning_rate': 0.1})
        """
        return self._pop(key, lambda name: name.alias)

    def _pop(self, key: str | Iterable[str], of: Callable[[Alias], str]) -> ConfigAlias | None:
        keys = (key,) if isinstance(key, str) else tuple(key)
        popped = tuple(pair for pair in self._pairs if of(pair[0]) in keys)
        self._pairs = tuple(pair for pair in self._pairs if of(pair[0]) not in keys)
        return ConfigAlias.of_pairs(popped) if popped else None

    def set_prefix(self, keys: Iterable[str], n_digits: int) -> ConfigAlias:
        """Set the readable beginning of the id from items that hold option indices.

        Parameters
        ----------
        keys : iterable of str
            Keys of items with integer values, in the order wanted.
        n_digits : int
            Digits to which each of them is padded with zeros.

        Returns
        -------
        ConfigAlias
            This object.

        Raises
        ------
        ConfigKeyError
            If there is no such key.
        ParameterError
            If the keys have no order.

        Examples
        --------
        >>> ConfigAlias({'#a': 3, 'repetition': 1}).set_prefix(['#a', 'repetition'], 2).prefix
        '03_01'
        """
        values = {key.value: value_of(value) for key, value in self._pairs}
        for key in (keys := tuple(check_order("keys", keys))):
            if key not in values:
                raise ConfigKeyError(key, tuple(values))
        self._prefix = "_".join(f"{int(values[key]):0{n_digits}d}" for key in keys)
        return self

    def __add__(self, other: ConfigAlias | Mapping[Any, Any]) -> ConfigAlias:
        if not isinstance(other, ConfigAlias):
            other = as_mapping(other)
            if not isinstance(other, Mapping):
                return NotImplemented
            other = ConfigAlias(other)
        pairs = unique(self._pairs + other._pairs) if other._pairs else self._pairs
        result = ConfigAlias.of_pairs(pairs)
        result._prefix = self.prefix
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConfigAlias):
            return Config(self) == other if isinstance(other, Mapping) else NotImplemented
        mine, theirs = (
            {key.value: (key.alias, as_alias(value)) for key, value in config._pairs}
            for config in (self, other)
        )
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ConfigAlias({self.alias()!r})"


_new = object.__new__


def plain(points: Iterable[Pairs]) -> Iterator[dict[str, Any]]:
    """Yield points, whose keys are known to differ, as plain dictionaries from paths to values."""
    for pairs in points:
        yield {key.value: value if type(value) in PLAIN else value_of(value) for key, value in pairs}


def wrapped(points: Iterable[Pairs], extra: Pairs) -> Iterator[ConfigAlias]:
    """Yield points, whose keys are known to differ, as configs with some more pairs."""
    for pairs in points:
        config = _new(ConfigAlias)
        config._pairs, config._prefix = pairs + extra, ""
        yield config


def plain_config(config: ConfigAlias) -> Config | None:
    """Return the config of numbers and texts, which never change, under names; None if it has others."""
    leaves = {key.value: value for key, value in config._pairs}
    is_plain = PLAIN.issuperset(map(type, leaves.values())) and "/" not in "".join(leaves)
    return of_leaves(leaves) if is_plain else None


def is_plain(config: ConfigAlias) -> bool:
    """Whether all values of a config are numbers and texts, which never change."""
    return PLAIN.issuperset([type(value) for _, value in config._pairs])


def as_query(config: Any, keys: AbstractSet[str]) -> dict[str, Any] | None:
    """Return a config as paths with their values, None if it is no mapping.

    What says how it is run is left out; in a mapping these are the keys of `AUXILIARY_KEYS` that are no
    parameters, which are given as `keys`.
    """
    auxiliary: tuple[str, ...] = AUXILIARY_KEYS
    if isinstance(config, ConfigAlias):
        auxiliary, config = config.auxiliary, config.config()
    config = as_mapping(config)
    if not isinstance(config, Mapping):
        return None
    return {path: each for path, each in paths(config).items() if path not in auxiliary or path in keys}


def with_values(config: ConfigAlias, function: Callable[[Any], Any]) -> ConfigAlias:
    """Return the config with a function applied to its values, which keep their names.

    Numbers and texts are left as they are.
    """
    twin = ConfigAlias(config)
    if is_plain(config):
        return twin
    twin._pairs = tuple([(key, _replaced(value, function)) for key, value in config._pairs])
    return twin


def _replaced(value: Any, function: Callable[[Any], Any]) -> Any:
    if type(value) in PLAIN:
        return value
    value = as_alias(value)
    new = function(value.value)
    return value if new is value.value else _Renewed(value, new)


class _Renewed(Alias):
    """Another value under the name of the value as it was given."""

    __slots__ = ("_original",)

    def __init__(self, original: Alias, value: Any) -> None:
        self.value = value
        self.given = original.given
        self._alias = None
        self._original = original

    @property
    def alias(self) -> str:
        return self._original.alias


def check_order(name: str, items: Iterable[Any]) -> Iterable[Any]:
    """Return items that have an order, which sets do not."""
    if isinstance(items, AbstractSet) and not isinstance(items, KeysView | ItemsView):
        raise ParameterError(name, f"expected a list, as the order matters, got the set {items!r}")
    return items


def check_key(key: Any) -> Alias:
    """Return the alias of a key, which must be a string that can be a path."""
    alias = as_alias(key)
    if not isinstance(alias.value, str):
        raise ParameterError(
            str(alias.value), f"the name of a parameter is a string, got {type(alias.value).__name__}"
        )
    return alias


def unique(pairs: Pairs) -> Pairs:
    """Keep the last of the pairs with equal keys, at the position of the first."""
    if len({key.value for key, _ in pairs}) == len(pairs):
        return pairs
    return tuple({key.value: (key, value) for key, value in pairs}.values())
