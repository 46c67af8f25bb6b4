"""What a value refers to: the leaves of the expressions in it, and what follows for plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from research_domain.config import overlap
from research_experiment.expressions._nodes import (
    AttributeOf,
    Call,
    ConfigItem,
    ConfigPart,
    ItemOf,
    Leaf,
    Node,
    Output,
    Reference,
    children,
)
from research_experiment.expressions.named import Expression


def leaves(value: Any) -> Iterator[Leaf]:
    """Yield the leaves of an expression; anything else, as plans hold it, has none."""
    if isinstance(value, Expression):
        yield from _node_leaves(value._node)


def _node_leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, ConfigPart | ConfigItem | Output | Reference):
        yield node
        return
    shortcut = _shortcut(node)
    if shortcut is not None:
        yield shortcut
        return
    for child in children(node):
        yield from leaves(child)


def _shortcut(node: Node) -> Leaf | None:
    """See ``EC()['key']``, ``EC().get('key')``, ``E().config['key']``, ``E()['unit']`` as what they mean."""
    match node:
        case ItemOf(Expression(_node=Reference("E", None, False)), str(unit)):
            return Reference("E", unit)
        case ItemOf(Expression(_node=config), str(key)) if _is_config(config):
            return ConfigItem(key)
        case Call(Expression(_node=AttributeOf(Expression(_node=config), "get")), (str(key),), ()) if (
            _is_config(config)
        ):
            return ConfigItem(key, optional=True)
        case AttributeOf() if _is_config(node):
            return ConfigPart(full=True)
        case _:
            return None


def _is_config(node: Node) -> bool:
    match node:
        case ConfigPart(all=False) | AttributeOf(Expression(_node=Reference("E", None, False)), "config"):
            return True
        case _:
            return False


def config_keys(references: Iterable[Leaf]) -> set[str]:
    """Return the config keys that must be there."""
    return {leaf.key for leaf in references if isinstance(leaf, ConfigItem) and not leaf.optional}


def needed_keys(references: Iterable[Leaf], known: Iterable[str], auxiliary: Iterable[str]) -> set[str]:
    """Return those of the known config keys that something depends on; ``EC()`` has no auxiliary ones.

    What is asked of all branches is the same for each of them.
    """
    known = set(known)
    needed: set[str] = set()
    for leaf in references:
        match leaf:
            case ConfigItem(key, all=False):
                needed |= {other for other in known if overlap(key, other)}
            case ConfigPart(full, all=False):
                needed |= known if full else known - set(auxiliary)
            case _:
                pass
    return needed


def needed_units(references: Iterable[Leaf]) -> frozenset[str]:
    """Return the names of units whose output, and of units and instances that, something refers to."""
    return frozenset(
        leaf.unit for leaf in references if isinstance(leaf, Output | Reference) and leaf.unit is not None
    )
