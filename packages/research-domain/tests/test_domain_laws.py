"""The algebra against an oracle of lists of dictionaries."""

import pickle
import warnings

import pytest
from domain_oracle import Sum, Times, multiset, plain
from domain_strategies import expressions, has_a
from hypothesis import given
from hypothesis import strategies as st

from research_domain import Config, Domain, DomainWarning, ZipError


@given(expressions)
def test_configs_equal_the_oracle(expression):
    assert plain(expression.domain()) == expression.configs()


@given(expressions)
def test_length_equals_the_oracle(expression):
    domain = expression.domain()
    assert domain.len == domain.size == len(domain) == len(expression.configs())
    assert domain.is_finite


@given(expressions, st.data())
def test_index_and_walk_from_the_middle_equal_iteration(expression, data):
    domain, expected = expression.domain(), expression.configs()
    if not expected:
        return
    index = data.draw(st.integers(0, len(expected) - 1))
    assert plain([domain[index]]) == [expected[index]]
    assert plain([domain[index - len(expected)]]) == [expected[index]]
    assert plain(expression.domain().iterate(index)) == expected[index:]


@given(expressions, st.slices(20))
def test_slices_equal_those_of_the_list(expression, index):
    assert plain(expression.domain()[index]) == expression.configs()[index]


@given(expressions, expressions)
def test_length_of_sum_and_product(left, right):
    a, b = left.domain(), right.domain()
    assert len(a + b) == len(a) + len(b)
    assert len(a * b) == len(a) * len(b)


@given(expressions, expressions, expressions)
def test_sum_and_product_are_associative(one, two, three):
    a, b, c = one.domain(), two.domain(), three.domain()
    assert plain((a + b) + c) == plain(a + (b + c))
    if len(a) * len(b) * len(c) <= 2000:
        assert plain((a * b) * c) == plain(a * (b * c))


@given(expressions, expressions, expressions)
def test_product_distributes_over_sum(one, two, three):
    a, b, c = one.domain(), two.domain(), three.domain()
    if len(a) * (len(b) + len(c)) > 2000:
        return
    assert multiset(plain(a * (b + c))) == multiset(plain(a * b + a * c))
    assert plain((b + c) * a) == plain(b * a + c * a)


@given(expressions)
def test_the_empty_domain_is_the_unit_of_product(expression):
    domain = expression.domain()
    assert plain(domain * Domain()) == plain(Domain() * domain) == plain(domain)


@given(expressions, expressions)
def test_operators_never_change_their_operands(left, right):
    a, b = left.domain().set_iter_params(n_reps=2), right.domain().set_iter_params(seed=1)
    a.set_update(lambda: None, "last")
    before = [(plain(one), one.iter_params, one.update_rule) for one in (a, b)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DomainWarning)  # that + and * drop the settings of operands
        joined = (a + b, a * b)
    for result in (*joined, 0.5 * a, a.where(has_a), a.copy()):
        result.set_iter_params(n_reps=3).set_update(lambda: None, 1)
        assert result.size == 0 or list(result)
    assert [(plain(one), one.iter_params, one.update_rule) for one in (a, b)] == before


@given(expressions)
def test_every_config_is_in_its_domain(expression):
    domain = expression.domain()
    assert all(config in domain for config in domain)
    assert Config({"a": 17}) not in domain
    assert {"nobody": 1} not in domain


@given(expressions, expressions)
def test_membership_equals_that_in_the_list(left, right):
    domain, configs = left.domain(), [Config(config) for config in left.configs()]
    for config in right.configs()[:20]:
        assert (config in domain) == (Config(config) in configs)


@given(expressions)
def test_where_reports_what_it_removed(expression):
    domain, configs = expression.domain(), expression.configs()
    if not domain.constraints:
        (constraint,) = domain.where(has_a).constraints
        kept = sum("a" in config for config in configs)
        assert (constraint.checked, constraint.kept) == (len(configs), kept)


@given(expressions, expressions)
def test_zip_of_different_lengths_is_an_error(left, right):
    a, b = left.domain(), right.domain()
    if len(a) == len(b):
        assert len(a @ b) == len(a)
    else:
        with pytest.raises(ZipError, match=f"{len(a)} and {len(b)}"):
            a @ b


@given(expressions)
def test_domains_survive_pickling(expression):
    assert plain(pickle.loads(pickle.dumps(expression.domain()))) == expression.configs()


@given(expressions, st.integers(0, 10), st.integers(0, 100))
def test_sample_gives_different_configs_of_the_domain(expression, n, seed):
    configs, domain = expression.configs(), expression.domain()
    n = min(n, len(configs))
    drawn = plain(domain.sample(n, seed))
    assert drawn == plain(expression.domain().sample(n, seed))
    assert len(drawn) == n
    rest = list(configs)
    for config in drawn:
        rest.remove(config)


@given(expressions, expressions)
def test_weights_change_the_order_alone(left, right):
    mixture = (0.3 * left.domain() + 0.7 * right.domain()).set_iter_params(seed=3)
    assert len(mixture) == len(left.configs()) + len(right.configs())
    drawn = plain(mixture)
    assert multiset(drawn) == multiset(Sum(left, right).configs())
    assert plain(mixture[index] for index in range(len(mixture))) == drawn


@given(expressions, expressions, expressions)
def test_weighted_summands_distribute_over_product(one, two, three):
    a, b, c = one.domain(), two.domain(), three.domain()
    if (len(a) + len(b)) * len(c) > 1000:
        return
    left = plain(((0.3 * a + 0.7 * b) * c).set_iter_params(seed=5))
    assert multiset(left) == multiset(Times(Sum(one, two), three).configs())


def test_sum_of_many_domains_by_the_builtin():
    assert plain(sum(Domain(a=[k]) for k in range(50))) == [{"a": k} for k in range(50)]


def test_equal_values_are_distinct_points():
    domain = Domain(a=[1, 1, 2], b=[3, 3])
    assert plain(domain.iterate(3)) == [{"a": 1, "b": 3}, *[{"a": 2, "b": 3}] * 2]


def test_later_factor_wins_over_equal_names():
    assert plain(Domain(a=[1, 2]) * Domain(a=[3])) == [{"a": 3}, {"a": 3}]
