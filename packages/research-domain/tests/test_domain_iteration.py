"""Order of repetitions, positions, iterators."""

import itertools
import tracemalloc

import pytest
from domain_oracle import plain, repeated
from domain_strategies import expressions
from hypothesis import given
from hypothesis import strategies as st

from research_domain import Domain, InfiniteDomainError, NumpySampler

maybe = st.none() | st.integers(1, 25)


def seen(configs):
    return list(zip(plain(configs), [config.config()["repetition"] for config in configs], strict=True))


@given(expressions, st.none() | st.integers(0, 25), st.integers(1, 4), maybe)
def test_repetitions_equal_the_oracle(expression, n_items, n_reps, repeat_each):
    configs = expression.configs()
    if not configs:
        return
    domain = expression.domain().set_iter_params(n_items, n_reps, repeat_each)
    expected = repeated(configs, n_items, n_reps, repeat_each)
    assert seen(list(domain)) == expected
    assert domain.size == len(expected)
    assert domain.len == len(domain) == (len(configs) if n_items is None else n_items)


@given(expressions, st.none() | st.integers(1, 25), st.integers(1, 4), maybe, st.data())
def test_positions_with_repetitions_equal_iteration(expression, n_items, n_reps, repeat_each, data):
    if not expression.configs():
        return
    domain = expression.domain().set_iter_params(n_items, n_reps, repeat_each)
    expected = list(domain)
    position = data.draw(st.integers(0, len(expected) - 1))
    assert domain[position] == expected[position]
    assert list(domain.iterate(position)) == expected[position:]
    assert domain[position : position + 5] == expected[position : position + 5]


@given(st.integers(1, 4), st.integers(1, 150), st.integers(0, 500))
def test_infinite_domain_repeats_blocks(n_reps, repeat_each, start):
    domain = Domain(x=NumpySampler("n")).set_iter_params(n_reps=n_reps, repeat_each=repeat_each, seed=1)
    configs = list(itertools.islice(domain, start + 10))
    block = [config.config()["x"] for config in configs[:repeat_each]]
    again = [config.config()["x"] for config in configs[repeat_each : 2 * repeat_each]]
    if n_reps > 1:
        assert again == block[: len(again)]
    assert list(itertools.islice(domain.iterate(start), 10)) == configs[start:]
    assert domain[start] == configs[start]
    assert domain.size is None


def test_blocks_of_hundred_are_repeated_when_infinite():
    domain = Domain(x=NumpySampler("n")).set_iter_params(n_reps=2, seed=1)
    repetitions = [config.config()["repetition"] for config in itertools.islice(domain, 400)]
    assert repetitions == [0] * 100 + [1] * 100 + [0] * 100 + [1] * 100


def test_blocks_that_are_too_long_to_keep_are_walked_again():
    domain = Domain(a=range(10_000), x=NumpySampler("n")).set_iter_params(n_reps=2, seed=1)
    configs = list(domain)
    assert plain(configs[:10_000]) == plain(configs[10_000:])
    assert configs[15_000] == domain[15_000]


def test_n_items_past_the_length_begins_again_with_new_draws():
    domain = Domain(a=[1, 2], x=NumpySampler("n")).set_iter_params(n_items=4, seed=1)
    configs = plain(domain)
    assert [config["a"] for config in configs] == [1, 2, 1, 2]
    assert len({config["x"] for config in configs}) == 4


def test_additional_keys_can_be_left_out():
    assert Domain(a=[1]).set_iter_params(additional=False)[0].keys() == ["a"]
    assert Domain(a=[1])[0].full_keys == ["a", "repetition", "updates"]


def test_iter_is_always_fresh_and_iterator_is_kept():
    domain = Domain(a=[1, 2, 3])
    assert next(iter(domain)) == next(iter(domain))
    assert plain([next(domain.iterator), next(domain.iterator)]) == [{"a": 1}, {"a": 2}]
    domain.reset_iter()
    assert plain([next(domain.iterator)]) == [{"a": 1}]
    created = domain.create_iter()
    assert plain([next(created), next(domain.iterator)]) == [{"a": 1}, {"a": 2}]


def test_set_iter_params_sets_on_this_object_and_returns_it():
    domain = Domain(a=[1, 2])
    assert domain.set_iter_params(n_reps=3) is domain
    assert domain.size == 6
    assert Domain(a=[1, 2]).size == 2


def test_an_iterator_does_not_notice_later_parameters():
    domain = Domain(x=NumpySampler("n")).set_iter_params(n_items=3, seed=1)
    expected, configs = list(domain), iter(domain)
    domain.set_iter_params(n_items=1, seed=2, additional=False)
    assert list(configs) == expected


def test_copy_is_independent():
    domain = Domain(x=NumpySampler("n")).set_iter_params(n_items=3)
    twin = domain.copy()
    assert list(twin) == list(domain)
    twin.set_iter_params(n_items=5)
    assert (domain.size, twin.size) == (3, 5)


def test_length_of_an_infinite_domain_is_none_and_len_says_what_to_do():
    domain = Domain(x=NumpySampler("n"))
    assert (domain.len, domain.size, domain.is_finite) == (None, None, False)
    with pytest.raises(InfiniteDomainError, match="n_items"):
        len(domain)
    with pytest.raises(InfiniteDomainError, match="n_items"):
        list(domain)
    assert len(list(domain.set_iter_params(n_items=3))) == domain.len == 3


def test_a_few_configs_of_something_huge_make_a_list():
    domain = Domain(a=range(10**30)).set_iter_params(n_items=3)
    assert plain(list(domain)) == [{"a": 0}, {"a": 1}, {"a": 2}]


def test_sampled_parameters_alone_count_as_one_point_in_a_product():
    a, x = Domain(a=[1, 2]), Domain(x=NumpySampler("n"))
    assert (x + a).len is None
    assert ((x + a) * Domain(b=[1, 2, 3])).len == 3 + 2 * 3
    assert plain(itertools.islice(a + x, 2)) == [{"a": 1}, {"a": 2}]
    assert [set(config) for config in plain(itertools.islice(a + x, 6))][2:] == [{"x"}] * 4


def test_huge_grid_is_reached_by_arithmetic():
    domain = Domain({f"p{k:02d}": [0, 1] for k in range(40)})
    assert domain.len == 2**40
    bits = plain([domain[10**12]])[0]
    assert int("".join(str(bits[key]) for key in sorted(bits)), 2) == 10**12
    assert next(domain.iterate(10**12)) == domain[10**12]
    assert (domain * domain * Domain(a=range(10**30))).len == 2**80 * 10**30


def test_length_beyond_what_python_allows_is_in_the_property():
    domain = Domain(a=range(2**40)) * Domain(b=range(2**40))
    assert domain.len == 2**80
    with pytest.raises(OverflowError):
        len(domain)
    assert plain([domain[2**79 + 5]]) == [{"a": 2**39, "b": 5}]


def test_iterating_keeps_nothing():
    domain = Domain({f"p{k}": [0, 1] for k in range(40)})
    tracemalloc.start()
    for _ in itertools.islice(domain, 50_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
