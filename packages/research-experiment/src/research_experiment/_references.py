"""What a value refers to: the leaves of the expressions in it, and what follows for plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from research_experiment._nodes import (
    AttributeOf,
    ConfigItem,
    ConfigPart,
    ItemOf,
    Leaf,
    Node,
    Output,
    Reference,
    children,
)
from research_experiment.expressions import Expression

__all__ = ["config_keys", "leaves", "needed_units"]


def leaves(value: Any) -> Iterator[Leaf]:
    """Yield the leaves of all expressions in a value, also inside lists, tuples, sets and dicts."""
    if isinstance(value, Expression):
        yield from _node_leaves(value._node)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        yield from leaves(list(value.items()))


def _node_leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, ConfigPart | ConfigItem | Output | Reference):
        yield node
        return
    shortcut = _config_shortcut(node)
    if shortcut is not None:
        yield shortcut
        return
    for child in children(node):
        yield from leaves(child)


def _config_shortcut(node: Node) -> ConfigItem | None:
    """See ``E().config['key']`` and ``EC()['key']`` as what they are: one value of the config."""
    match node:
        case ItemOf(Expression(_node=ConfigPart()), str(key)):
            return ConfigItem(key)
        case ItemOf(
            Expression(_node=AttributeOf(Expression(_node=Reference("E", None, False)), "config")), str(key)
        ):
            return ConfigItem(key)
        case _:
            return None


def config_keys(value: Any) -> set[str | None]:
    """Return the config keys that a value depends on; None among them stands for the whole config."""
    keys: set[str | None] = set()
    for leaf in leaves(value):
        match leaf:
            case ConfigItem(key):
                keys.add(key)
            case ConfigPart():
                keys.add(None)
            case _:
                pass
    return keys


def needed_units(value: Any) -> frozenset[str]:
    """Return the names of units whose output, and of units and instances that, a value refers to."""
    names: set[str] = set()
    for leaf in leaves(value):
        if isinstance(leaf, Output | Reference) and leaf.unit is not None:
            names.add(leaf.unit)
    return frozenset(names)
