"""Config: a nested dictionary that is addressed by paths; equality of the values in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from copy import copy
from typing import Any

from research_domain.errors import ConfigKeyError, ParameterError
from research_domain.values import count_as, same

__all__ = ["Tree", "Config", "of_values", "overlap", "paths", "same"]


class Tree(dict[str, Any]):
    """What paths build; a plain dict below a config is a value like any other."""

    __slots__ = ()


class Config(MutableMapping[str, Any]):
    """Nested dictionary whose items are reached by keys or by paths such as ``'model/layers'``.

    Paths, configs and plain dicts with string keys build branches, which are configs as well; everything else
    is a leaf and stays the object that it is. Paths look into leaves that are mappings, too.

    Parameters
    ----------
    mapping : mapping or Config, optional
        Initial items; keys may be paths. Branches are copied, leaves are not.

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
    """

    __slots__ = ("_tree",)

    def __init__(self, mapping: Mapping[str, Any] | None = None) -> None:
        self._tree = Tree()
        if isinstance(mapping, Config):
            self._tree = _copied(mapping._tree)
            return
        for key, value in (mapping or {}).items():
            self[key] = value

    @classmethod
    def _view(cls, tree: Tree) -> Config:
        config = object.__new__(cls)
        config._tree = tree
        return config

    def __getitem__(self, key: str) -> Any:
        value = _find(self._tree, key)
        if value is _MISSING:
            raise ConfigKeyError(key, tuple(_flatten(self._tree)))
        return Config._view(value) if type(value) is Tree else value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise ParameterError(str(key), f"a key of a config is a string, got {type(key).__name__}")
        if isinstance(value, Config):
            value = _copied(value._tree)
        elif type(value) is dict and value and _has_names(value):
            value = Config(value)._tree
        self._put(key, value)

    def _put(self, key: str, leaf: Any) -> None:
        """Set what is under a path without looking into it."""
        *branches, name = key.split("/") if "/" in key else (key,)
        tree = self._tree
        for depth, branch in enumerate(branches):
            below = tree.setdefault(branch, Tree())
            if type(below) is not Tree:
                tree[branch] = _with_item(key, branch, below, [*branches[depth + 1 :], name], leaf)
                return
            tree = below
        tree[name] = leaf

    def __delitem__(self, key: str) -> None:
        *branches, name = key.split("/")
        tree = _find(self._tree, "/".join(branches)) if branches else self._tree
        if type(tree) is not Tree or name not in tree:
            raise ConfigKeyError(key, tuple(_flatten(self._tree)))
        del tree[name]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _find(self._tree, key) is not _MISSING

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree)

    def __len__(self) -> int:
        return len(self._tree)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        try:
            right = other if isinstance(other, Config) else Config(other)
        except ParameterError:
            return False
        mine, theirs = paths(self), paths(right)
        return mine.keys() == theirs.keys() and all(same(value, theirs[key]) for key, value in mine.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Config({self._tree!r})"

    def flatten(self) -> dict[str, Any]:
        """Return a plain dictionary from the path of each leaf to its value.

        Examples
        --------
        >>> Config({'a': {'b': 1, 'c': {'d': 2}}}).flatten()
        {'a/b': 1, 'a/c/d': 2}
        """
        return _flatten(self._tree)

    def copy(self) -> Config:
        """Return a config with branches of its own and the same leaves.

        Examples
        --------
        >>> config = Config({'a/b': 1})
        >>> twin = config.copy()
        >>> twin['a/b'] = 2
        >>> config['a/b']
        1
        """
        return Config._view(_copied(self._tree))

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain dictionaries.

        Examples
        --------
        >>> Config({'a/b': 1}).to_dict()
        {'a': {'b': 1}}
        """
        return _plain(self._tree)


count_as(Config, Config.to_dict)
count_as(Tree, dict)

_MISSING = object()


def of_values(items: Iterable[tuple[str, Any]]) -> Config:
    """Return the config of paths and their values, each value as it is.

    A path that leads into a value is set in a copy of it, whatever the order of the items.

    Raises
    ------
    ParameterError
        If a path goes through a value that is no mapping.
    """
    pairs = list(items)
    config = Config()
    for key, value in sorted(pairs, key=lambda pair: pair[0].count("/")):
        config._put(key, value)
    order = dict.fromkeys(key.partition("/")[0] for key, _ in pairs)
    return Config._view(Tree({name: config._tree[name] for name in order}))


def paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plain dictionary from paths to values, in which mappings with string keys are looked into."""
    if not isinstance(config, Config):
        try:
            config = Config(config)
        except ParameterError:
            if not _has_names(config):
                raise
            return _flatten(config, inside=True)  # a value may be a dict that no config could be
    return _flatten(config._tree, inside=True)


def overlap(key: str, other: str) -> bool:
    """Return whether two paths are the same, or one leads to the other."""
    return key == other or other.startswith(f"{key}/") or key.startswith(f"{other}/")


def _find(tree: Any, path: str) -> Any:
    """Return what is under a path, which may begin with any key of a mapping; `_MISSING` if nothing is."""
    if path in tree:
        return tree[path]
    end = path.find("/")
    while end >= 0:
        below = tree.get(path[:end])
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


def _copied(tree: Tree) -> Tree:
    return Tree({key: _copied(value) if type(value) is Tree else value for key, value in tree.items()})


def _plain(tree: Tree) -> dict[str, Any]:
    return {key: _plain(value) if type(value) is Tree else value for key, value in tree.items()}


def _flatten(tree: Any, prefix: str = "", *, inside: bool = False) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if type(value) is Tree or (inside and isinstance(value, Mapping) and _has_names(value)):
            flat.update(_flatten(value, f"{prefix}{key}/", inside=inside) or {prefix + key: {}})
        else:
            flat[prefix + key] = value
    return flat
