"""The trees that named expressions build, independent of any experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class ConfigPart:
    """The whole config, with or without the auxiliary keys, of one or all branches."""

    full: bool = False
    all: bool = False

    def __str__(self) -> str:
        return _letter("EC", None, full=self.full, all=self.all)


@dataclass(frozen=True, slots=True)
class ConfigItem:
    """One value of the config, of one or all branches; an optional one may be missing."""

    key: str
    optional: bool = False
    all: bool = False

    def __str__(self) -> str:
        return _letter("EC", self.key, all=self.all)


@dataclass(frozen=True, slots=True)
class Output:
    """The last output of a unit, of one or all branches."""

    unit: str
    all: bool = False

    def __str__(self) -> str:
        return _letter("O", self.unit, all=self.all)


@dataclass(frozen=True, slots=True)
class Reference:
    """The running experiment, or an object that belongs to it, of one or all branches.

    `letter` is the name of the expression's class: E, EP, R or S.
    """

    letter: str
    unit: str | None = None
    all: bool = False

    def __str__(self) -> str:
        return _letter(self.letter, self.unit, all=self.all)


@dataclass(frozen=True, slots=True, eq=False)
class ItemOf:
    """The reference ``target[key]``, looked up in each experiment."""

    target: Any
    key: Any

    def __str__(self) -> str:
        return f"{_operand(self.target)}[{_key(self.key)}]"


@dataclass(frozen=True, slots=True, eq=False)
class AttributeOf:
    """The reference ``target.name``, looked up in each experiment."""

    target: Any
    name: str

    def __str__(self) -> str:
        return f"{_operand(self.target)}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """``target(*args, **kwargs)``."""

    target: Any
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        parts = [repr(value) for value in self.args] + [f"{name}={value!r}" for name, value in self.kwargs]
        return f"{_operand(self.target)}({', '.join(parts)})"


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operator, or one of the named methods, over its operands."""

    function: Callable[..., Any]
    template: str
    operands: tuple[Any, ...]

    def __str__(self) -> str:
        return self.template.format(*map(_operand, self.operands))


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A container with expressions in it; `parts` of a mapping are its keys and values in turn."""

    kind: type
    parts: tuple[Any, ...]

    def build(self, parts: list[Any]) -> Any:
        """Make the container of these parts."""
        kind: Any = self.kind
        if issubclass(kind, Mapping):
            return kind(dict(zip(parts[::2], parts[1::2], strict=True)))
        return kind(*parts) if kind is slice or hasattr(kind, "_fields") else kind(parts)

    def __str__(self) -> str:
        return repr(self.build(list(self.parts)))


def _letter(letter: str, name: str | None, **flags: bool) -> str:
    parts = [*([] if name is None else [repr(name)]), *(f"{flag}=True" for flag, on in flags.items() if on)]
    return f"{letter}({', '.join(parts)})"


Leaf: TypeAlias = ConfigPart | ConfigItem | Output | Reference
Node: TypeAlias = Leaf | ItemOf | AttributeOf | Call | Operation | Structure


def _operand(value: Any) -> str:
    node = getattr(value, "_node", None)
    infix = isinstance(node, Operation) and not node.template[0].isalpha()
    return f"({value!r})" if infix else repr(value)


def _key(key: Any) -> str:
    """Write a key as it is written between brackets."""
    node = getattr(key, "_node", None)
    if isinstance(node, Structure) and node.kind in (tuple, slice):
        key = node.build(list(node.parts))
    match key:
        case (_, *_) if type(key) is tuple:
            return ", ".join(map(_key, key))
        case slice():
            start, stop, step = (
                "" if part is None else repr(part) for part in (key.start, key.stop, key.step)
            )
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        case _:
            return repr(key)


def children(node: Node) -> tuple[Any, ...]:
    """Return the values that a node is made of: expressions or constants."""
    match node:
        case ItemOf(target, key):
            return (target, key)
        case AttributeOf(target, _):
            return (target,)
        case Call(target, args, kwargs):
            return (target, *args, *(value for _, value in kwargs))
        case Operation(_, _, operands):
            return operands
        case Structure(_, parts):
            return parts
        case _:
            return ()
