"""The language of `when` against brute force."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research_domain import When, WhenError

members = st.one_of(
    st.integers(1, 7),
    st.integers(0, 20).map(lambda k: f"%{k}"),
    st.integers(0, 20).map(lambda k: f"#{k}"),
    st.just("last"),
)


def due(member, iteration, last):
    if member == "last":
        return last
    if isinstance(member, str):
        return iteration == int(member[1:])
    return (iteration + 1) % member == 0


@given(members | st.lists(members, min_size=1, max_size=4), st.integers(0, 25), st.booleans())
def test_due_equals_brute_force(value, iteration, last):
    every = value if isinstance(value, list) else [value]
    assert When.parse(value).due(iteration, last) == any(due(one, iteration, last) for one in every)


@given(members | st.lists(members, min_size=1, max_size=4))
def test_always_means_every_iteration(value):
    when = When.parse(value)
    assert when.always == (1 in (value if isinstance(value, list) else [value]))
    assert pickle.loads(pickle.dumps(when)) == When.parse(when) == when


@pytest.mark.parametrize("value", [0, -1, 1.5, None, True, "", "%", "%-1", "first", "5", [1, "x"], [[1]], {}])
def test_nonsense_is_an_error_that_shows_it(value):
    with pytest.raises(WhenError) as caught:
        When.parse(value)
    assert repr(value) in str(caught.value)
    assert caught.value.value == value
