"""Named expressions evaluated: arguments of units are compiled once per experiment into getters.

A compiled value is either a constant or a function without arguments. What is known when the experiment
starts (its config, everything without expressions) becomes a constant, so that a call costs only what really
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from research_domain import Config, ConfigAlias
from research_domain.identity import Identity
from research_domain.updates import evaluate_named
from research_experiment.errors import ExpressionError, UnitOutputError, shorten
from research_experiment.execution.running import RunningExperiment, Surroundings
from research_experiment.execution.saved_values import ExperimentStorage
from research_experiment.expressions._known import EXPERIMENT, UNIT, no_attribute
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
from research_experiment.expressions._references import leaves
from research_experiment.expressions.named import Expression, freeze, value_at

__all__ = ["Compiled", "check_outside", "compile_call", "compile_value", "evaluate", "evaluate_outside"]


class Compiled(NamedTuple):
    """A value, or the function that gives it."""

    constant: bool
    value: Any

    @property
    def get(self) -> Callable[[], Any]:
        """A function that gives the value."""
        if not self.constant:
            return self.value  # type: ignore[no-any-return]
        value = self.value
        return lambda: value


def evaluate(value: Any, running: RunningExperiment) -> Any:
    """Evaluate a value once; expressions may stand in lists, tuples, sets and dicts."""
    return _compile(freeze(value), EvaluationContext(running, _as_it_is)).get()


def evaluate_outside(value: Any, results: Callable[[], Any]) -> Any:
    """Evaluate a value that may contain ``R()``, where there is no experiment.

    Parameters
    ----------
    value : object
        Expressions may stand in lists, tuples, sets and dicts.
    results : callable
        Returns what ``R()`` means.

    Raises
    ------
    ExpressionError
        If an expression asks for anything else, which only an experiment has; or if evaluation fails.

    Examples
    --------
    >>> from research_experiment import R
    >>> evaluate_outside({'best': R()[0] * 2}, lambda: [5, 6])
    {'best': 10}
    """
    check_outside(value)
    nobody = RunningExperiment(
        Identity("", b"", 0, 0), None, ConfigAlias(), ExperimentStorage(""), Surroundings(results=results)
    )
    return _compile(freeze(value), EvaluationContext(nobody, _as_it_is)).get()


def check_outside(value: Any) -> None:
    """Check that a value has a meaning where there is no experiment.

    Raises
    ------
    ExpressionError
        If an expression in it asks for anything but ``R()``.

    Examples
    --------
    >>> from research_experiment import EC
    >>> check_outside([EC('x')])
    Traceback (most recent call last):
    research_experiment.errors.ExpressionError: cannot evaluate [EC('x')]: there is no experiment here, ...
    """
    frozen = freeze(value)
    for leaf in leaves(frozen):
        if not (isinstance(leaf, Reference) and leaf.letter == "R"):
            raise ExpressionError(
                repr(frozen), f"there is no experiment here, so {leaf} has no value; use R()"
            )


@value_at.register(RunningExperiment)
def _value_at_experiment(place: RunningExperiment, expression: Expression) -> Any:
    return evaluate(expression, place)


@evaluate_named.register(Expression)
def _evaluate_for_update(value: Expression, research: Any) -> Any:
    """Evaluate an argument of an update of a domain."""

    def results() -> Any:
        if research is None:
            raise ExpressionError(repr(value), "there is no research; use update(generated, research)")
        return research.results

    return evaluate_outside(value, results)


class EvaluationContext(NamedTuple):
    """Where the values of expressions come from.

    Parameters
    ----------
    running : RunningExperiment
        The experiment that is meant.
    own : callable
        Returns what the experiment gets of a constant.
    """

    running: RunningExperiment
    own: Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


def compile_value(value: Any, running: RunningExperiment) -> Compiled:
    """Compile a value as plans hold it: an expression, or a constant, of which the experiment gets a copy."""
    return _compile(value, EvaluationContext(running, running.own))


def _compile(value: Any, source: EvaluationContext) -> Compiled:
    if isinstance(value, Expression):
        return _compile_expression(value, source)
    return Compiled(True, source.own(value))


def _compile_expression(expression: Expression, source: EvaluationContext) -> Compiled:
    node = expression._node
    compiled = _compile_node(node, source)
    if compiled.constant or isinstance(node, Output):
        return compiled
    return Compiled(False, _explaining(compiled.value, expression))


def _explaining(get: Callable[[], Any], expression: Expression) -> Callable[[], Any]:
    """Say which expression failed; what stops an experiment passes unchanged."""

    def explained() -> Any:
        try:
            return get()
        except (StopIteration, ExpressionError, UnitOutputError):
            raise
        except Exception as error:
            raise ExpressionError(shorten(repr(expression)), f"{type(error).__name__}: {error}") from error

    return explained


def _compile_node(node: Node, source: EvaluationContext) -> Compiled:
    match node:
        case ConfigPart(_, True) | ConfigItem(_, _, True) | Output(_, True):
            return Compiled(False, partial(_ask_branches, node, source.running))
        case ConfigPart(full):
            return Compiled(False, partial(whole_config, source.running, full))
        case ConfigItem(key, _):
            return _compile_config_item(key, source.running.config)
        case Output(unit):
            return Compiled(False, _output_getter(unit, source.running.outputs))
        case Reference():
            return _compile_reference(node, source.running)
        case ItemOf(target, key):
            return _compile_item(_inner(target, source), _compile(key, source))
        case AttributeOf(Expression(_node=Reference("E", str(unit), False)), name) if name in UNIT:
            return Compiled(False, partial(_unit_attribute, source.running, unit, name))
        case AttributeOf(Expression(_node=Reference("E", None, False)), name):
            return Compiled(False, partial(_experiment_attribute, source.running, name))
        case AttributeOf(target, name):
            return _after(_inner(target, source), attrgetter(name))
        case Call(target, args, kwargs):
            return _compile_method(_inner(target, source), args, kwargs, source)
        case Operation(function, _, operands):
            return _compile_operation(function, [_inner(operand, source) for operand in operands])
        case Structure(_, parts):
            getters = [_inner(part, source) for part in parts]
            return Compiled(False, lambda: node.build([get() for get in getters]))


def _compile_method(
    function: Callable[[], Any],
    args: tuple[Any, ...],
    kwargs: tuple[tuple[str, Any], ...],
    source: EvaluationContext,
) -> Compiled:
    positional = [_inner(value, source) for value in args]
    keywords = [(name, _inner(value, source)) for name, value in kwargs]
    return Compiled(
        False,
        lambda: function()(*[get() for get in positional], **{name: get() for name, get in keywords}),
    )


def _inner(value: Any, source: EvaluationContext) -> Callable[[], Any]:
    """Return the getter of a part of an expression; the whole expression explains its errors."""
    if isinstance(value, Expression):
        return _compile_node(value._node, source).get
    return _compile(value, source).get


def _after(get: Callable[[], Any], function: Callable[[Any], Any]) -> Compiled:
    return Compiled(False, lambda: function(get()))


def _compile_item(get: Callable[[], Any], key: Compiled) -> Compiled:
    if key.constant:
        return _after(get, itemgetter(key.value))
    get_key = key.value
    return Compiled(False, lambda: get()[get_key()])


def _compile_operation(function: Callable[..., Any], getters: list[Callable[[], Any]]) -> Compiled:
    if len(getters) == 1:
        return _after(getters[0], function)
    left, right = getters
    return Compiled(False, lambda: function(left(), right()))


def whole_config(running: RunningExperiment, full: bool) -> Config:
    """Return a fresh copy of the config, with or without the auxiliary keys."""
    return _without(running.config.copy(), () if full else running.recorded_config.auxiliary)


def _experiment_attribute(running: RunningExperiment, name: str) -> Any:
    try:
        return getattr(running, name)
    except AttributeError as error:
        raise (error if name in EXPERIMENT else no_attribute(error, name)) from None


def _unit_attribute(running: RunningExperiment, unit: str, name: str) -> Any:
    return getattr(running[unit], name)


def _ask_branches(node: ConfigPart | ConfigItem | Output, running: RunningExperiment) -> list[Any]:
    """Return what is asked of all branches, values of configs as copies of the one that asks."""
    branches = running.branches
    if isinstance(node, Output):
        if not any(node.unit in branch.outputs for branch in branches):
            raise UnitOutputError(node.unit)
        return [branch.outputs.get(node.unit) for branch in branches]
    configs = [(branch, running.config_of(branch)) for branch in branches]
    if isinstance(node, ConfigItem):
        return [_compile_config_item(node.key, config).get() for _, config in configs]
    return [
        _without(config.copy(), () if node.full else branch.recorded_config.auxiliary)
        for branch, config in configs
    ]


def _without(config: Config, keys: Iterable[str]) -> Config:
    for key in keys:
        del config[key]
    return config


def _compile_config_item(key: str, config: Config) -> Compiled:
    if key == "device" and key not in config:
        return Compiled(True, None)  # the device of a run that has none
    if key not in config:
        return Compiled(False, partial(config.__getitem__, key))  # raises when, and only if, the unit runs
    value = config[key]
    if isinstance(value, Config):
        return Compiled(False, value.copy)  # the experiment's own config is never handed out
    return Compiled(True, value)


def _output_getter(unit: str, outputs: Mapping[str, Any]) -> Callable[[], Any]:
    def get() -> Any:
        try:
            return outputs[unit]
        except KeyError:
            raise UnitOutputError(unit) from None

    return get


def _ask(letter: str, unit: str | None, running: RunningExperiment) -> Any:
    match letter:
        case "E":
            return running if unit is None else running.lookup(unit)
        case "EP":
            return running.path
        case "R":
            return running.research_results
        case _:
            return running.storage


def _compile_reference(node: Reference, running: RunningExperiment) -> Compiled:
    if node.all:
        return Compiled(False, lambda: [_ask(node.letter, node.unit, branch) for branch in running.branches])
    if node.unit is None and node.letter in ("E", "S"):
        return Compiled(True, _ask(node.letter, None, running))
    return Compiled(False, partial(_ask, node.letter, node.unit, running))


def compile_call(
    function: Callable[..., Any],
    args: Any,
    kwargs: Mapping[str, Any],
    spread: Any,
    running: RunningExperiment,
) -> Callable[[], Any]:
    """Compile a call with all its arguments, of which the experiment gets copies of its own.

    Parameters
    ----------
    function : callable
        What is called.
    args : sequence or expression
        Positional arguments, unpacked after evaluation.
    kwargs : mapping
        Keyword arguments.
    spread : mapping, expression or None
        More keyword arguments, unpacked after evaluation.
    running : RunningExperiment
        The experiment whose values are meant.

    Returns
    -------
    callable
        Calls `function` with the current values.
    """
    keywords = {name: compile_value(value, running) for name, value in kwargs.items()}
    unpacked = _compile_spread(spread, running)
    positional = _unpacked(args, running, Iterable, "args") if isinstance(args, Expression) else None
    items = [] if positional else [compile_value(item, running) for item in args]
    while items and items[0].constant:  # known arguments in front are bound once
        function = partial(function, items.pop(0).value)
    if not unpacked.constant:
        getters = {name: item.get for name, item in keywords.items()}
        return _general_call(function, positional or _tuple_getter(items), getters, unpacked.value)
    constant = {name: item.value for name, item in keywords.items() if item.constant}
    changing = {name: item.value for name, item in keywords.items() if not item.constant}
    if unpacked.value or constant:
        function = partial(function, **{**unpacked.value, **constant})
    if positional is not None:
        return _general_call(function, positional, changing, None)
    if changing:
        return _keyword_call(function, items, changing)
    return _positional_call(function, [item.get for item in items])


def _compile_spread(spread: Any, running: RunningExperiment) -> Compiled:
    """Compile what is unpacked into keyword arguments; a flat config is known from the beginning."""
    if spread is None:
        return Compiled(True, {})
    node = spread._node if isinstance(spread, Expression) else None
    if isinstance(node, ConfigPart) and not node.all:
        config = whole_config(running, node.full)
        if not any(isinstance(config[key], Config) for key in config):
            return Compiled(True, dict(config))
    return Compiled(False, _unpacked(spread, running, Mapping, "kwargs"))


def _unpacked(value: Any, running: RunningExperiment, kind: type, parameter: str) -> Callable[[], Any]:
    """Return the getter of what is unpacked into arguments, and say which expression gave something else."""
    get = compile_value(value, running).get

    def checked() -> Any:
        found = get()
        if isinstance(found, kind):
            return found
        raise ExpressionError(
            shorten(repr(value)),
            f"{parameter} needs a {'mapping' if kind is Mapping else 'sequence'}, got {type(found).__name__}",
        )

    return checked


def _tuple_getter(items: list[Compiled]) -> Callable[[], tuple[Any, ...]]:
    getters = [item.get for item in items]
    return lambda: tuple([get() for get in getters])


def _general_call(
    function: Callable[..., Any],
    positional: Callable[[], Any],
    changing: Mapping[str, Callable[[], Any]],
    spread: Callable[[], Any] | None,
) -> Callable[[], Any]:
    get_spread = spread or dict

    def call() -> Any:
        keywords = {name: get() for name, get in changing.items()}
        return function(*positional(), **{**get_spread(), **keywords})

    return call


def _keyword_call(
    function: Callable[..., Any], items: list[Compiled], changing: Mapping[str, Callable[[], Any]]
) -> Callable[[], Any]:
    pairs = list(changing.items())
    if items:
        return _general_call(function, _tuple_getter(items), changing, None)
    if len(pairs) == 1:
        ((name, get),) = pairs
        return lambda: function(**{name: get()})
    return lambda: function(**{name: get() for name, get in pairs})


def _positional_call(function: Callable[..., Any], getters: list[Callable[[], Any]]) -> Callable[[], Any]:
    match getters:
        case []:
            return function
        case [get]:
            return lambda: function(get())
        case [first, second]:
            return lambda: function(first(), second())
        case _:
            return lambda: function(*[get() for get in getters])
