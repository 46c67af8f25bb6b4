"""Calls compiled once per plan, and bound to each experiment with what is known of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from research_domain import Config
from research_experiment.errors import ExpressionError, shorten
from research_experiment.execution.evaluation import (
    Binder,
    Fixed,
    Getter,
    Varying,
    compile_value,
    getter_of,
    whole_config,
)
from research_experiment.execution.running import RunningExperiment
from research_experiment.expressions._nodes import ConfigPart
from research_experiment.expressions.named import Expression


class CompiledCall:
    """A call with all its arguments, of which an experiment gets copies of its own."""

    __slots__ = ("_is_plain", "_keywords", "_known", "_positional", "_spread", "_unpacked")

    def __init__(self, args: Any, kwargs: Mapping[str, Any], spread: Any) -> None:
        compiled = {name: compile_value(value) for name, value in kwargs.items()}
        self._known = {name: bind.value if type(bind) is Fixed else None for name, bind in compiled.items()}
        self._keywords = [(name, bind) for name, bind in compiled.items() if type(bind) is not Fixed]
        self._spread = None if spread is None else _compile_spread(spread)
        self._unpacked = _compile_unpacked(args, Iterable, "args") if isinstance(args, Expression) else None
        self._positional = () if self._unpacked else tuple([compile_value(item) for item in args])
        self._is_plain = spread is None and self._unpacked is None and not self._positional

    def bind(self, function: Callable[..., Any], running: RunningExperiment) -> Callable[[], Any]:
        """Return a function that makes the call for an experiment; known values are bound once."""
        keywords = self._known.copy()
        varying: dict[str, Getter] = {}
        for name, bind in self._keywords:
            value = keywords[name] = bind(running)
            if type(value) is Varying:
                varying[name] = value.get
        if self._is_plain and not varying:
            return partial(function, **keywords) if keywords else function
        spread = None if self._spread is None else self._spread(running)
        if type(spread) is Varying:
            return self._bind_general(function, running, keywords, spread.get)
        for name in varying:
            del keywords[name]
        if spread:
            keywords = {**spread, **keywords}
        if self._unpacked is not None:
            function = partial(function, **keywords) if keywords else function
            return _general_call(function, self._unpacked(running).get, varying, None)
        values = [bind(running) for bind in self._positional]
        known = _count_known(values)
        if known or keywords:
            function = partial(function, *values[:known], **keywords)
        if varying:
            return _keyword_call(function, values[known:], varying)
        return _positional_call(function, values[known:]) if values[known:] else function

    def _bind_general(
        self,
        function: Callable[..., Any],
        running: RunningExperiment,
        keywords: Mapping[str, Any],
        spread: Getter,
    ) -> Callable[[], Any]:
        """Bind a call whose keyword arguments are not known yet."""
        unpacked = None if self._unpacked is None else self._unpacked(running).get
        positional = unpacked or _tuple_getter([bind(running) for bind in self._positional])
        getters = {name: getter_of(value) for name, value in keywords.items()}
        return _general_call(function, positional, getters, spread)


class OneArgument:
    """A call of a function with one argument that is asked for each time."""

    __slots__ = ("function", "get")

    def __init__(self, function: Callable[..., Any], get: Getter) -> None:
        self.function, self.get = function, get

    def __call__(self) -> Any:
        """Call the function; who runs it in each iteration does so itself, in one call less."""
        return self.function(self.get())


def _count_known(values: Sequence[Any]) -> int:
    """Return how many values in front are constants."""
    for number, value in enumerate(values):
        if type(value) is Varying:
            return number
    return len(values)


def _compile_spread(spread: Any) -> Binder:
    """Compile keyword arguments from unpacking; those of a flat config are known at once."""
    general = _compile_unpacked(spread, Mapping, "kwargs")
    node = spread._node if isinstance(spread, Expression) else None
    if not isinstance(node, ConfigPart) or node.all:
        return general
    full = node.full

    def bind(running: RunningExperiment) -> Any:
        config = whole_config(running, full)
        flat = not any(isinstance(config[key], Config) for key in config)
        return dict(config) if flat else general(running)

    return bind


def _compile_unpacked(value: Any, kind: type, parameter: str) -> Callable[[RunningExperiment], Varying]:
    """Compile arguments from unpacking; an error names the expression that cannot be unpacked."""
    bind = compile_value(value)

    def bind_checked(running: RunningExperiment) -> Varying:
        get = getter_of(bind(running))

        def checked() -> Any:
            found = get()
            if isinstance(found, kind):
                return found
            raise ExpressionError(
                shorten(repr(value)),
                f"{parameter} needs a {'mapping' if kind is Mapping else 'sequence'}, "
                f"got {type(found).__name__}",
            )

        return Varying(checked)

    return bind_checked


def _tuple_getter(items: Sequence[Any]) -> Callable[[], tuple[Any, ...]]:
    getters = list(map(getter_of, items))
    return lambda: tuple([get() for get in getters])


def _general_call(
    function: Callable[..., Any], positional: Getter, varying: Mapping[str, Getter], spread: Getter | None
) -> Callable[[], Any]:
    get_spread = spread or dict

    def call() -> Any:
        keywords = {name: get() for name, get in varying.items()}
        return function(*positional(), **{**get_spread(), **keywords})

    return call


def _keyword_call(
    function: Callable[..., Any], items: Sequence[Any], varying: Mapping[str, Getter]
) -> Callable[[], Any]:
    if items:
        return _general_call(function, _tuple_getter(items), varying, None)
    pairs = list(varying.items())
    if len(pairs) == 1:
        ((name, get),) = pairs
        return lambda: function(**{name: get()})
    return lambda: function(**{name: get() for name, get in pairs})


def _positional_call(function: Callable[..., Any], items: Sequence[Any]) -> Callable[[], Any]:
    getters = list(map(getter_of, items))
    match getters:
        case [get]:
            return OneArgument(function, get)
        case [first, second]:
            return lambda: function(first(), second())
        case _:
            return lambda: function(*[get() for get in getters])
