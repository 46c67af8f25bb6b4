"""Sampled parameters, seeds, weights."""

import copy
import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from domain_oracle import plain
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from research_domain import Domain, NumpySampler, Option, make_seed_sequence, uniform


def normal(**kwargs):
    return NumpySampler("n", **kwargs)


def endless():
    return [
        Domain(x=normal()),
        Domain(x=normal(), y=uniform(0, 1)),
        Domain(x=normal()) * Domain(y=normal()),
        Domain(a=[1, 2]) + Domain(x=normal()),
        (Domain(a=[1, 2]) + Domain(x=normal())) * (Domain(b=[1]) + Domain(y=normal())),
        0.3 * Domain(x=normal(loc=-10)) + 0.2 * Domain(y=normal()) + 0.5 * Domain(z=normal(loc=10)),
        0.5 * Domain(a=range(700)) + 0.5 * Domain(x=normal()),
        Domain(c=[1]) + 0.5 * Domain(a=[1, 2, 3]) + 2.0 * Domain(x=normal()) + Domain(d=[1]),
        Domain(x=normal()).where(lambda config: config["x"] > 0),
        (Domain(a=[1]) + Domain(x=normal())).where(lambda config: config.get("x", 1) > 0),
        (0.5 * Domain(x=normal()) + 0.5 * Domain(y=normal())).where(lambda config: config.get("x", 1) > 0),
    ]


def finite():
    grid = Domain(a=[1, 2, 3], b=[4, 5])
    return [
        grid * Domain(x=normal()),
        Domain(x=normal()) * grid,
        Domain(a=[1, 2], x=normal(), b=[3, 4], y=normal()),
        (Domain(x=normal()) + grid) * Domain(c=[1, 2]),
        (grid * Domain(x=normal())) @ Domain(z=range(6)),
        (0.5 * Domain(a=[1, 2, 3]) + 0.5 * Domain(b=[1, 2, 3])) @ Domain(z=range(6)),
        0.1 * Domain(a=range(100)) + 0.9 * Domain(b=range(600), x=normal()),  # draws are made by 512
        (grid * Domain(x=normal())).where(lambda config: config["x"] > 0),
        grid * Domain(x=normal()).where(lambda config: config["x"] > 0),
        (0.5 * (Domain(a=range(20)) * Domain(x=normal())).where(lambda c: c["x"] > 0)) + 0.5 * grid,
        ((grid * Domain(x=normal())).where(lambda c: c["x"] > 0) + grid) * Domain(z=[1, 2]),
    ]


@pytest.mark.parametrize("number", range(11))
@pytest.mark.parametrize("seed", [0, 7])
def test_same_seed_same_configs_however_they_are_reached(number, seed):
    domain = endless()[number].set_iter_params(seed=seed)
    expected = list(itertools.islice(domain, 1500))
    assert list(itertools.islice(domain, 1500)) == expected
    for index in (0, 1, 5, 511, 512, 513, 1033, 1499):
        assert domain[index] == expected[index]
        assert next(domain.iterate(index)) == expected[index]
    assert domain[1020:1040] == expected[1020:1040]
    again = endless()[number].set_iter_params(seed=seed)
    assert again[1234] == expected[1234]
    assert domain.set_iter_params(seed=seed + 1)[0:1500] != expected


@pytest.mark.parametrize("number", range(11))
def test_same_seed_same_configs_of_finite_domains(number):
    domain = finite()[number].set_iter_params(seed=3)
    expected = list(domain)
    assert len(expected) == len(domain) > 0
    assert list(domain) == list(finite()[number].set_iter_params(seed=3)) == expected
    assert [domain[index] for index in reversed(range(len(expected)))] == expected[::-1]
    assert all(config in domain for config in expected)
    more = finite()[number].set_iter_params(seed=3, n_items=2 * len(expected) + 3)
    longer = list(more)
    assert longer[: len(expected)] == expected
    assert [more[index] for index in range(len(longer))] == longer


@pytest.mark.parametrize("number", range(11))
def test_copies_and_pickles_draw_the_same(number):
    domain = finite()[number]
    expected = list(domain)
    assert list(domain.copy()) == list(copy.copy(domain)) == expected
    if number not in (7, 8, 9, 10):  # those hold lambdas
        assert list(pickle.loads(pickle.dumps(domain))) == expected


def test_sampled_parameters_are_drawn_anew_for_each_grid_point():
    for domain in (Domain(x=normal()) * Domain(a=range(50)), Domain(a=range(50)) * Domain(x=normal())):
        assert len({config["x"] for config in plain(domain.set_iter_params(seed=1))}) == 50


def test_parameters_do_not_share_draws():
    config = plain(Domain(x=normal(), y=normal()).set_iter_params(seed=1)[:1])[0]
    assert config["x"] != config["y"]
    twice = Option("x", normal()) * Domain(a=[1]) + Option("x", normal()) * Domain(a=[2])
    first, second = plain(twice.set_iter_params(seed=1))
    assert first["x"] != second["x"]


def test_grouping_does_not_change_draws():
    a, x, y = Domain(a=[1, 2]), Domain(x=normal()), Domain(y=normal())
    for left, right in [((a * x) * y, a * (x * y)), ((a * x + a) + y * a, a * x + (a + y * a))]:
        assert plain(left.set_iter_params(seed=1)) == plain(right.set_iter_params(seed=1))


def test_order_of_keys_is_that_of_the_definition():
    domain = Domain(a=[1, 2], x=normal(), b=[3, 4], y=normal())
    assert (
        domain[3].full_keys
        == next(domain.iterate(2)).full_keys
        == ["a", "x", "b", "y", "repetition", "updates"]
    )


def test_values_are_python_scalars():
    config = Domain(x=normal(), k=NumpySampler("p", lam=3), v=normal(dim=2))[0].config()
    assert type(config["x"]) is float
    assert type(config["k"]) is int
    assert config["v"].shape == (2,)


def test_without_a_seed_objects_differ_and_the_entropy_is_readable():
    one, two = Domain(x=normal()), Domain(x=normal())
    assert one[0] != two[0]
    assert one[0] == one[0] == next(iter(one))
    assert Domain(x=normal()).set_iter_params(seed=one.seed_sequence)[0] == one[0]


def test_seed_with_a_spawn_key_is_another_seed():
    parent = make_seed_sequence(5)
    child = parent.spawn(1)[0]
    domain = Domain(x=normal())
    assert domain.set_iter_params(seed=5)[0] != domain.set_iter_params(seed=child)[0]


def test_frozen_scipy_distributions_and_objects_with_sample():
    class Dice:
        def sample(self, size):
            return np.random.default_rng().integers(1, 7, size)

    class Seeded:
        def sample(self, size, rng):
            return rng.integers(1, 7, size)

    domain = Domain(n=stats.norm(10, 0.1), d=Dice(), s=Seeded()).set_default_seed(1)
    configs = plain(domain[:600])
    assert plain(domain[:600]) == configs
    assert abs(np.mean([config["n"] for config in configs]) - 10) < 0.1
    assert {config["d"] for config in configs} == {config["s"] for config in configs} == set(range(1, 7))


def test_weights_are_shares_of_an_endless_mixture():
    parts = [0.3 * Domain(p1=normal()), 0.2 * Domain(p2=normal()), 0.5 * Domain(p3=normal())]
    domain = sum(parts).set_iter_params(n_items=20_000, seed=1)
    counts = Counter(next(iter(config)) for config in plain(domain))
    for key, share in (("p1", 0.3), ("p2", 0.2), ("p3", 0.5)):
        assert abs(counts[key] / 20_000 - share) < 4 * np.sqrt(share * (1 - share) / 20_000)


def test_exhausted_summand_leaves_the_mixture():
    domain = (0.9 * Domain(a=range(10)) + 0.1 * Domain(b=range(1000))).set_iter_params(seed=1)
    configs = plain(domain)
    last_a = max(number for number, config in enumerate(configs) if "a" in config)
    assert last_a < 40
    assert [config["a"] for config in configs if "a" in config] == list(range(10))
    assert [config["b"] for config in configs if "b" in config] == list(range(1000))


def test_groups_follow_one_another():
    one = [Domain(g1=[1, 2])]
    two = [1.2 * Domain(g2=[1, 2]), 2.3 * Domain(g3=[1, 2])]
    rest = [Domain(g4=[1, 2]), 1.0 * Domain(g5=[1, 2])]
    keys = [next(iter(config)) for config in plain(sum(one + two + rest).set_iter_params(seed=2))]
    assert keys[:2] == ["g1"] * 2
    assert sorted(keys[2:6]) == ["g2", "g2", "g3", "g3"]
    assert keys[6:] == ["g4"] * 2 + ["g5"] * 2


@given(st.lists(st.tuples(st.floats(0.1, 5), st.integers(1, 40)), min_size=2, max_size=4), st.integers(0, 99))
def test_mixture_equals_a_mixture_drawn_one_by_one(parts, seed):
    """Every choice is made among what is left, and every summand gives its configs in order."""
    domain = sum(w * Domain({f"p{k}": range(n)}) for k, (w, n) in enumerate(parts)).set_iter_params(seed=seed)
    left = {f"p{k}": list(range(n)) for k, (_, n) in enumerate(parts)}
    for config in plain(domain):
        ((key, value),) = config.items()
        assert left[key].pop(0) == value
    assert not any(left.values())


def test_weight_of_a_sum_is_given_to_each_summand():
    a, b = Domain(a=[1]), Domain(b=[1])
    assert repr(0.5 * (a + b)) == repr(0.5 * a + 0.5 * b)
    assert repr(2 * (0.25 * a)) == repr(0.5 * a)
    assert repr(np.float64(0.5) * a) == repr(a * 0.5) == repr(0.5 * a)


def test_weights_multiply_in_products():
    mixture = 0.5 * Domain(a=[1]) * (0.5 * Domain(b=[1]) + 0.25 * Domain(c=[1]))
    assert repr(mixture) == "0.25 * Domain(a=[1], b=[1]) + 0.125 * Domain(a=[1], c=[1])"
