"""Config: a nested dictionary that is addressed by paths; equality of the values in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any, Self, TypeGuard

from research_domain.errors import ConfigKeyError, ParameterError
from research_domain.values import count_as, same

__all__ = ["Config", "as_leaf", "as_mapping", "of_leaves", "of_values", "overlap", "paths", "same"]


class Config(dict[str, Any]):
    """Nested dictionary whose items are reached by keys or by paths such as ``'model/layers'``.

    Paths, configs and plain dicts with string keys build branches, which are configs as well; everything else
    is a leaf and is kept unchanged. Paths look into leaves that are mappings, too. It is a dict for
    whoever expects one, such as ``json.dumps(config)`` and ``function(**config)``.

    Parameters
    ----------
    mapping : mapping or Config, optional
        Initial items; keys may be paths. Branches are copied, leaves are not. Configs of other libraries
        that can be flattened to paths, such as those of batchflow, are taken as well.

    Raises
    ------
    ParameterError
        If a key is not a string, or a path goes through a leaf that is no mapping.

    Notes
    -----
    A dict that is the value of a parameter is a leaf of the configs of its domain: a unit gets it as it was
    given, with keys such as ``'data/train.csv'`` whole.

    Examples
    --------
    >>> config = Config({'model/layers': 3, 'lr': 0.1})
    >>> config['model']
    Config({'layers': 3})
    >>> config.flatten()
    {'model/layers': 3, 'lr': 0.1}
    >>> 'model/layers' in config
    True
    >>> config + {'model/width': 5, 'lr': 0.2}
    Config({'model': {'layers': 3, 'width': 5}, 'lr': 0.2})
    """

    __slots__ = ("_is_branch",)

    _is_branch: bool
    """Whether paths built it below another config; a config that is a value there is a leaf."""

    def __init__(self, mapping: Mapping[str, Any] | None = None) -> None:
        self._is_branch = False
        if isinstance(mapping, Config):
            dict.update(self, _copied(mapping))
            return
        for key, value in as_mapping(mapping or {}).items():
            self[key] = value

    def __getitem__(self, key: str) -> Any:
        value = _find(self, key)
        if value is _MISSING:
            raise ConfigKeyError(key, tuple(_flatten(self)))
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise ParameterError(str(key), f"a key of a config is a string, got {type(key).__name__}")
        if isinstance(value, Config) or (type(value) is dict and value and _has_names(value)):
            value = _made(Config(value), is_branch=True)
        self._put(key, value)

    def _put(self, key: str, leaf: Any) -> None:
        """Set the value at a path without converting it."""
        *branches, name = key.split("/") if "/" in key else (key,)
        tree: Config = self
        for depth, branch in enumerate(branches):
            below = dict.setdefault(tree, branch, _made({}, is_branch=True))
            if not _is_branch(below):
                below = _with_item(key, branch, below, [*branches[depth + 1 :], name], leaf)
                dict.__setitem__(tree, branch, below)
                return
            tree = below
        dict.__setitem__(tree, name, leaf)

    def __delitem__(self, key: str) -> None:
        *branches, name = key.split("/")
        tree = _find(self, "/".join(branches)) if branches else self
        if not (tree is self or _is_branch(tree)) or not dict.__contains__(tree, name):
            raise ConfigKeyError(key, tuple(_flatten(self)))
        dict.__delitem__(tree, name)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _find(self, key) is not _MISSING

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        try:
            right = other if isinstance(other, Config) else Config(other)
        except ParameterError:
            return False
        mine, theirs = paths(self), paths(right)
        return mine.keys() == theirs.keys() and all(same(value, theirs[key]) for key, value in mine.items())

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __add__(self, other: Mapping[str, Any]) -> Config:
        """Return both together, branch by branch; where both have a leaf, that of the right one counts."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return _merged(self.copy(), Config(other))

    def __radd__(self, other: Mapping[str, Any]) -> Config:
        return Config(other) + self if isinstance(other, Mapping) else NotImplemented

    def __or__(self, other: Mapping[str, Any]) -> Config:  # type: ignore[override]
        if not isinstance(other, Mapping):
            return NotImplemented
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other: Mapping[str, Any]) -> Config:  # type: ignore[override]
        return Config(other) | self if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]
        self.update(other)
        return self

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under a key or path, `default` if there is none."""
        value = _find(self, key)
        return default if value is _MISSING else value

    def pop(self, key: str, *default: Any) -> Any:
        """Remove and return the value at a key or path; if there is none, return `default` or raise."""
        if default and key not in self:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value at a key or path; if there is none, set it to `default`."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **kwargs: Any) -> None:
        """Set items from a mapping or from pairs, and from keyword arguments."""
        for items in (*others, kwargs):
            for key, value in items.items() if isinstance(items, Mapping) else items:
                self[key] = value

    def __repr__(self) -> str:
        return f"Config({_plain(self)!r})"

    def flatten(self) -> dict[str, Any]:
        """Return a plain dictionary from the path of each leaf to its value.

        Examples
        --------
        >>> Config({'a': {'b': 1, 'c': {'d': 2}}}).flatten()
        {'a/b': 1, 'a/c/d': 2}
        """
        return _flatten(self)

    def copy(self) -> Config:
        """Return a copy with new branches and the same leaves.

        Examples
        --------
        >>> config = Config({'a/b': 1})
        >>> twin = config.copy()
        >>> twin['a/b'] = 2
        >>> config['a/b']
        1
        """
        return Config(self)

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), dict(self), self._is_branch)

    def __setstate__(self, state: Any) -> None:
        """Take what pickles of earlier versions hold."""
        self._is_branch = False
        dict.update(self, state[1]["_tree"])

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain dictionaries.

        Examples
        --------
        >>> Config({'a/b': 1}).to_dict()
        {'a': {'b': 1}}
        """
        return _plain(self)


Branch = Config
"""What branches were in pickles of earlier versions."""

count_as(Config, Config.to_dict)

_MISSING = object()


def as_mapping(config: Any) -> Any:
    """Return a config of another library as a `Config`; anything else as it is.

    Such a config has keys and a method ``flatten`` that returns values by their paths, but is no mapping.
    """
    if isinstance(config, Mapping):
        return config
    kind = type(config)
    if callable(getattr(kind, "keys", None)) and callable(getattr(kind, "flatten", None)):
        flat = config.flatten()
        return Config(flat) if isinstance(flat, Mapping) else config
    return config


def of_values(items: Iterable[tuple[str, Any]]) -> Config:
    """Return the config of paths and their values, each value as it is.

    A path that leads into a value is set in a copy of it, whatever the order of the items.
    """
    pairs = list(items)
    config = Config()
    for key, value in sorted(pairs, key=lambda pair: pair[0].count("/")):
        config._put(key, value)
    order = dict.fromkeys(key.partition("/")[0] for key, _ in pairs)
    return of_leaves({name: dict.__getitem__(config, name) for name in order})


def of_leaves(items: Mapping[str, Any]) -> Config:
    """Return the config of names, which are no paths, and their values, each value as it is."""
    return _made(items, is_branch=False)


def as_leaf(value: Any) -> Any:
    """Return a value that can be stored in a config: branches of other configs are copied."""
    return value.copy() if _is_branch(value) else value


def paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plain dictionary from paths to values, in which mappings with string keys are looked into."""
    if not isinstance(config, Config):
        try:
            config = Config(config)
        except ParameterError:
            if not _has_names(config):
                raise
            return _flatten(config, inside=True)  # a value may be a dict that no config could be
    return _flatten(config, inside=True)


def overlap(key: str, other: str) -> bool:
    """Return whether two paths are the same, or one leads to the other."""
    return key == other or other.startswith(f"{key}/") or key.startswith(f"{other}/")


def _find(tree: Any, path: str) -> Any:
    """Return the value at a path, which may begin with any key of a mapping, or `_MISSING`."""
    is_config = isinstance(tree, Config)
    value = dict.get(tree, path, _MISSING) if is_config else tree.get(path, _MISSING)
    if value is not _MISSING:
        return value
    end = path.find("/") if isinstance(path, str) else -1
    while end >= 0:
        below = dict.get(tree, path[:end]) if is_config else tree.get(path[:end])
        if isinstance(below, Mapping):
            found = _find(below, path[end + 1 :])
            if found is not _MISSING:
                return found
        end = path.find("/", end + 1)
    return _MISSING


def _with_item(path: str, name: str, value: Any, keys: list[str], leaf: Any) -> Any:
    """Return a copy of a value in which something else is under some keys."""
    if not isinstance(value, Mapping):
        raise ParameterError(path, f"{name!r} holds the value {value!r}, nothing can be set below it")
    twin: Any = copy(value)
    first, *rest = keys
    twin[first] = _with_item(path, first, twin.get(first, {}), rest, leaf) if rest else leaf
    return twin


def _has_names(mapping: Mapping[Any, Any]) -> bool:
    return all(type(key) is str for key in mapping)


def _copied(tree: Config) -> dict[str, Any]:
    return {
        key: _made(_copied(value), is_branch=True) if _is_branch(value) else value
        for key, value in tree.items()
    }


def _plain(tree: Config) -> dict[str, Any]:
    return {key: _plain(value) if _is_branch(value) else value for key, value in tree.items()}


def _merged(tree: Config, more: Config) -> Config:
    """Put the items of one config into another, branch by branch."""
    for key, value in more.items():
        mine = dict.get(tree, key)
        if _is_branch(mine) and _is_branch(value):
            _merged(mine, value)
        else:
            dict.__setitem__(tree, key, value)
    return tree


def _made(items: Mapping[str, Any], *, is_branch: bool, kind: type[Config] = Config) -> Config:
    """Return a config of items, without looking for paths or branches in them."""
    config = dict.__new__(kind)
    config._is_branch = is_branch
    dict.update(config, items)
    return config


def _restored(kind: type[Config], items: dict[str, Any], is_branch: bool) -> Config:
    """Return an unpickled config."""
    return _made(items, is_branch=is_branch, kind=kind)


def _is_branch(value: Any) -> TypeGuard[Config]:
    return isinstance(value, Config) and value._is_branch


def _flatten(tree: Any, prefix: str = "", *, inside: bool = False) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if _is_branch(value) or (inside and isinstance(value, Mapping) and _has_names(value)):
            flat.update(_flatten(value, f"{prefix}{key}/", inside=inside) or {prefix + key: {}})
        else:
            flat[prefix + key] = value
    return flat
