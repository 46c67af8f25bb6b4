"""Named expressions: references to things that do not exist before an experiment runs.

They are immutable, picklable values. Operators, indexing, attributes and calls build larger expressions,
which are evaluated when a unit that has them as arguments is called.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import singledispatch
from pathlib import PurePath
from typing import Any, NoReturn, Self, TypeAlias

from research_domain import AUXILIARY_KEYS, Config, ConfigAlias
from research_domain.config import as_mapping
from research_experiment.expressions._known import UNIT, check_attribute, check_class_attribute, public_names
from research_experiment.expressions._nodes import (
    AttributeOf,
    Call,
    ConfigItem,
    ConfigPart,
    ItemOf,
    Node,
    Operation,
    Output,
    Reference,
    Structure,
)

Text: TypeAlias = str
"""`str` where a method of that name hides it."""


def _as_text(value: Any) -> str:
    return str(value)


def _format_text(value: Any, template: str) -> str:
    return template.format(value)


def _add(left: Any, right: Any) -> Any:
    """Add; a text behind a path makes a longer path, as when paths were texts."""
    if isinstance(left, PurePath) and isinstance(right, str):
        return type(left)(f"{left}{right}")
    return left + right


def _without_auxiliary(config: Any) -> Any:
    """Return a copy of a config without the keys that say how it is run."""
    if isinstance(config, ConfigAlias):
        return ConfigAlias([pair for pair in config.pairs if pair[0].value not in AUXILIARY_KEYS])
    config = as_mapping(config)
    if not isinstance(config, Mapping):
        raise TypeError(f"remove_keys() takes a config, got {type(config).__name__}")
    kept = {key: value for key, value in config.items() if key not in AUXILIARY_KEYS}
    return Config(kept) if isinstance(config, Config) else kept


@singledispatch
def value_at(context: Any, expression: Expression) -> Any:
    """Return the value of an expression at a running experiment or research; others have none.

    Classes that can be such a context register for this function, which ``expression.get(experiment=...)``
    calls.
    """
    return NotImplemented


def _asked_at(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the value if ``get(experiment=..., research=...)`` was called, else NotImplemented."""
    if args or not isinstance(node, AttributeOf) or node.name != "get":
        return NotImplemented
    if not kwargs or not kwargs.keys() <= {"experiment", "research"}:
        return NotImplemented
    contexts = [kwargs[name] for name in ("experiment", "research") if kwargs.get(name) is not None]
    return value_at(contexts[0], node.target) if contexts else NotImplemented


class _Letter(type):
    """Class of the classes of named expressions: says what to write where parentheses were forgotten."""

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("_") or cls.__name__ == "Expression":
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        raise check_class_attribute(cls.__name__, name)


def _binary(function: Callable[..., Any], symbol: str) -> tuple[Any, Any]:
    template = f"{{0}} {symbol} {{1}}"

    def forward(self: Expression, other: Any) -> Expression:
        return expression_of(Operation(function, template, (self, freeze(other))))

    def backward(self: Expression, other: Any) -> Expression:
        return expression_of(Operation(function, template, (freeze(other), self)))

    return forward, backward


def _unary(function: Callable[..., Any], template: str) -> Any:
    def apply(self: Expression) -> Expression:
        return expression_of(Operation(function, template, (self,)))

    return apply


class Expression(metaclass=_Letter):
    """A value that will be known when the experiment runs.

    Build one with `E`, `EC`, `O`, `EP`, `R` or `S`, and combine them with operators.

    Examples
    --------
    >>> (O('load')[0].shape[1] * 2)
    O('load')[0].shape[1] * 2
    >>> EC('layers').str() + '-' + EC('rate').format('{:.3f}')
    (str(EC('layers')) + '-') + format(EC('rate'), '{:.3f}')
    """

    __slots__ = ("_node",)
    _node: Node
    __array_ufunc__ = None  # numpy arrays leave the operators to us
    __pandas_priority__ = 10_000  # and so do series and frames

    def __setattr__(self, name: Text, value: Any) -> NoReturn:
        raise AttributeError(f"named expressions are immutable: cannot set {name!r} of {self!r}")

    def __delattr__(self, name: Text) -> NoReturn:
        raise AttributeError(f"named expressions are immutable: cannot delete {name!r} of {self!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._node)

    def __repr__(self) -> str:
        return str(self._node)

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        check_attribute(self._node, name)
        return expression_of(AttributeOf(self, name))

    def __dir__(self) -> Iterable[Text]:
        """Return what the value will have, as far as it is known, for the completion of names."""
        match self._node:
            case Reference("E", str(), False):
                return UNIT
            case node:
                return public_names(node) or super().__dir__()

    def __getitem__(self, key: Any) -> Expression:
        return expression_of(ItemOf(self, freeze(key)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the expression whose value is that of the call.

        ``expression.get(experiment=running)`` and ``expression.get(research=research)`` are the values
        themselves, where these are a running experiment and a research.
        """
        value = _asked_at(self._node, args, kwargs)
        if value is not NotImplemented:
            return value
        return expression_of(
            Call(self, _freeze_all(args), tuple(zip(kwargs, _freeze_all(kwargs.values()), strict=True)))
        )

    def str(self) -> Expression:
        """Return the expression whose value is ``str(value)``."""
        return expression_of(Operation(_as_text, "str({0})", (self,)))

    def format(self, template: Text) -> Expression:
        """Return the expression whose value is ``template.format(value)``.

        Parameters
        ----------
        template : str
            A format string with one field, such as ``'{:.2f}'``.
        """
        return expression_of(Operation(_format_text, "format({0}, {1})", (self, template)))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} has no truth value before the experiment runs; use it as an argument of a unit"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} cannot be iterated before the experiment runs; use it as an argument of a unit"
        )

    def __contains__(self, item: Any) -> NoReturn:
        raise TypeError(f"`in` cannot look into {self!r} before the experiment runs")

    __hash__ = object.__hash__

    __add__, __radd__ = _binary(_add, "+")
    __sub__, __rsub__ = _binary(operator.sub, "-")
    __mul__, __rmul__ = _binary(operator.mul, "*")
    __truediv__, __rtruediv__ = _binary(operator.truediv, "/")
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv, "//")
    __mod__, __rmod__ = _binary(operator.mod, "%")
    __pow__, __rpow__ = _binary(operator.pow, "**")
    __matmul__, __rmatmul__ = _binary(operator.matmul, "@")
    __and__, __rand__ = _binary(operator.and_, "&")
    __or__, __ror__ = _binary(operator.or_, "|")
    __xor__, __rxor__ = _binary(operator.xor, "^")
    __lshift__, __rlshift__ = _binary(operator.lshift, "<<")
    __rshift__, __rrshift__ = _binary(operator.rshift, ">>")
    __eq__, _ = _binary(operator.eq, "==")
    __ne__, _ = _binary(operator.ne, "!=")
    __lt__, _ = _binary(operator.lt, "<")
    __le__, _ = _binary(operator.le, "<=")
    __gt__, _ = _binary(operator.gt, ">")
    __ge__, _ = _binary(operator.ge, ">=")
    del _
    __neg__ = _unary(operator.neg, "-{0}")
    __pos__ = _unary(operator.pos, "+{0}")
    __invert__ = _unary(operator.invert, "~{0}")
    __abs__ = _unary(abs, "abs({0})")


def _restore(kind: type[Expression], node: Node) -> Expression:
    expression = object.__new__(kind)
    object.__setattr__(expression, "_node", node)
    return expression


def expression_of(node: Node) -> Expression:
    """Wrap a node of the tree."""
    return _restore(Expression, node)


def freeze(value: Any) -> Any:
    """Return a value in which whatever holds expressions is an expression itself.

    Parameters
    ----------
    value : object
        Lists, tuples, sets, dicts, configs and slices are looked into.

    Returns
    -------
    object
        An :class:`Expression` if there is one anywhere in the value, else the value as it is.

    Examples
    --------
    >>> freeze([1, EC('x')]), freeze([1, 2])
    ([1, EC('x')], [1, 2])
    >>> type(freeze([1, EC('x')])).__name__
    'Expression'
    """
    return _freeze(value, frozenset())


def _freeze(value: Any, inside: frozenset[int]) -> Any:
    parts = None if isinstance(value, Expression) else _parts(value)
    if parts is None or id(value) in inside:
        return value
    inside |= {id(value)}
    frozen = tuple([_freeze(part, inside) for part in parts])
    if any(isinstance(part, Expression) for part in frozen):
        kind = dict if isinstance(value, dict) and not isinstance(value, Config) else type(value)
        return expression_of(Structure(kind, frozen))
    return value


def _freeze_all(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple([freeze(value) for value in values])


def _parts(value: Any) -> Iterable[Any] | None:
    match value:
        case str() | bytes() | int() | float():
            return None
        case list() | tuple() | set() | frozenset():
            return value
        case dict() | Config():
            return [part for item in value.items() for part in item]
        case slice():
            return (value.start, value.stop, value.step)
        case _:
            return None


def _name_of(letter: str, name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{letter}() takes a name, a string; got {name!r}")
    return name


# The methods of these classes are a part of the fingerprints of units: an edit looks like a changed unit.
class E(Expression):
    """The running experiment, or one of its units or instances.

    Parameters
    ----------
    unit : str, optional
        Name of an instance (gives the object), a pipeline (the experiment's own one), a generator (its
        iterator) or a callable (the function). By default the
        :class:`~research_experiment.RunningExperiment` itself. Of units, ``E('unit').output`` is the last
        output, ``.iteration`` the iteration in which it last ran, and ``.pipeline`` the pipeline.
    all : bool
        Ask all branches of the task; the value is a list, one item per branch.

    Examples
    --------
    >>> E('model').weights
    E('model').weights
    """

    __slots__ = ()

    def __init__(self, unit: str | None = None, all: bool = False) -> None:  # noqa: A002 - known by this name
        object.__setattr__(self, "_node", Reference("E", None if unit is None else _name_of("E", unit), all))


class EC(Expression):
    """The config of the experiment, or one of its values.

    Parameters
    ----------
    name : str, optional
        Key of one value; ``'a/b'`` for a nested one. By default the whole config.
    full : bool
        Keep the auxiliary keys (repetition, device, updates) in the whole config.
    all : bool
        Ask all branches of the task; the value is a list, one item per branch.

    Examples
    --------
    >>> EC('rate') * 10
    EC('rate') * 10
    """

    __slots__ = ()

    def __init__(self, name: str | None = None, full: bool = False, all: bool = False) -> None:  # noqa: A002 - known by this name
        node = ConfigPart(full, all) if name is None else ConfigItem(_name_of("EC", name), all=all)
        object.__setattr__(self, "_node", node)

    def remove_keys(self, config: Any) -> Any:
        """Return a copy of a config without the auxiliary keys (repetition, device, updates).

        Parameters
        ----------
        config : Config, ConfigAlias, mapping or expression
            What the copy is made of; of an expression it is made when the experiment runs.

        Examples
        --------
        >>> EC().remove_keys({'rate': 0.1, 'repetition': 0})
        {'rate': 0.1}
        """
        if isinstance(config, Expression):
            return expression_of(Operation(_without_auxiliary, "remove_keys({0})", (config,)))
        return _without_auxiliary(config)


class O(Expression):  # noqa: E742 - the name that users know
    """The last output of a unit.

    Parameters
    ----------
    name : str
        Name of the unit.
    all : bool
        Ask all branches of the task; the value is a list, one item per branch, None for those in which the
        unit has not run yet.

    Examples
    --------
    >>> O('load')[0]
    O('load')[0]
    """

    __slots__ = ()

    def __init__(self, name: str, all: bool = False) -> None:  # noqa: A002 - known by this name
        object.__setattr__(self, "_node", Output(_name_of("O", name), all))


class EP(Expression):
    """The experiment's own folder, made on first use.

    Parameters
    ----------
    unit : str, optional
        Accepted for compatibility with `E`; a folder belongs to the whole experiment.
    all : bool
        The folders of all branches of the task, as a list.

    Examples
    --------
    >>> EP() / 'model.bin'
    EP() / 'model.bin'
    """

    __slots__ = ()

    def __init__(self, unit: str | None = None, all: bool = False) -> None:  # noqa: A002 - known by this name
        object.__setattr__(self, "_node", Reference("EP", unit, all))


class R(Expression):
    """The results of the research so far.

    Examples
    --------
    >>> R().df
    R().df
    """

    __slots__ = ()

    def __init__(self, unit: str | None = None, all: bool = False) -> None:  # noqa: A002 - known by this name
        object.__setattr__(self, "_node", Reference("R", unit, all))


class S(Expression):
    """The experiment's storage; ``S().update_variable(name, value)`` saves under the current iteration.

    Examples
    --------
    >>> S().update_variable('loss', O('train'))
    S().update_variable('loss', O('train'))
    """

    __slots__ = ()

    def __init__(self, unit: str | None = None, all: bool = False) -> None:  # noqa: A002 - known by this name
        object.__setattr__(self, "_node", Reference("S", unit, all))
