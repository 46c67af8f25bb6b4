"""Filters: laziness, products, reports, errors."""

import itertools

import pytest
from domain_oracle import plain

from research_domain import Constraint, Domain, DomainIndexError, NumpySampler, PredicateError, ZipError


def positive(config):
    return config["x"] > 0


def test_predicate_sees_values_without_auxiliary_keys():
    seen = []
    for _ in Domain({"a/b": [1, 2]}).where(lambda config: seen.append(config.to_dict()) or True):
        pass
    assert seen == [{"a": {"b": 1}}, {"a": {"b": 2}}]


def test_nothing_is_enumerated_before_it_is_asked_for():
    asked = []
    grid = Domain(a=range(10**9), b=range(10**9))
    domain = grid.where(lambda config: asked.append(config) or config["b"] % 3 == 0)
    assert asked == []
    assert plain([next(iter(domain)), domain[1]]) == [{"a": 0, "b": 0}, {"a": 0, "b": 3}]
    assert plain(domain[2:4]) == [{"a": 0, "b": 6}, {"a": 0, "b": 9}]
    assert plain([next(iter(domain.copy().set_iter_params(n_reps=2, repeat_each=2)))]) == [{"a": 0, "b": 0}]
    assert plain(domain.copy().set_iter_params(n_items=2)) == [{"a": 0, "b": 0}, {"a": 0, "b": 3}]
    assert domain.is_finite
    assert domain.set_iter_params().is_finite
    endless = domain + Domain(x=NumpySampler("n"))
    assert not endless.is_finite
    assert plain([next(iter(endless)), endless[1]]) == [{"a": 0, "b": 0}, {"a": 0, "b": 3}]
    mixed = 0.5 * Domain(x=NumpySampler("n")) + Domain(c=[1]) + domain
    assert (mixed.len, mixed.is_finite) == (None, False)
    assert len(asked) < 100


def test_index_past_the_end_is_an_error():
    domain = Domain(a=range(10)).where(lambda config: config["a"] > 7)
    assert plain([domain[1], domain[-1]]) == [{"a": 9}] * 2
    with pytest.raises(DomainIndexError, match=r"index 2 .* 2 configs"):
        domain[2]


def test_filters_compose():
    domain = Domain(a=range(10)).where(lambda c: c["a"] % 2 == 0).where(lambda c: c["a"] > 4)
    assert plain(domain) == [{"a": 6}, {"a": 8}]
    assert plain(domain @ Domain(b=[1, 2])) == [{"a": 6, "b": 1}, {"a": 8, "b": 2}]


def test_in_a_product_the_predicate_sees_its_own_parameters():
    seen = set()
    filtered = (Domain(a=[1, 2]) * Domain(x=NumpySampler("n"))).where(lambda c: seen.update(c) or True)
    assert len((filtered * Domain(b=[1, 2])).set_iter_params(seed=1)) == 4
    assert seen == {"a", "x"}


def test_filter_over_a_sampler_draws_again():
    domain = Domain(a=range(200)) * Domain(x=NumpySampler("n")).where(positive)
    configs = plain(domain.set_iter_params(seed=1))
    assert len(configs) == len(domain) == 200
    assert all(config["x"] > 0 for config in configs)
    assert len({config["x"] for config in configs}) == 200


def test_filter_over_grid_and_sampler_removes_points():
    grid = (Domain(a=range(200)) * Domain(x=NumpySampler("n"))).set_iter_params(seed=1)
    domain = grid.where(positive).set_iter_params(seed=1)
    assert plain(domain) == [config for config in plain(grid) if config["x"] > 0]
    assert len(domain) == len(plain(domain))


def test_filter_over_an_endless_domain_equals_filtering_what_it_produces():
    source = Domain(x=NumpySampler("n")).set_iter_params(seed=1)
    kept = [config for config in plain(source[:2000]) if config["x"] > 0]
    domain = source.where(positive).set_iter_params(seed=1)
    assert plain(itertools.islice(domain, len(kept))) == kept
    assert plain([domain[700]]) == [kept[700]]


def test_filter_over_a_mixture_equals_filtering_what_it_produces():
    source = 0.5 * Domain(x=range(-50, 50)) + 0.5 * Domain(x=range(1000, 1100))
    domain = source.where(positive).set_iter_params(seed=4)
    assert plain(domain) == [c for c in plain(source.set_iter_params(seed=4)) if c["x"] > 0]


def test_report_of_what_was_removed():
    small = Domain(a=range(9)).where(lambda config: config["a"] < 3)
    (constraint,) = small.constraints
    assert constraint == Constraint("<lambda>", checked=9, kept=3)
    assert constraint.removed == 6
    (endless,) = Domain(x=NumpySampler("n")).where(positive).set_iter_params(seed=1).constraints
    assert endless.checked == 1000
    assert 400 < endless.removed < 600
    product = Domain(a=[1]) * Domain(x=NumpySampler("n")).where(positive)
    assert product.set_iter_params(seed=1).constraints[0].kept == 512


def test_constraints_are_reported_one_by_one_in_sums_and_products():
    domain = Domain(a=range(4)).where(lambda c: c["a"] > 0) * Domain(b=range(4)).where(lambda c: c["b"] > 1)
    assert [one.removed for one in domain.constraints] == [1, 2]


def test_membership_respects_the_predicate():
    domain = Domain(a=range(10)).where(lambda config: config["a"] % 2 == 0)
    assert {"a": 4} in domain
    assert {"a": 5} not in domain
    sampled = Domain(x=NumpySampler("n")).where(positive)
    assert {"x": 2.5} in sampled
    assert {"x": -2.5} not in sampled
    assert {"x": -2.5, "a": 1} not in Domain(a=[1]) * sampled


def test_predicate_that_raises_is_named_with_the_config():
    def too_deep(config):
        return 1 / config["a"]

    with pytest.raises(PredicateError, match=r"too_deep.*ZeroDivisionError.*a_0") as caught:
        list(Domain(a=[1, 0]).where(too_deep))
    assert caught.value.predicate == "too_deep"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "domain",
    [
        Domain(x=NumpySampler("n")).where(lambda config: False),
        Domain(a=[1]) * Domain(x=NumpySampler("n")).where(lambda config: False),
    ],
)
def test_predicate_that_keeps_nothing_of_something_endless_is_an_error(domain):
    with pytest.raises(PredicateError, match="nothing was kept"):
        next(iter(domain))


def test_predicate_that_keeps_nothing_leaves_nothing():
    for domain in (Domain(a=[1, 2]), Domain(a=[1, 2], x=NumpySampler("n"))):
        none = domain.where(lambda config: False)
        assert (len(none), list(none), none.copy().set_iter_params(n_items=5).size) == (0, [], 0)
        assert list(none) == list(none * domain) == list(domain * none) == []
        assert len(none + domain) == 2


def test_zip_of_a_random_length_is_refused():
    random = (Domain(a=[1, 2]) * Domain(x=NumpySampler("n"))).where(positive)
    with pytest.raises(ZipError, match="filter afterwards"):
        random @ Domain(b=[1, 2])
