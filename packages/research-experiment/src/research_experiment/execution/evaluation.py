"""Named expressions evaluated: compiled once per plan, and bound to each experiment.

Compiling looks at what a value is, and returns a binder: a function of the experiment. A bound value is a
constant or `Varying`. What is known when the experiment starts (its config, everything without expressions)
becomes a constant, so that a call costs only what really changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias

from research_domain import Config, ConfigAlias
from research_domain.identity import Identity
from research_experiment.errors import ExpressionError, UnitOutputError, shorten
from research_experiment.execution.copies import UNCHANGING
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

Getter: TypeAlias = Callable[[], Any]

Binder: TypeAlias = Callable[[RunningExperiment], Any]
"""Returns what a value is in an experiment: a constant, or a `Varying`."""


class Varying:
    """A bound value that is asked for each time."""

    __slots__ = ("get",)

    def __init__(self, get: Getter) -> None:
        self.get = get


class Fixed:
    """The binder of a constant that all experiments share."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, running: RunningExperiment) -> Any:
        """Return the constant."""
        return self.value


def getter_of(bound: Any) -> Getter:
    """Return the function that gives a bound value."""
    if type(bound) is Varying:
        return bound.get
    return lambda: bound


def evaluate(value: Any, running: RunningExperiment) -> Any:
    """Evaluate a value once; expressions may stand in lists, tuples, sets and dicts."""
    return getter_of(compile_value(freeze(value), copied=False)(running))()


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
    return evaluate(value, nobody)


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
def _value_at_experiment(context: RunningExperiment, expression: Expression) -> Any:
    return evaluate(expression, context)


def compile_value(value: Any, *, copied: bool = True) -> Binder:
    """Compile an expression or a constant; if `copied`, each experiment has its copy of what can change."""
    if isinstance(value, Expression):
        return _compile_expression(value, copied)
    if not copied or type(value) in UNCHANGING:
        return Fixed(value)
    return lambda running: running.own(value)


def _compile_expression(expression: Expression, copied: bool) -> Binder:
    bind = _compile_node(expression._node, copied)
    if isinstance(expression._node, Output):
        return bind

    def bind_explained(running: RunningExperiment) -> Any:
        bound = bind(running)
        return Varying(_explaining(bound.get, expression)) if type(bound) is Varying else bound

    match expression._node:
        case ConfigItem(key, _, False):
            return _known_item(key, bind_explained)
        case _:
            return bind_explained


def _known_item(key: str, bind: Binder) -> Binder:
    """Return a binder that first looks where most items of a config are: at its top, and not a config."""

    def bind_item(running: RunningExperiment) -> Any:
        value = dict.get(running._config or running.config, key, _MISSING)
        return bind(running) if value is _MISSING or isinstance(value, Config) else value

    return bind_item


def _explaining(get: Getter, expression: Expression) -> Getter:
    """Say which expression failed; what stops an experiment passes unchanged."""

    def explained() -> Any:
        try:
            return get()
        except (StopIteration, ExpressionError, UnitOutputError):
            raise
        except Exception as error:
            raise ExpressionError(shorten(repr(expression)), f"{type(error).__name__}: {error}") from error

    return explained


def _compile_node(node: Node, copied: bool) -> Binder:
    match node:
        case ConfigPart(_, True) | ConfigItem(_, _, True) | Output(_, True):
            return _varying(partial(_ask_branches, node))
        case ConfigPart(full):
            return _varying(lambda running: whole_config(running, full))
        case ConfigItem(key, _):
            return lambda running: _bind_config_item(key, running.config)
        case Output(unit):
            return lambda running: Varying(partial(running.outputs.__getitem__, unit))
        case Reference():
            return _compile_reference(node)
        case AttributeOf(Expression(_node=Reference("E", str(unit), False)), name) if name in UNIT:
            return _varying(lambda running: getattr(running[unit], name))
        case AttributeOf(Expression(_node=Reference("E", None, False)), name):
            return _varying(lambda running: _experiment_attribute(running, name))
        case AttributeOf(target, name):
            return _operation(attrgetter(name), [_inner(target, copied)])
        case ItemOf(target, key):
            return _compile_item(_inner(target, copied), compile_value(key, copied=copied))
        case Call(target, args, kwargs):
            return _compile_method(target, args, kwargs, copied)
        case Operation(function, _, operands):
            return _operation(function, [_inner(operand, copied) for operand in operands])
        case Structure(_, parts):
            return _compile_structure(node, [_inner(part, copied) for part in parts])


def _varying(ask: Callable[[RunningExperiment], Any]) -> Binder:
    """Return the binder of a value that is read from the experiment each time."""
    return lambda running: Varying(partial(ask, running))


def _inner(value: Any, copied: bool) -> Callable[[RunningExperiment], Getter]:
    """Compile a part of an expression to its getter; the whole expression explains its errors."""
    if isinstance(value, Expression):
        bind = _compile_node(value._node, copied)
    else:
        bind = compile_value(value, copied=copied)
    return lambda running: getter_of(bind(running))


def _compile_method(
    target: Any, args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...], copied: bool
) -> Binder:
    find = _inner(target, copied)
    positional = [_inner(value, copied) for value in args]
    keywords = [(name, _inner(value, copied)) for name, value in kwargs]

    def bind(running: RunningExperiment) -> Varying:
        function = find(running)
        getters = [each(running) for each in positional]
        named = {name: each(running) for name, each in keywords}
        return Varying(
            lambda: function()(*[get() for get in getters], **{name: get() for name, get in named.items()})
        )

    return bind


def _compile_item(target: Callable[[RunningExperiment], Getter], key: Binder) -> Binder:
    def bind(running: RunningExperiment) -> Varying:
        get, bound = target(running), key(running)
        if type(bound) is Varying:
            get_key = bound.get
            return Varying(lambda: get()[get_key()])
        item = itemgetter(bound)
        return Varying(lambda: item(get()))

    return bind


def _operation(
    function: Callable[..., Any], operands: Sequence[Callable[[RunningExperiment], Getter]]
) -> Binder:
    def bind_one(running: RunningExperiment) -> Varying:
        get = operands[0](running)
        return Varying(lambda: function(get()))

    def bind_two(running: RunningExperiment) -> Varying:
        left, right = operands[0](running), operands[1](running)
        return Varying(lambda: function(left(), right()))

    return bind_one if len(operands) == 1 else bind_two


def _compile_structure(node: Structure, parts: Sequence[Callable[[RunningExperiment], Getter]]) -> Binder:
    def bind(running: RunningExperiment) -> Varying:
        getters = [part(running) for part in parts]
        return Varying(lambda: node.build([get() for get in getters]))

    return bind


def whole_config(running: RunningExperiment, full: bool) -> Config:
    """Return a fresh copy of the config, with or without the auxiliary keys."""
    return _without(running.config.copy(), () if full else running.recorded_config.auxiliary)


def _experiment_attribute(running: RunningExperiment, name: str) -> Any:
    try:
        return getattr(running, name)
    except AttributeError as error:
        raise (error if name in EXPERIMENT else no_attribute(error, name)) from None


def _ask_branches(node: ConfigPart | ConfigItem | Output, running: RunningExperiment) -> list[Any]:
    """Return the values of all branches; values of configs are copies for the asking branch."""
    branches = running.branches
    if isinstance(node, Output):
        if not any(node.unit in branch.outputs for branch in branches):
            raise UnitOutputError(node.unit)
        return [branch.outputs.get(node.unit) for branch in branches]
    configs = [(branch, running.config_of(branch)) for branch in branches]
    if isinstance(node, ConfigItem):
        return [getter_of(_bind_config_item(node.key, config))() for _, config in configs]
    return [
        _without(config.copy(), () if node.full else branch.recorded_config.auxiliary)
        for branch, config in configs
    ]


def _without(config: Config, keys: Iterable[str]) -> Config:
    for key in keys:
        del config[key]
    return config


_MISSING: Final = object()


def _bind_config_item(key: str, config: Config) -> Any:
    value = config.get(key, _MISSING)
    if isinstance(value, Config):
        return Varying(value.copy)  # the experiment's own config is never handed out
    if value is not _MISSING:
        return value
    if key == "device":
        return None  # the device of a run that has none
    return Varying(partial(config.__getitem__, key))  # raises when, and only if, the unit runs


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


def _compile_reference(node: Reference) -> Binder:
    letter, unit = node.letter, node.unit
    if node.all:
        return _varying(lambda running: [_ask(letter, unit, branch) for branch in running.branches])
    if unit is None and letter in ("E", "S"):
        return lambda running: _ask(letter, None, running)
    return _varying(lambda running: _ask(letter, unit, running))
