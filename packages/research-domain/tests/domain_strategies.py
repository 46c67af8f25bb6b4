"""Strategies: expressions of the algebra for the oracle and for the product alike."""

from __future__ import annotations

from typing import Any

from domain_oracle import Options, Sum, Times, Unit, Where, Zipped
from hypothesis import strategies as st

KEYS = ("a", "b", "c", "d/e", "d/f")
LIMIT = 300


def has_a(config: Any) -> bool:
    return "a" in config


def even(config: Any) -> bool:
    return sum(config.get(key, 0) for key in KEYS) % 2 == 0


def nothing(config: Any) -> bool:
    return False


values = st.lists(st.integers(0, 5), min_size=1, max_size=3)
options = st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=2).map(Options)


@st.composite
def of_length(draw: Any, length: int) -> Any:
    """An expression with a given number of configs."""
    if length > 1 and draw(st.booleans()):
        cut = draw(st.integers(1, length - 1))
        return Sum(draw(of_length(cut)), draw(of_length(length - cut)))
    key = draw(st.sampled_from(KEYS))
    return Options({key: draw(st.lists(st.integers(0, 5), min_size=length, max_size=length))})


@st.composite
def zips(draw: Any, inner: Any) -> Any:
    left = draw(inner)
    length = len(left.configs())
    if not 1 <= length <= 12:
        return left
    return Zipped(left, draw(of_length(length)))


def extend(inner: Any) -> Any:
    return st.one_of(
        st.builds(Sum, inner, inner),
        st.builds(Times, inner, inner),
        zips(inner),
        st.builds(Where, inner, st.sampled_from([has_a, even, nothing])),
    )


expressions = st.recursive(st.one_of(options, st.builds(Unit)), extend, max_leaves=6).filter(
    lambda expression: len(expression.configs()) <= LIMIT
)
