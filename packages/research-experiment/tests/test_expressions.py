"""Named expressions: what they evaluate to, how they read, and that nobody can change them."""

from __future__ import annotations

import collections
import copy
import operator
import pickle

import dill
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_units import Point

from research_domain import Config, ConfigAlias
from research_experiment import (
    EC,
    EP,
    E,
    Executor,
    Experiment,
    Expression,
    ExpressionError,
    O,
    R,
    RunningExperiment,
    S,
    evaluate,
    evaluate_outside,
)


@pytest.fixture
def running() -> RunningExperiment:
    config = {
        "a": 7,
        "b": 3,
        "list": [1, 2, 3],
        "dict": {1: "one"},
        "text": "word",
        "array": np.arange(6).reshape(2, 3),
        "model/layers": 5,
        "repetition": 1,
        "i": 1,
    }
    experiment = Experiment().add_callable("unit", lambda: {"loss": 0.5, "parts": [10, 20, 30]})
    return Executor(experiment, configs=[config]).run().experiments[0]


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.and_,
    operator.or_,
    operator.xor,
    operator.lshift,
    operator.rshift,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
def test_binary_operators_on_either_side(running, function):
    assert evaluate(function(EC("a"), EC("b")), running) == function(7, 3)
    assert evaluate(function(EC("a"), 3), running) == function(7, 3)
    assert evaluate(function(7, EC("b")), running) == function(7, 3)


@pytest.mark.parametrize(
    "function", [operator.neg, operator.pos, operator.invert, abs], ids=lambda function: function.__name__
)
def test_unary_operators(running, function):
    assert evaluate(function(EC("a")), running) == function(7)


def test_matrix_product_and_arrays_on_the_left(running):
    array = np.ones((3, 2))
    assert np.array_equal(evaluate(EC("array") @ array, running), np.arange(6).reshape(2, 3) @ array)
    assert np.array_equal(evaluate(array @ EC("array"), running), array @ np.arange(6).reshape(2, 3))
    assert np.array_equal(evaluate(np.array([1, 2]) * EC("a"), running), [7, 14])
    assert evaluate(np.float64(2) * EC("a"), running) == 14


TREES = st.recursive(
    st.one_of(st.integers(-9, 9), st.sampled_from(["a", "b"])),
    lambda inner: st.tuples(st.sampled_from(["+", "-", "*"]), inner, inner),
    max_leaves=12,
)
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def fold(tree, leaf):
    if isinstance(tree, tuple):
        symbol, left, right = tree
        return OPERATORS[symbol](fold(left, leaf), fold(right, leaf))
    return leaf(tree)


@given(tree=TREES, a=st.integers(-9, 9), b=st.integers(-9, 9))
@settings(deadline=None)
def test_arithmetic_equals_that_of_the_values_and_reads_like_python(tree, a, b):
    values = {"a": a, "b": b}
    expression = fold(tree, lambda leaf: EC(leaf) if isinstance(leaf, str) else leaf)
    expected = fold(tree, lambda leaf: values.get(leaf, leaf))
    (running,) = Executor(Experiment(), configs=[values]).experiments
    assert evaluate(expression, running) == expected
    assert evaluate(eval(repr(expression)), running) == expected


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (EC("a"), 7),
        (EC("model/layers"), 5),
        (EC("model"), {"layers": 5}),
        (EC("repetition"), 1),
        (EC()["a"], 7),
        (EC().get("none", 4), 4),
        (EC().get("a", 4), 7),
        (EC("list")[0], 1),
        (EC("list")[EC("i")], 2),
        (EC("list")[1:], [2, 3]),
        (EC("list")[: EC("i")], [1]),
        (EC("list")[EC("i") : EC("b") : 1], [2, 3]),
        (EC("array")[:, EC("i")].tolist(), [1, 4]),
        (EC("array")[..., 0].tolist(), [0, 3]),
        (EC("dict")[EC("i")], "one"),
        (EC("array").shape[1] * 2, 6),
        (EC("text").upper(), "WORD"),
        (EC("text").replace("w", EC("text")), "wordord"),
        (EC("list").index(EC("b")), 2),
        (EC("text").join(["<", ">"]), "<word>"),
        (EC("a").str() + "!", "7!"),
        (EC("a").format("{:03d}"), "007"),
        (EC("a").format("{0}-{0}"), "7-7"),
        (O("unit")["loss"] * 2, 1.0),
        (O("unit")["parts"][1:][0], 20),
        (E().iteration, 0),
        (E().outputs["unit"]["loss"], 0.5),
        (E().config["a"], 7),
        (E(all=True)[0].index, 0),
        (S().iteration, 0),
        (operator.add(EC("list"), [EC("a")]), [1, 2, 3, 7]),
        ([EC("a"), (EC("b"), {"k": EC("i")})], [7, (3, {"k": 1})]),
        ({EC("a"): EC("b")}, {7: 3}),
        (Point(EC("a"), 2), Point(7, 2)),
        (Config({"x/y": EC("a")}), Config({"x/y": 7})),
        (slice(EC("i"), None), slice(1, None)),
        (frozenset({EC("a")}), frozenset({7})),
        (collections.OrderedDict(x=EC("a")), {"x": 7}),
        ("plain", "plain"),
    ],
    ids=repr,
)
def test_values_of_expressions(running, expression, value):
    found = evaluate(expression, running)
    assert found == value
    assert type(found) is type(value) or isinstance(found, Config | np.integer)


def test_whole_config_is_without_auxiliary_keys_unless_it_is_full(running):
    assert "repetition" not in evaluate(EC(), running)
    assert evaluate(EC(full=True), running)["repetition"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "O('load')[0].shape[1] * 2",
        "EC('a') + 1",
        "(EC('a') + 1) * (-EC('b'))",
        "E(all=True)[0].iteration",
        "E('model', all=True)",
        "EC(full=True)",
        "O('x')[1:, EC('i')]",
        "O('x')[::2]",
        "O('x')['key'](1, y=[EC('b')])",
        "EP() / 'model.bin'",
        "R().df",
        "abs(EC('a'))",
    ],
)
def test_expressions_read_as_they_were_written(text):
    assert repr(eval(text)) == text


ALL = [
    EC("a"),
    EC(),
    E("u"),
    O("u"),
    EP(),
    R(),
    S(),
    O("u")[0].x(1, k=[EC("a")]) + 2,
    -EC("a"),
    EC("a").str(),
]


@pytest.mark.parametrize("expression", ALL, ids=repr)
def test_expressions_cannot_be_changed(expression):
    with pytest.raises(AttributeError, match="immutable"):
        expression.value = 3
    with pytest.raises(AttributeError):
        del expression._node
    assert copy.copy(expression) is expression
    assert copy.deepcopy(expression) is expression


def test_parts_of_an_expression_do_not_follow_their_origin(running):
    items = [EC("a")]
    expression = EC("list") + items
    items.append(5)
    assert evaluate(expression, running) == [1, 2, 3, 7]


@pytest.mark.parametrize("module", [pickle, dill], ids=lambda module: module.__name__)
@pytest.mark.parametrize("expression", ALL, ids=repr)
def test_expressions_survive_pickling_with_their_class(module, expression):
    again = module.loads(module.dumps(expression))
    assert repr(again) == repr(expression)
    assert type(again) is type(expression)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (bool, "no truth value"),
        (list, "cannot be iterated"),
        (lambda expression: 1 in expression, "`in` cannot look into"),
        (lambda expression: expression and 1, "no truth value"),
    ],
)
def test_what_cannot_wait_for_the_experiment_is_refused(use, message):
    with pytest.raises(TypeError, match=message):
        use(EC("a"))


def test_private_attributes_are_not_expressions():
    with pytest.raises(AttributeError):
        EC("a")._private
    assert not hasattr(EC("a"), "__array__")


@pytest.mark.parametrize(
    ("expression", "text", "reason"),
    [
        (EC("nothing"), "EC('nothing')", "ConfigKeyError"),
        (EC("a") / 0, "EC('a') / 0", "ZeroDivisionError: division by zero"),
        (EC("list")[10], "EC('list')[10]", "IndexError: list index out of range"),
        (O("unit")["los"] + 1, "O('unit')['los'] + 1", "KeyError: 'los'"),
        (E().nothing, "E().nothing", "AttributeError"),
        (EC("a")(), "EC('a')()", "TypeError: 'int' object is not callable"),
        ({"k": [EC("a") / 0]}, "EC('a') / 0", "ZeroDivisionError"),
        (R().df, "R().df", "R() has no results to give"),
        (E("nothing"), "E('nothing')", "no instance or unit of that name"),
    ],
    ids=repr,
)
def test_evaluation_error_says_which_expression_failed_and_why(running, expression, text, reason):
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, running)
    assert text in caught.value.expression
    assert reason in caught.value.reason
    assert str(caught.value).startswith("cannot evaluate ")
    assert caught.value.__cause__ is not None


def test_long_expressions_are_shortened_in_errors(running):
    with pytest.raises(ExpressionError) as caught:
        evaluate(EC("nothing") + list(range(10_000)), running)
    assert len(caught.value.expression) < 600


def test_error_of_a_unit_names_unit_and_expression():
    experiment = Experiment().add_callable("train", lambda x: x, x=[EC("a") / 0])
    (running,) = Executor(experiment, configs=[{"a": 1}]).run().experiments
    assert "unit 'train'" in str(running.failure)
    assert "EC('a') / 0" in str(running.failure)


def test_stop_iteration_in_an_expression_ends_the_experiment():
    source = type("Source", (), {"left": 2, "take": take})
    experiment = (
        Experiment()
        .add_instance("source", source)
        .add_callable("f", lambda x: x, args=[E("source").take()], save_to="x")
    )
    (running,) = Executor(experiment, n_iters=9).run().experiments
    assert running.results == {"x": {0: 1, 1: 0}}
    assert not running.is_failed


def take(self):
    if not self.left:
        raise StopIteration
    self.left -= 1
    return self.left


def test_evaluation_is_compiled_once_per_experiment():
    looked_up = []

    class Watched(ConfigAlias):
        def config(self):
            looked_up.append(1)
            return super().config()

    experiment = Experiment().add_callable("f", lambda x, y: x, args=[EC("x")], y=EC("x"))
    Executor(experiment, configs=[Watched({"x": 1})], n_iters=100).run()
    assert len(looked_up) <= 3


def test_outside_of_experiments_only_results_have_a_meaning():
    assert evaluate_outside([R().x * 2, 5], lambda: Point(1, 2)) == [2, 5]
    for expression in (EC("x"), O("u"), E(), S(), EP()):
        with pytest.raises(ExpressionError, match="there is no experiment here"):
            evaluate_outside({"k": expression}, lambda: None)


@pytest.mark.parametrize("kind", [E, EC, O])
def test_names_are_strings(kind):
    with pytest.raises(TypeError, match="takes a name, a string; got <built-in function len>"):
        kind(len)


def test_all_classes_are_expressions():
    assert all(isinstance(expression, Expression) for expression in ALL)
