"""Config: a nested dictionary that is addressed by paths; equality of the values in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from research_domain.errors import ConfigKeyError, ParameterError
from research_domain.values import same

__all__ = ["Config", "same"]

Tree = dict[str, Any]


class Config(MutableMapping[str, Any]):
    """Nested dictionary whose items are reached by keys or by paths such as ``'model/layers'``.

    A value that is a mapping with string keys becomes a branch; everything else is a leaf.

    Parameters
    ----------
    mapping : mapping or Config, optional
        Initial items; keys may be paths. Branches are copied, leaves are not.

    Raises
    ------
    ParameterError
        If a key is not a string, or a path goes through a leaf.

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
        self._tree: Tree = {}
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
        return Config._view(value) if type(value) is dict and _is_branch(value) else value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise ParameterError(str(key), f"a key of a config is a string, got {type(key).__name__}")
        *branches, name = key.split("/") if "/" in key else (key,)
        tree = self._tree
        for branch in branches:
            tree = tree.setdefault(branch, {})
            if type(tree) is not dict or not _is_branch(tree):
                raise ParameterError(key, f"{branch!r} holds the value {tree!r}, nothing can be set below it")
        tree[name] = _grow(value) if isinstance(value, Mapping) and _is_branch(value) else value

    def __delitem__(self, key: str) -> None:
        *branches, name = key.split("/")
        tree = _find(self._tree, "/".join(branches)) if branches else self._tree
        if type(tree) is not dict or name not in tree:
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
        mine, theirs = self.flatten(), right.flatten()
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
        return Config._view(_grow(self._tree))

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain dictionaries.

        Examples
        --------
        >>> Config({'a/b': 1}).to_dict()
        {'a': {'b': 1}}
        """
        return _grow(self._tree)


_MISSING = object()


def _find(tree: Tree, path: str) -> Any:
    if path in tree:
        return tree[path]
    value: Any = tree
    for name in path.split("/"):
        if type(value) is not dict or name not in value:
            return _MISSING
        value = value[name]
    return value


def _is_branch(mapping: Mapping[Any, Any]) -> bool:
    return all(type(key) is str for key in mapping)


def _grow(mapping: Mapping[str, Any]) -> Tree:
    """Copy the branches of `mapping`, following paths in its keys."""
    if isinstance(mapping, Config):
        mapping = mapping._tree
    if not any("/" in key for key in mapping):
        return {
            key: _grow(value) if isinstance(value, Mapping) and _is_branch(value) else value
            for key, value in mapping.items()
        }
    return Config(mapping)._tree


def _flatten(tree: Tree, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if type(value) is dict and value and _is_branch(value):
            flat.update(_flatten(value, f"{prefix}{key}/"))
        else:
            flat[prefix + key] = value
    return flat
