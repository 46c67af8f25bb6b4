"""The trees that named expressions build: what is asked for, without any experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "AttributeOf",
    "Call",
    "ConfigItem",
    "ConfigPart",
    "ItemOf",
    "Leaf",
    "Node",
    "Operation",
    "Output",
    "Reference",
    "children",
]


@dataclass(frozen=True, slots=True)
class ConfigPart:
    """The whole config, with or without the auxiliary keys."""

    full: bool = False

    def __str__(self) -> str:
        return f"EC({'full=True' if self.full else ''})"


@dataclass(frozen=True, slots=True)
class ConfigItem:
    """One value of the config."""

    key: str

    def __str__(self) -> str:
        return f"EC({self.key!r})"


@dataclass(frozen=True, slots=True)
class Output:
    """The last output of a unit."""

    unit: str

    def __str__(self) -> str:
        return f"O({self.unit!r})"


@dataclass(frozen=True, slots=True)
class Reference:
    """The running experiment, or a thing that belongs to it, of one or all branches.

    `letter` is the name of the expression's class: E, EP, R or S.
    """

    letter: str
    unit: str | None = None
    all: bool = False

    def __str__(self) -> str:
        parts = ([repr(self.unit)] if self.unit is not None else []) + (["all=True"] if self.all else [])
        return f"{self.letter}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class ItemOf:
    """``target[key]``."""

    target: Any
    key: Any

    def __str__(self) -> str:
        return f"{_operand(self.target)}[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class AttributeOf:
    """``target.name``."""

    target: Any
    name: str

    def __str__(self) -> str:
        return f"{_operand(self.target)}.{self.name}"


@dataclass(frozen=True, slots=True)
class Call:
    """``target(*args, **kwargs)``."""

    target: Any
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        parts = [repr(value) for value in self.args] + [f"{name}={value!r}" for name, value in self.kwargs]
        return f"{_operand(self.target)}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator, or one of the named methods, over its operands."""

    function: Callable[..., Any]
    template: str
    operands: tuple[Any, ...]

    def __str__(self) -> str:
        return self.template.format(*map(_operand, self.operands))


Leaf: TypeAlias = ConfigPart | ConfigItem | Output | Reference
Node: TypeAlias = Leaf | ItemOf | AttributeOf | Call | Operation


def _operand(value: Any) -> str:
    node = getattr(value, "_node", None)
    infix = isinstance(node, Operation) and not node.template[0].isalpha()
    return f"({value!r})" if infix else repr(value)


def children(node: Node) -> tuple[Any, ...]:
    """Return the values that a node is made of: expressions, containers of them, or constants."""
    match node:
        case ItemOf(target, key):
            return (target, key)
        case AttributeOf(target, _):
            return (target,)
        case Call(target, args, kwargs):
            return (target, *args, *(value for _, value in kwargs))
        case Operation(_, _, operands):
            return operands
        case _:
            return ()
